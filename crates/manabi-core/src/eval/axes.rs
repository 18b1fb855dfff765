//! The principal axes of standardised rows, found in the smaller of rows and columns.
//!
//! Columns are on one scale ([`Scale`]), so that no unit counts more than another. With `S = (1/N) Σ (x - m)(x - m)ᵀ = V Λ Vᵀ` the axes are the rows of `Vᵀ` with `λ > 0`. Where there are fewer rows than
//! columns they come from the `(N, N)` matrix of inner products, whose eigenvalues are the same: `v = (X - m)ᵀ u / √(N λ)`.
//!
//! Shapes: rows `(N, D)`, values `(r,)`, axes `(r, D)`, coordinates `(Q, r)`. Cost: `N D min(N, D)` and `14 min(N, D)³`
//! operations in f64 (a second where the smaller is 1024, on two cores).

use candle_core::{DType, Device, Tensor};

use super::{
    eigen,
    features::Features,
    matrix::{BLOCK, column_means, gram},
    scale::Scale,
};
use crate::{Error, Result};

/// Above this many rows *and* columns axes are refused: they would take minutes.
const WIDEST: usize = 4096;
/// An axis with less than this share of the largest variance is rounding.
const NOISE: f64 = 1e-12;

/// Scale, mean, axes and variances of rows.
#[derive(Clone, Debug)]
pub struct Axes {
    scale: Scale,
    mean: Vec<f64>,
    /// `(D, r)`.
    vectors: Tensor,
    values: Vec<f64>,
    rows: usize,
    /// `Σ ‖x - m‖⁴`, from which shrinkage follows.
    fourth: f64,
}

/// Rows as seen from the axes.
pub struct Seen {
    /// Coordinates `(Q, r)`, row-major.
    pub coordinates: Vec<f64>,
    /// Squared distances to the mean `(Q,)`.
    pub squared: Vec<f64>,
}

impl Axes {
    /// Finds those of all `rows`.
    pub fn fit(rows: &Features) -> Result<Self> {
        Self::fit_some(rows, WIDEST)
    }

    /// As [`Axes::fit`], but where rows and columns are more than `most`, of `most` rows that are evenly spread: more of
    /// them hardly move the first axes, and cost their cube.
    pub fn fit_some(rows: &Features, most: usize) -> Result<Self> {
        let scale = Scale::fit(rows)?;
        let mut scaled = scale.apply(rows)?;
        if scaled.rows().min(scaled.dim()) > most {
            let step = scaled.rows() as f64 / most as f64;
            scaled = scaled.select(&(0..most).map(|i| (i as f64 * step) as usize).collect::<Vec<_>>());
        }
        let rows = &scaled;
        if rows.rows().min(rows.dim()) > WIDEST {
            let (n, d) = (rows.rows(), rows.dim());
            return Err(Error::config(format!("axes of {n} rows of {d} features; {WIDEST} of either are the most")));
        }
        let (n, d) = (rows.rows(), rows.dim());
        let mean = column_means(rows);
        let by_rows = n < d;
        let mut matrix = gram(rows, Some(&mean), by_rows)?;
        matrix.iter_mut().for_each(|x| *x /= n as f64);
        let eigen = eigen::symmetric(matrix, n.min(d))?;
        let floor = NOISE * eigen.values.first().copied().unwrap_or(0.0).max(0.0);
        let values: Vec<f64> = eigen.values.into_iter().take_while(|&value| value > floor).collect();
        let r = values.len();
        let side = n.min(d);
        let found = Tensor::from_vec(eigen.vectors, (side, side), &Device::Cpu)?.narrow(0, 0, r.max(1))?;
        let vectors = if by_rows && r > 0 {
            let lengths: Vec<f64> = values.iter().map(|value| 1.0 / (n as f64 * value).sqrt()).collect();
            let lengths = Tensor::from_vec(lengths, (r, 1), &Device::Cpu)?;
            found.matmul(&centred(rows.data(), &mean)?)?.broadcast_mul(&lengths)?
        } else {
            found
        };
        // Without an axis nothing is multiplied by them.
        let vectors = if r > 0 { vectors.t()?.contiguous()? } else { found_none(d)? };
        let fourth = squares(rows.data(), &mean).iter().map(|s| s * s).sum();
        Ok(Self { scale, mean, vectors, values, rows: n, fourth })
    }

    /// The variances along the axes (over N), largest first; none where all rows are the same.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Number of columns `D`.
    pub fn dim(&self) -> usize {
        self.mean.len()
    }

    /// Number of rows that they were found with.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// `Σ ‖x - m‖⁴` over those rows.
    pub(crate) fn fourth_moment(&self) -> f64 {
        self.fourth
    }

    /// Rows seen from the axes.
    pub fn see(&self, rows: &Features) -> Result<Seen> {
        let rows = &self.scale.apply(rows)?;
        let r = self.values.len();
        let mut coordinates = Vec::with_capacity(rows.rows() * r);
        if r > 0 {
            for block in rows.data().chunks(BLOCK * rows.dim()) {
                let seen = centred(block, &self.mean)?.matmul(&self.vectors)?;
                coordinates.extend(seen.flatten_all()?.to_vec1::<f64>()?);
            }
        }
        Ok(Seen { coordinates, squared: squares(rows.data(), &self.mean) })
    }
}

impl Seen {
    /// For each row its squared distance to the mean outside the first `kept` axes and `Σ weight · coordinate²` inside.
    pub(crate) fn split(&self, weights: &[f64]) -> impl Iterator<Item = (f64, f64)> + '_ {
        let kept = weights.len();
        let r = if self.squared.is_empty() { 0 } else { self.coordinates.len() / self.squared.len() };
        let weights = weights.to_vec();
        self.squared.iter().enumerate().map(move |(row, squared)| {
            let inside = &self.coordinates[row * r..row * r + kept.min(r)];
            let length: f64 = inside.iter().map(|c| c * c).sum();
            let weighted = inside.iter().zip(&weights).map(|(c, w)| w * c * c).sum();
            // What is left of rounding is no distance.
            let outside = squared - length;
            (if outside < 1e-12 * squared { 0.0 } else { outside }, weighted)
        })
    }
}

fn found_none(d: usize) -> Result<Tensor> {
    Ok(Tensor::zeros((d, 1), DType::F64, &Device::Cpu)?)
}

fn centred(data: &[f32], mean: &[f64]) -> Result<Tensor> {
    let values: Vec<f64> =
        data.chunks_exact(mean.len()).flat_map(|row| row.iter().zip(mean).map(|(&x, m)| f64::from(x) - m)).collect();
    Ok(Tensor::from_vec(values, (data.len() / mean.len(), mean.len()), &Device::Cpu)?)
}

fn squares(data: &[f32], mean: &[f64]) -> Vec<f64> {
    let square = |row: &[f32]| row.iter().zip(mean).map(|(&x, m)| (f64::from(x) - m).powi(2)).sum();
    data.chunks_exact(mean.len()).map(square).collect()
}

#[cfg(test)]
mod tests {
    use super::super::neighbors::tests::noise;
    use super::*;

    #[test]
    fn both_ways_find_the_same_axes() {
        // 9 rows of 14 columns go by rows; twice the same rows have the same spread and go by columns.
        let rows = noise(9, 14, 3);
        let by_rows = Axes::fit(&rows).unwrap();
        let doubled = Axes::fit(&rows.select(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 2, 3, 4, 5, 6, 7, 8])).unwrap();
        assert_eq!(by_rows.values().len(), 8);
        for (a, b) in by_rows.values().iter().zip(doubled.values()) {
            assert!((a - b).abs() < 1e-9, "{a} {b}");
        }
        let probe = noise(3, 14, 4);
        let (a, b) = (by_rows.see(&probe).unwrap(), doubled.see(&probe).unwrap());
        let weights: Vec<f64> = by_rows.values().iter().map(|v| 1.0 / v).collect();
        for (a, b) in a.split(&weights).zip(b.split(&weights)) {
            assert!((a.0 - b.0).abs() < 1e-8 && (a.1 - b.1).abs() < 1e-6, "{a:?} {b:?}");
        }
    }

    #[test]
    fn a_row_that_was_fitted_on_lies_in_its_own_span() {
        let rows = noise(5, 20, 6);
        let axes = Axes::fit(&rows).unwrap();
        let seen = axes.see(&rows).unwrap();
        assert!(seen.split(&[0.0; 4]).all(|(outside, _)| outside < 1e-9));
    }

    #[test]
    fn rows_that_are_all_the_same_have_no_axes() {
        let same = Features::new(3, 2, vec![1.0, 2.0, 1.0, 2.0, 1.0, 2.0]).unwrap();
        let axes = Axes::fit(&same).unwrap();
        assert!(axes.values().is_empty());
        let seen = axes.see(&Features::new(1, 2, vec![4.0, 6.0]).unwrap()).unwrap();
        assert_eq!(seen.split(&[]).next().map(|(outside, _)| outside), Some(25.0));
    }
}
