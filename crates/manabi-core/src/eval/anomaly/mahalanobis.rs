//! Mahalanobis distance to the normal rows, with a shrunk covariance.
//!
//! `d(x) = √((x - m)ᵀ Σ⁻¹ (x - m))`, `Σ = (1 - δ) S + δ μ I`, `μ = tr(S)/D`, on standardised columns ([`Scale`](crate::eval::scale::Scale)).
//! The shrinkage `δ` is that of Ledoit & Wolf 2004, *A well-conditioned estimator for large-dimensional covariance
//! matrices* (J. Multivariate Analysis 88, 365-411), which needs no setting: with `‖·‖²` the squared Frobenius norm,
//!
//! `δ = min(β, γ)/γ`, `γ = (‖S‖² - D μ²)/D`, `β = (Σ ‖x - m‖⁴/N - ‖S‖²)/(N D)`.
//!
//! So it exists with fewer rows than columns too: directions in which no normal row varies have variance `δ μ`.
//!
//! Shapes: normal `(N, D)`, rows `(Q, D)`, scores `(Q,)`. Cost: that of the [`Axes`], and `Q D r`.

use std::sync::Arc;

use super::{
    super::{axes::Axes, features::Features},
    Detector,
};
use crate::{Error, Result};

/// The distance, fitted.
#[derive(Clone, Debug)]
pub struct Mahalanobis {
    axes: Arc<Axes>,
    /// `1/variance` along each axis.
    inside: Vec<f64>,
    /// `1/variance` across all of them.
    outside: f64,
    shrinkage: f64,
}

impl Mahalanobis {
    /// From the axes of normal rows.
    pub fn new(axes: Arc<Axes>) -> Result<Self> {
        let (n, d) = (axes.rows() as f64, axes.dim() as f64);
        let trace: f64 = axes.values().iter().sum();
        let mu = trace / d;
        if mu <= 0.0 {
            return Err(Error::data("all normal rows are the same, so no distance can be measured by their spread"));
        }
        let frobenius: f64 = axes.values().iter().map(|v| v * v).sum();
        let gamma = (frobenius - d * mu * mu) / d;
        let beta = ((axes.fourth_moment() / n - frobenius) / (n * d)).min(gamma);
        let shrinkage = if beta <= 0.0 || gamma <= 0.0 { 0.0 } else { beta / gamma };
        // Without any shrinkage a direction that never varies would have no variance at all.
        let precision = |value: f64| 1.0 / ((1.0 - shrinkage) * value + shrinkage * mu).max(1e-9 * mu);
        let inside = axes.values().iter().map(|&value| precision(value)).collect();
        Ok(Self { axes, inside, outside: precision(0.0), shrinkage })
    }

    /// The share `δ` by which the covariance was drawn towards a multiple of the identity.
    pub fn shrinkage(&self) -> f64 {
        self.shrinkage
    }
}

impl Detector for Mahalanobis {
    fn scores(&self, rows: &Features) -> Result<Vec<f64>> {
        let seen = self.axes.see(rows)?;
        let squared = seen.split(&self.inside).map(|(outside, inside)| self.outside * outside + inside);
        super::ranked(squared.map(f64::sqrt).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::neighbors::tests::noise;

    fn wave(rows: usize, dim: usize) -> Features {
        let data = (0..rows * dim).map(|i| ((i * i % 97) as f32 / 7.0).sin() + (i % dim) as f32 * (i % 5) as f32);
        Features::new(rows, dim, data.collect()).unwrap()
    }

    fn fit(normal: &Features) -> Mahalanobis {
        Mahalanobis::new(Arc::new(Axes::fit(normal).unwrap())).unwrap()
    }

    // import numpy as np; from sklearn.covariance import LedoitWolf; from sklearn.preprocessing import StandardScaler
    // def wave(n, d): i = np.arange(n*d); return (np.sin((i*i % 97)/7.0).astype("f") + (i % d).astype("f")*(i % 5).astype("f")).reshape(n, d)
    // for n, d in [(60, 6), (9, 14)]:
    //     s = StandardScaler().fit(wave(n, d).astype(float)); w = LedoitWolf().fit(s.transform(wave(n, d)))
    //     q = np.outer([1, -2, 3], np.arange(d) / 3.0 - 1); print(w.shrinkage_, np.sqrt(w.mahalanobis(s.transform(q))))
    #[test]
    fn shrinkage_and_distances_are_those_of_scikit_learn() {
        for (n, d, shrinkage, distances) in [
            (60, 6, 0.20123236, [6.74233146, 6.707092, 8.52014679]),
            (9, 14, 0.375096, [8.03272723, 9.72750988, 8.90188062]),
        ] {
            let rows = [1.0f32, -2.0, 3.0].iter().flat_map(|a| (0..d).map(move |j| a * (j as f32 / 3.0 - 1.0)));
            let rows = Features::new(3, d, rows.collect()).unwrap();
            let detector = fit(&wave(n, d));
            assert!((detector.shrinkage() - shrinkage).abs() < 1e-5, "{}", detector.shrinkage());
            let scores = detector.scores(&rows).unwrap();
            assert!(scores.iter().zip(distances).all(|(a, b)| (a / b - 1.0).abs() < 1e-4), "{scores:?}");
        }
    }

    #[test]
    fn of_two_equal_deviations_the_one_against_the_grain_is_stranger() {
        // Two columns that go together: (1, 1) is usual, (1, -1) is not.
        let normal: Vec<f32> =
            (0..200).flat_map(|i| [(i as f32).sin(), (i as f32).sin() + 0.1 * (i as f32 * 7.0).cos()]).collect();
        let detector = fit(&Features::new(200, 2, normal).unwrap());
        let scores = detector.scores(&Features::new(2, 2, vec![1.0, 1.0, 1.0, -1.0]).unwrap()).unwrap();
        assert!(scores[1] > 5.0 * scores[0], "{scores:?}");
    }

    #[test]
    fn fewer_rows_than_columns_are_enough_and_equal_rows_are_refused() {
        let detector = fit(&noise(4, 30, 2));
        assert!(detector.scores(&noise(7, 30, 3)).unwrap().iter().all(|s| *s > 0.0));
        let same = noise(1, 5, 2).select(&[0; 4]);
        let message = Mahalanobis::new(Arc::new(Axes::fit(&same).unwrap())).unwrap_err().to_string();
        assert!(message.contains("all normal rows are the same"), "{message}");
    }
}
