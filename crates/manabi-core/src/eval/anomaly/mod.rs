//! Anomaly detection: scores that are fitted on normal rows alone, and what they are worth.
//!
//! | file | answers |
//! |---|---|
//! | [`knn`] | how far the nearest normal rows are |
//! | [`mahalanobis`] | how far the mean of the normal rows is, in units of their spread |
//! | [`pca`] | how much of a row lies outside the directions in which normal rows vary |
//! | [`zscore`] | how far single columns are from their normal values |
//! | [`threshold`] | from which score on a row is flagged, by normal rows alone |
//! | [`metrics`], [`events`] | AUROC, AUPRC, point-wise and event-wise F1, with intervals |
//!
//! A label of an anomaly is never used to fit, to choose or to set a threshold: only to measure. All scores are the
//! higher, the stranger.

pub mod events;
pub mod knn;
pub mod mahalanobis;
pub mod metrics;
pub mod pca;
pub mod threshold;
pub mod zscore;

use super::Features;
use crate::{Error, Result};

/// A score that was fitted on normal rows: the higher, the stranger.
pub trait Detector: Send + Sync {
    /// The scores of `rows (N, D)`, one a row, finite.
    fn scores(&self, rows: &Features) -> Result<Vec<f64>>;
}

/// Refuses scores that cannot be ranked.
fn ranked(scores: Vec<f64>) -> Result<Vec<f64>> {
    match scores.iter().position(|s| !s.is_finite()) {
        Some(row) => Err(Error::data(format!("the anomaly score of row {row} is {}", scores[row]))),
        None => Ok(scores),
    }
}
