//! What a run came to, in figures and one sentence.

use super::{Health, progress::duration};
use crate::data::Skipped;

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// All steps are done.
    Completed,
    /// The stop condition came true first.
    Deadline,
}

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Steps done, those before a resume included.
    pub steps: u64,
    /// Epochs done.
    pub epochs: f64,
    /// Seconds of this process.
    pub seconds: f64,
    /// Loss, smoothed over the last steps.
    pub loss: f64,
    /// The last look at the features.
    pub health: Option<Health>,
    /// True if the loss stood far above where it began.
    pub diverging: bool,
    /// Samples that could not be loaded.
    pub skipped: Vec<Skipped>,
    /// Why it ended.
    pub stopped: Stopped,
    /// Steps done and loss, as logged by this process.
    pub history: Vec<(u64, f64)>,
}

impl Summary {
    /// One sentence for the user.
    pub fn sentence(&self) -> String {
        let skipped = match self.skipped.len() {
            0 => String::new(),
            n => format!(", {n} samples could not be loaded"),
        };
        let steps = format!("{} steps ({:.1} epochs) in {}", self.steps, self.epochs, duration(self.seconds));
        format!("trained {steps}, loss {:.4}{skipped}", self.loss)
    }
}

/// Throughput of training on this machine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Seconds a step, loading included.
    pub seconds_per_step: f64,
    /// Samples a second.
    pub samples_per_second: f64,
}
