//! One file a verb.

pub mod anomaly;
pub mod data;
pub mod embed;
pub mod evaluate;
pub mod finetune;
pub mod inspect;
pub mod methods;
pub mod pairs;
pub mod pilot;
pub mod predict;
pub mod pretrain;
pub mod regression;
pub mod resolve;
pub mod run_config;
pub mod trained;

use manabi_pilot::report::text::wrap;

/// Width of a terminal line.
const COLUMNS: usize = 80;

/// What every verb is told.
#[derive(Clone, Copy, Debug, Default)]
pub struct Global {
    /// No progress.
    pub quiet: bool,
    /// Results as JSON.
    pub json: bool,
}

impl Global {
    /// A line of progress, on standard error.
    pub fn say(&self, message: &str) {
        if !self.quiet {
            eprintln!("{message}");
        }
    }

    /// What opening the data remarked on (annotations left aside, near-duplicates), on standard error.
    pub fn remark(&self, notes: &[String]) {
        for note in notes {
            self.say(&wrap(&format!("note: {note}"), COLUMNS, 2));
        }
    }
}
