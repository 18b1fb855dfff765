//! What a study is asked to do.

use std::{path::PathBuf, time::Duration};

use manabi_core::{method::Overrides, train::TrainConfig};

/// Settings of a study.
#[derive(Clone, Debug)]
pub struct StudyConfig {
    /// The dataset's name in the report.
    pub dataset: String,
    /// The pretext task.
    pub method: String,
    /// Settings of the method.
    pub overrides: Overrides,
    /// Wall-clock time for everything.
    pub budget: Duration,
    /// Draws of labels at each budget.
    pub seeds: usize,
    /// Seed of pre-training and of the first draw.
    pub seed: u64,
    /// Settings of pre-training; the study itself decides on the steps and on how often it looks. Training on labels takes
    /// precision and recomputation from them.
    pub train: TrainConfig,
    /// Where pre-training leaves checkpoints, metrics and the encoder.
    pub run: Option<PathBuf>,
    /// The command that was typed, for the report.
    pub command: String,
}

impl StudyConfig {
    /// The defaults: SimCLR, twenty minutes, three draws.
    pub fn new(dataset: impl Into<String>) -> Self {
        Self {
            dataset: dataset.into(),
            method: "simclr".into(),
            overrides: Overrides::default(),
            budget: Duration::from_secs(20 * 60),
            seeds: 3,
            seed: 0,
            train: TrainConfig::default(),
            run: None,
            command: String::new(),
        }
    }

    /// Share of the full training recipe on labels that the time budget allows: all of it from ten minutes on.
    pub fn effort(&self) -> f64 {
        (self.budget.as_secs_f64() / 600.0).clamp(0.25, 1.0)
    }
}
