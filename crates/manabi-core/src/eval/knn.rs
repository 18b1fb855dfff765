//! kNN classification of embeddings: cosine, votes weighted by temperature.
//!
//! Source: Wu et al. 2018 (arXiv:1805.01978), section 3.4, as DINO uses it: each of the `k` nearest labelled rows votes
//! for its class with `exp(cosine / T)`. Exact, no index. Equal votes go to the smaller class, equal cosines to the
//! smaller row, so that the answer is always the same.
//!
//! Shapes: labelled `(N, D)`, queries `(Q, D)`, scores `(Q, K)` row-major. Cost: `2 Q N D` operations.

use super::features::Features;
use super::neighbors::nearest;
use crate::error::{Error, Result};

/// The settings of the vote, which belong into every report of its result.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Knn {
    /// How many neighbours vote; all labelled rows where there are fewer.
    pub k: usize,
    /// The temperature T of the votes.
    pub temperature: f64,
}

impl Default for Knn {
    fn default() -> Self {
        Self { k: 20, temperature: 0.07 }
    }
}

/// The outcome of the vote.
#[derive(Debug, Clone, PartialEq)]
pub struct Votes {
    /// The class of each query.
    pub predictions: Vec<u32>,
    /// The share of the votes that each class got, `(queries, classes)` row-major.
    pub scores: Vec<f32>,
    /// The classes, in the order of the columns of `scores`.
    pub classes: Vec<u32>,
    /// How many neighbours voted.
    pub k: usize,
}

impl Knn {
    /// Classifies the queries by the labelled rows.
    pub fn predict(&self, rows: &Features, labels: &[u32], queries: &Features) -> Result<Votes> {
        if labels.len() != rows.rows() || labels.is_empty() {
            return Err(Error::Data(format!("{} labels for {} rows", labels.len(), rows.rows())));
        }
        if self.k == 0 || self.temperature <= 0.0 || self.temperature.is_nan() {
            return Err(Error::Config(format!("{} neighbours at temperature {}", self.k, self.temperature)));
        }
        let mut classes = labels.to_vec();
        classes.sort_unstable();
        classes.dedup();
        let k = self.k.min(rows.rows());
        let mut predictions = Vec::with_capacity(queries.rows());
        let mut scores = Vec::with_capacity(queries.rows() * classes.len());
        let mut votes = vec![0.0; classes.len()];
        for neighbors in nearest(queries, rows, k)? {
            votes.fill(0.0);
            let most = neighbors.first().map_or(0.0, |n| n.cosine);
            for neighbor in &neighbors {
                let column = classes.partition_point(|&class| class < labels[neighbor.row]);
                votes[column] += (f64::from(neighbor.cosine - most) / self.temperature).exp();
            }
            let total: f64 = votes.iter().sum();
            let best = (1..votes.len()).fold(0, |best, i| if votes[i] > votes[best] { i } else { best });
            predictions.push(classes[best]);
            scores.extend(votes.iter().map(|vote| (vote / total) as f32));
        }
        Ok(Votes { predictions, scores, classes, k })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_vote_follows_its_formula() {
        let rows = Features::new(3, 2, vec![1.0, 0.0, 0.0, 1.0, 3.0, 4.0]).unwrap();
        let query = Features::new(1, 2, vec![5.0, 0.0]).unwrap();
        let votes = Knn { k: 3, temperature: 0.5 }.predict(&rows, &[2, 9, 9], &query).unwrap();
        let (two, nine) = (f64::exp(1.0 / 0.5), f64::exp(0.0) + f64::exp(0.6 / 0.5));
        assert!((f64::from(votes.scores[0]) - two / (two + nine)).abs() < 1e-6);
        assert!((f64::from(votes.scores[1]) - nine / (two + nine)).abs() < 1e-6);
        assert_eq!((votes.classes, votes.predictions), (vec![2, 9], vec![2]));
    }

    // from sklearn.neighbors import KNeighborsClassifier as K; import numpy as np
    // a = np.sin(np.arange(200) ** 2 * 0.37).reshape(50, 4).astype("f"); y = np.arange(50) % 3
    // q = np.cos(np.arange(48) ** 2 * 0.11).reshape(12, 4).astype("f")
    // k = K(7, metric="cosine", algorithm="brute", weights=lambda d: np.exp((1 - d) / 0.07)).fit(a, y)
    // print(k.predict(q), k.predict_proba(q)[:2])
    #[test]
    fn predictions_are_those_of_scikit_learn() {
        let wave = |n: u32, f: fn(f64) -> f64, rate: f64| (0..n).map(|i| f(f64::from(i * i) * rate) as f32).collect();
        let rows = Features::new(50, 4, wave(200, f64::sin, 0.37)).unwrap();
        let queries = Features::new(12, 4, wave(48, f64::cos, 0.11)).unwrap();
        let labels: Vec<u32> = (0..50).map(|i| i % 3).collect();
        let votes = Knn { k: 7, ..Knn::default() }.predict(&rows, &labels, &queries).unwrap();
        assert_eq!(votes.predictions, [2, 2, 0, 2, 2, 1, 2, 2, 1, 1, 0, 0]);
        let figures: [f32; 6] = [0.166173, 0.194625, 0.639202, 0.154492, 0.015675, 0.829833];
        assert!(votes.scores.iter().zip(figures).all(|(a, b)| (a - b).abs() < 1e-4), "{:?}", &votes.scores[..6]);
    }

    #[test]
    fn ties_go_to_the_smaller_class_and_k_is_capped() {
        let rows = Features::new(2, 2, vec![1.0, 0.0, 1.0, 0.0]).unwrap();
        let votes = Knn::default().predict(&rows, &[8, 3], &rows).unwrap();
        assert_eq!((votes.predictions, votes.k), (vec![3, 3], 2));
        assert!(Knn::default().predict(&rows, &[1], &rows).is_err());
        assert!(Knn { k: 0, ..Knn::default() }.predict(&rows, &[1, 2], &rows).is_err());
    }
}
