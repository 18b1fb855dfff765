//! Reconstruction error of the principal components.
//!
//! Source: Jackson & Mudholkar 1979, *Control procedures for residuals associated with principal component analysis*
//! (Technometrics 21(3), 341-349), the Q statistic: the distance of a row to the plane of the first components, here as
//! `√(‖z - m‖² - Σ_kept ((z - m)·v)²)` on standardised columns. As many components are kept as hold 95 % of the variance
//! of the normal rows.
//!
//! Shapes: normal `(N, D)`, rows `(Q, D)`, scores `(Q,)`. Cost: that of the [`Axes`], and `Q D r`.

use std::sync::Arc;

use super::{
    super::{axes::Axes, features::Features},
    Detector,
};
use crate::{Error, Result};

/// The share of the variance that is kept, where nothing else is asked for.
pub const KEPT: f64 = 0.95;

/// The error, fitted.
#[derive(Clone, Debug)]
pub struct Reconstruction {
    axes: Arc<Axes>,
    kept: usize,
}

impl Reconstruction {
    /// Keeps as many of the axes as hold the share `kept` of the variance, between 0 and 1.
    pub fn new(axes: Arc<Axes>, kept: f64) -> Result<Self> {
        if !(kept > 0.0 && kept < 1.0) {
            return Err(Error::config(format!("a kept share of variance of {kept} is not between 0 and 1")));
        }
        let total: f64 = axes.values().iter().sum();
        let mut sum = 0.0;
        let below = axes.values().iter().take_while(|&value| {
            sum += value;
            sum < kept * total
        });
        let kept = (below.count() + 1).min(axes.values().len());
        Ok(Self { axes, kept })
    }

    /// The number of components that are kept; 0 where all normal rows are the same.
    pub fn components(&self) -> usize {
        self.kept
    }
}

impl Detector for Reconstruction {
    fn scores(&self, rows: &Features) -> Result<Vec<f64>> {
        let seen = self.axes.see(rows)?;
        super::ranked(seen.split(&vec![0.0; self.kept]).map(|(outside, _)| outside.max(0.0).sqrt()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::neighbors::tests::noise;

    // import numpy as np; from sklearn.decomposition import PCA; from sklearn.preprocessing import StandardScaler
    // i = np.arange(300); x = (np.sin((i*i % 97)/7.0).astype("f") + (i // 10 % 7).astype("f")*(i % 5).astype("f")).reshape(30, 10)
    // s = StandardScaler().fit(x.astype(float)); p = PCA(n_components=0.95).fit(s.transform(x))
    // q = s.transform(np.outer([1, -2, 3], np.arange(10) / 3.0 - 1).astype("f")); r = p.inverse_transform(p.transform(q))
    // print(p.n_components_, np.linalg.norm(q - r, axis=1))
    #[test]
    fn components_and_errors_are_those_of_scikit_learn() {
        let data = (0..300).map(|i| ((i * i % 97) as f32 / 7.0).sin() + (i / 10 % 7) as f32 * (i % 5) as f32);
        let normal = Features::new(30, 10, data.collect()).unwrap();
        let rows = [1.0f32, -2.0, 3.0].iter().flat_map(|a| (0..10).map(move |j| a * (j as f32 / 3.0 - 1.0)));
        let rows = Features::new(3, 10, rows.collect()).unwrap();
        let detector = Reconstruction::new(Arc::new(Axes::fit(&normal).unwrap()), KEPT).unwrap();
        assert_eq!(detector.components(), 3);
        let scores = detector.scores(&rows).unwrap();
        assert!(scores.iter().zip([0.6838438, 1.2049674, 1.9099331]).all(|(a, b)| (a - b).abs() < 1e-4), "{scores:?}");
    }

    #[test]
    fn what_lies_in_the_plane_is_reconstructed_and_what_does_not_is_as_far_as_it_is() {
        // Rows on the plane of the first two columns; the third is always 0.
        let plane: Vec<f32> = (0..50).flat_map(|i| [(i as f32).sin(), (i as f32 * 1.7).cos(), 0.0]).collect();
        let axes = Arc::new(Axes::fit(&Features::new(50, 3, plane).unwrap()).unwrap());
        let detector = Reconstruction::new(axes.clone(), 0.999).unwrap();
        let scores = detector.scores(&Features::new(2, 3, vec![0.9, -0.4, 0.0, 0.9, -0.4, 2.5]).unwrap()).unwrap();
        assert!(scores[0] < 1e-5 && (scores[1] - 2.5).abs() < 1e-5, "{scores:?}");
        assert!(Reconstruction::new(axes, 1.0).is_err());
    }

    #[test]
    fn equal_normal_rows_leave_the_distance_to_them() {
        let same = noise(1, 5, 2).select(&[0; 4]);
        let detector = Reconstruction::new(Arc::new(Axes::fit(&same).unwrap()), KEPT).unwrap();
        assert_eq!((detector.components(), detector.scores(&same).unwrap()), (0, vec![0.0; 4]));
        assert!(detector.scores(&noise(2, 5, 9)).unwrap().iter().all(|s| *s > 0.0));
    }
}
