//! The label-efficiency study: everything that `manabi pilot` does with any modality.
//!
//! [`pilot`] goes through the phases: split → calibrate → pre-train → embed → probe → train on
//! labels → look without labels → conclude. [`evaluate`] does the part after pre-training for an
//! encoder that exists. All rows use the same splits, draws of labels and probe.

mod anomaly;
mod budgets;
mod cells;
mod config;
mod describe;
mod encoders;
mod figures;
mod host;
mod label_free;
mod labelled;
mod map;
mod pairs;
mod parts;
mod plan;
mod pretrain;
mod recorder;
mod regression;
mod resampled;
mod run;
mod sequence;
mod stopwatch;
#[cfg(test)]
mod toy;
mod trainings;

pub use anomaly::{
    AnomalyConfig, AnomalyReport, Estimate, Found, Masked, Quality, RowScore, Run, ScoreContrast, ScoreRow, anomaly,
};
pub use config::StudyConfig;
pub use host::{page_faults, peak_memory};
pub use labelled::Labelled;
pub use pairs::{PairsContrast, PairsReport, PairsRow, Search, pairs};
pub use parts::Parts;
pub use regression::{RegressionContrast, RegressionReport, RegressionRow, regression};
pub use run::{Start, evaluate, pilot};
