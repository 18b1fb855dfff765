//! What an evaluation by a number found, for the terminal and as `regression.json` (docs/FORMATS.md).

use serde::{Deserialize, Serialize};

use crate::study::anomaly::Estimate;

/// One representation at one budget.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RegressionRow {
    /// `mean`, `raw`, `random` or `ssl-linear`.
    pub representation: String,
    /// The method, or the baseline's model.
    pub method: String,
    /// Groups that were learnt from (rows, where there are no groups).
    pub units: usize,
    /// Rows that were learnt from, of the first draw.
    pub labels: usize,
    /// Root mean squared error with its interval, in the target's unit.
    pub rmse: Estimate,
    /// Mean absolute error.
    pub mae: f64,
    /// Share of the variance that is explained; null where the test rows do not vary.
    pub r2: Option<f64>,
    /// The PHM08 score, a sum over the test rows; null where it was not asked for.
    pub nasa_score: Option<f64>,
    /// Draws.
    pub draws: usize,
}

/// RMSE of the self-supervised row less that of another at the same budget: below 0 is better.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RegressionContrast {
    /// The budget.
    pub units: usize,
    /// The other representation.
    pub against: String,
    /// The difference.
    pub difference: Estimate,
}

/// Everything.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RegressionReport {
    /// The dataset.
    pub dataset: String,
    /// The fixed word of the modality.
    pub modality: String,
    /// What budgets count: `groups` or `rows`.
    pub unit: String,
    /// Training rows with a target.
    pub train_rows: usize,
    /// Test rows with a target.
    pub test_rows: usize,
    /// By budget, baselines first.
    pub rows: Vec<RegressionRow>,
    /// What the verdict stands on.
    pub contrasts: Vec<RegressionContrast>,
    /// One sentence a budget.
    pub verdict: String,
    /// What the reader must know.
    pub notes: Vec<String>,
}
