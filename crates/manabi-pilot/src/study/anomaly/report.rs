//! What an anomaly detection found, for the terminal and as JSON (docs/FORMATS.md).

use serde::{Deserialize, Serialize};

/// A figure with its 95 % interval.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The figure.
    pub mean: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// What is flagged by one score, against the truth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// Right among what was flagged; null if nothing was.
    pub precision: Option<f64>,
    /// Flagged among what was to be found; null if nothing was.
    pub recall: Option<f64>,
    /// Of both; null if there was nothing to find and nothing was flagged.
    pub f1: Option<f64>,
}

/// What is known of one score where the test rows have labels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// Area under the ROC curve; null where test rows are of one kind.
    pub auroc: Option<Estimate>,
    /// Area under the precision-recall curve; null where test rows are of one kind.
    pub auprc: Option<Estimate>,
    /// Of single rows, at the threshold.
    pub points: Found,
    /// Of events, without point adjustment, at the threshold.
    pub events: Found,
    /// Runs of anomalous rows.
    pub event_count: usize,
    /// Runs of flagged rows that touch no event.
    pub false_alarms: usize,
    /// The share of normal test rows that is flagged; null without any.
    pub false_positive_rate: Option<f64>,
}

/// One score.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ScoreRow {
    /// `FEATURES/DETECTOR`, as `--score` takes it.
    pub name: String,
    /// What lies above it is flagged; from normal training rows alone.
    pub threshold: f64,
    /// Scored rows above it.
    pub flagged: usize,
    /// What it is worth; null without labels.
    pub quality: Option<Quality>,
}

/// The AUROC of one score less that of another on the same resamples.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ScoreContrast {
    /// The first.
    pub a: String,
    /// The second.
    pub b: String,
    /// The difference.
    pub difference: Estimate,
}

/// One scored row of the dataset.
#[derive(Clone, Debug, PartialEq)]
pub struct RowScore {
    /// Its id.
    pub id: String,
    /// The higher, the stranger.
    pub score: f64,
    /// It lies above the threshold.
    pub flagged: bool,
}

/// Everything.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AnomalyReport {
    /// The dataset.
    pub dataset: String,
    /// The fixed word of the modality.
    pub modality: String,
    /// The class that was taken as normal; null without labels.
    pub normal: Option<String>,
    /// Rows that were fitted on.
    pub normal_rows: usize,
    /// Rows that were scored.
    pub scored_rows: usize,
    /// Anomalies among these; null without labels.
    pub anomalies: Option<usize>,
    /// The share of normal rows that the thresholds are meant to leave below them.
    pub quantile: f64,
    /// All scores.
    pub rows: Vec<ScoreRow>,
    /// The score that rows are flagged by.
    pub score: String,
    /// What the verdict stands on.
    pub contrasts: Vec<ScoreContrast>,
    /// What it all says.
    pub verdict: String,
    /// What the reader must know.
    pub notes: Vec<String>,
    /// The scored rows, for the CSV.
    #[serde(skip)]
    pub scores: Vec<RowScore>,
}
