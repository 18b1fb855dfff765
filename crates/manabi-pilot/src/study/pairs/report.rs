//! What an evaluation on scored pairs found, for the terminal and as `pairs.json` (docs/FORMATS.md).

use serde::{Deserialize, Serialize};

use crate::study::anomaly::Estimate;

/// One representation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PairsRow {
    /// `raw`, `random`, `given` or `ssl`.
    pub representation: String,
    /// The method, or what the baseline compares.
    pub method: String,
    /// Spearman's rho of cosines and scores, with its interval; null where all cosines are the same.
    pub spearman: Option<Estimate>,
    /// Pearson's r of both.
    pub pearson: Option<f64>,
    /// How the partner is found among all second members of the test pairs; null where no pair counts as alike.
    pub search: Option<Search>,
}

/// Finding the partner of a sample among the second members of all test pairs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Search {
    /// Share of the partners that are the nearest.
    pub recall_at_1: f64,
    /// Share of the partners among the nearest ten.
    pub recall_at_10: f64,
    /// Mean reciprocal place of the partner.
    pub mrr: f64,
    /// Normalised discounted cumulative gain of the first ten places.
    pub ndcg_at_10: f64,
    /// Samples whose partner is looked for.
    pub queries: usize,
}

/// Rho of the trained encoder less that of another: above 0 is better.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PairsContrast {
    /// The other representation.
    pub against: String,
    /// The difference.
    pub difference: Estimate,
}

/// Everything.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PairsReport {
    /// The dataset.
    pub dataset: String,
    /// The fixed word of the modality.
    pub modality: String,
    /// Pairs that are tested.
    pub test_pairs: usize,
    /// The score from which a pair counts as alike where partners are looked for.
    pub alike_from: f64,
    /// Baselines first.
    pub rows: Vec<PairsRow>,
    /// What the verdict stands on.
    pub contrasts: Vec<PairsContrast>,
    /// One sentence.
    pub verdict: String,
    /// What the reader must know.
    pub notes: Vec<String>,
}
