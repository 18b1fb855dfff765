//! The scores that are computed, each on raw features, on a random encoder and on the run's.
//!
//! Raw features get the control chart too; embeddings the Mahalanobis distance. What the verdict is about is fixed before
//! anything is measured: the nearest normal rows, on the run's encoder.

use std::sync::Arc;

use manabi_core::{
    Result,
    eval::{
        Features,
        anomaly::{
            Detector,
            knn::{self, NearestNormal},
            mahalanobis::Mahalanobis,
            pca::{KEPT, Reconstruction},
            threshold::{held_out_scores, threshold},
            zscore::{Over, ZScore},
        },
        axes::Axes,
    },
};

/// Beyond so many rows *and* columns, axes are found with so many rows.
const MOST: usize = 1024;

/// What a score stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    /// The modality's raw features.
    Raw,
    /// Embeddings of an encoder with random weights.
    Random,
    /// Embeddings of the run's encoder.
    Run,
}

impl On {
    /// The first half of a score's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Random => "random",
            Self::Run => "run",
        }
    }

    /// The second halves, in the order of [`On::fit`].
    pub fn detectors(self) -> &'static [&'static str] {
        match self {
            Self::Raw => &["z-largest", "z-mean", "knn", "pca"],
            _ => &["knn", "mahalanobis", "pca"],
        }
    }

    /// Fits them on normal rows.
    fn fit(self, normal: &Features) -> Result<Vec<Box<dyn Detector>>> {
        let axes = Arc::new(Axes::fit_some(normal, MOST)?);
        let mut all: Vec<Box<dyn Detector>> = Vec::new();
        if self == Self::Raw {
            all.push(Box::new(ZScore::fit(normal, Over::Largest)?));
            all.push(Box::new(ZScore::fit(normal, Over::Mean)?));
        }
        all.push(Box::new(NearestNormal::fit(normal, knn::Config::default())?));
        if self != Self::Raw {
            all.push(Box::new(Mahalanobis::new(axes.clone())?));
        }
        all.push(Box::new(Reconstruction::new(axes, KEPT)?));
        Ok(all)
    }
}

/// One score of all rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Scored {
    /// What it stands on.
    pub on: On,
    /// `FEATURES/DETECTOR`.
    pub name: String,
    /// Of the scored rows.
    pub scores: Vec<f64>,
    /// What lies above it is flagged.
    pub threshold: f64,
}

impl Scored {
    /// From scores of scored rows, and of normal rows that it was not fitted on.
    pub fn new(on: On, detector: &str, scores: Vec<f64>, normal: &[f64], quantile: f64) -> Result<Self> {
        let name = format!("{}/{detector}", on.name());
        Ok(Self { on, name, scores, threshold: threshold(normal, quantile)? })
    }

    /// Which of the scored rows are flagged.
    pub fn flagged(&self) -> Vec<bool> {
        self.scores.iter().map(|score| *score > self.threshold).collect()
    }
}

/// Normal rows and the rows to be scored, as one kind of features shows them.
pub struct Shown<'a> {
    /// `(normal rows, D)`.
    pub normal: &'a Features,
    /// Groups of the normal rows.
    pub groups: Option<&'a [u64]>,
    /// `(scored rows, D)`; `None` where the normal rows themselves are scored.
    pub rows: Option<&'a Features>,
}

/// All scores of one kind of features.
pub fn scored(on: On, shown: &Shown, quantile: f64, seed: u64) -> Result<Vec<Scored>> {
    let held_out = held_out_scores(shown.normal, shown.groups, seed, &|normal| on.fit(normal))?;
    let of_rows = match shown.rows {
        Some(rows) => on.fit(shown.normal)?.iter().map(|detector| detector.scores(rows)).collect::<Result<Vec<_>>>()?,
        None => held_out.clone(),
    };
    let named = on.detectors().iter().zip(of_rows).zip(held_out);
    named.map(|((detector, scores), normal)| Scored::new(on, detector, scores, &normal, quantile)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wave(rows: usize, from: usize) -> Features {
        let data = (0..rows * 4).map(|i| ((i + from) as f32 * 12.9898).sin() * 43.7).map(f32::fract);
        Features::new(rows, 4, data.collect()).unwrap()
    }

    #[test]
    fn every_detector_has_its_name_and_finds_what_is_far_away() {
        let normal = wave(60, 0);
        let mut far = wave(2, 999).data().to_vec();
        far[4..].iter_mut().for_each(|x| *x += 30.0);
        let rows = Features::new(2, 4, far).unwrap();
        for on in [On::Raw, On::Random, On::Run] {
            let shown = Shown { normal: &normal, groups: None, rows: Some(&rows) };
            let all = scored(on, &shown, 0.99, 0).unwrap();
            assert_eq!(all.len(), on.detectors().len());
            for score in all.iter().filter(|s| !s.name.ends_with("pca")) {
                assert!(score.name.starts_with(on.name()));
                assert!(score.flagged()[1] && score.scores[1] > 5.0 * score.scores[0], "{score:?}");
            }
        }
    }

    #[test]
    fn normal_rows_that_are_scored_themselves_are_hardly_ever_flagged() {
        let normal = wave(200, 0);
        for score in scored(On::Raw, &Shown { normal: &normal, groups: None, rows: None }, 0.99, 0).unwrap() {
            assert_eq!(score.scores.len(), 200);
            assert!(score.flagged().iter().filter(|f| **f).count() <= 2, "{}", score.name);
        }
    }
}
