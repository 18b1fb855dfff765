//! Fewer coordinates for fewer rows than features, without changing the probe.
//!
//! A penalised linear model finds its weights in the span of its rows: `W = Zᵀ A`. With the pivoted Cholesky
//! decomposition `Z Zᵀ = L Lᵀ` the rows of `L (N, r)` have the same inner products as those of `Z (N, D)`, so that a
//! fit on `L` gives the same scores; its weights `U (r, K)` come back as `W = Z_pᵀ A_p` with `L_pᵀ A_p = U`, where `p`
//! are the `r` pivot rows. 100 labels on 832 features cost an eighth, 3072 raw features a thirtieth.
//!
//! Cost: `N² D` operations for the products, `N r²` for the decomposition.

use super::super::{features::Features, matrix::gram};
use crate::error::Result;

/// What is left of a row's squared length, relative to the largest, below which it adds no direction.
const TOLERANCE: f64 = 1e-10;

/// Coordinates of rows in their own span.
pub(super) struct Span {
    /// `(N, r)`.
    pub coordinates: Features,
    /// The rows that the directions were taken from, in order.
    pivots: Vec<usize>,
    /// `L` in f64, `(N, r)` row-major.
    factor: Vec<f64>,
}

impl Span {
    /// `None` where the rows are not clearly fewer than the features.
    pub fn of(rows: &Features) -> Result<Option<Self>> {
        let n = rows.rows();
        if n == 0 || n > 2048 || 3 * n > 2 * rows.dim() {
            return Ok(None);
        }
        let products = gram(rows, None, true)?;
        let mut left: Vec<f64> = (0..n).map(|i| products[i * n + i]).collect();
        let floor = TOLERANCE * left.iter().copied().fold(0.0, f64::max);
        // Columns of L, each `(N,)`.
        let (mut columns, mut pivots): (Vec<Vec<f64>>, Vec<usize>) = (Vec::new(), Vec::new());
        while pivots.len() < n {
            let pivot = (0..n).fold(0, |best, i| if left[i] > left[best] { i } else { best });
            if left[pivot] <= floor {
                break;
            }
            let mut column: Vec<f64> = products[pivot * n..(pivot + 1) * n].to_vec();
            for earlier in &columns {
                let factor = earlier[pivot];
                column.iter_mut().zip(earlier).for_each(|(c, e)| *c -= factor * e);
            }
            let root = left[pivot].sqrt();
            column.iter_mut().for_each(|c| *c /= root);
            // A row that was a pivot lies wholly in the directions so far.
            pivots.iter().for_each(|&p| column[p] = 0.0);
            column[pivot] = root;
            left.iter_mut().zip(&column).for_each(|(l, c)| *l -= c * c);
            left[pivot] = 0.0;
            pivots.push(pivot);
            columns.push(column);
        }
        let r = columns.len();
        if r == 0 {
            return Ok(None);
        }
        let factor: Vec<f64> = (0..n * r).map(|at| columns[at % r][at / r]).collect();
        let coordinates = Features::new(n, r, factor.iter().map(|&x| x as f32).collect())?;
        Ok(Some(Self { coordinates, pivots, factor }))
    }

    /// Parameters `(r, K)` and `K` biases on the coordinates, as `(D, K)` and `K` on the rows themselves.
    pub fn lift(&self, rows: &Features, parameters: &[f64], k: usize) -> Vec<f64> {
        let r = self.pivots.len();
        let (u, bias) = parameters.split_at(r * k);
        // L_pᵀ is upper triangular: solved from the last direction back.
        let mut a = u.to_vec();
        for i in (0..r).rev() {
            for j in i + 1..r {
                let l = self.factor[self.pivots[j] * r + i];
                for c in 0..k {
                    a[i * k + c] -= l * a[j * k + c];
                }
            }
            let diagonal = self.factor[self.pivots[i] * r + i];
            a[i * k..(i + 1) * k].iter_mut().for_each(|x| *x /= diagonal);
        }
        let mut lifted = vec![0.0; rows.dim() * k];
        for (&pivot, a) in self.pivots.iter().zip(a.chunks_exact(k)) {
            for (w, &x) in lifted.chunks_exact_mut(k).zip(rows.row(pivot)) {
                w.iter_mut().zip(a).for_each(|(w, a)| *w += f64::from(x) * a);
            }
        }
        lifted.extend_from_slice(bias);
        lifted
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn rows(n: usize, d: usize) -> Features {
        // The last row repeats the first one: one direction fewer than rows.
        let at = |i: usize, j: usize| ((i % (n - 1)) * 37 + j * 101 + i % (n - 1) * j * 7) % 211;
        Features::new(n, d, (0..n * d).map(|t| at(t / d, t % d) as f32 / 40.0 - 2.6).collect()).unwrap()
    }

    #[test]
    fn coordinates_keep_every_inner_product() {
        let rows = rows(9, 40);
        let span = Span::of(&rows).unwrap().unwrap();
        assert_eq!(span.coordinates.dim(), 8);
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(x * y)).sum::<f64>();
        for i in 0..9 {
            for j in 0..9 {
                let (of, at) = (dot(rows.row(i), rows.row(j)), dot(span.coordinates.row(i), span.coordinates.row(j)));
                assert!((of - at).abs() < 1e-3 * (1.0 + of.abs()), "{of} {at}");
            }
        }
    }

    #[test]
    fn lifted_weights_score_as_those_on_the_coordinates() {
        let rows = rows(9, 40);
        let span = Span::of(&rows).unwrap().unwrap();
        let parameters: Vec<f64> = (0..8 * 3 + 3).map(|i| (f64::from(i) * 1.3).sin()).collect();
        let lifted = span.lift(&rows, &parameters, 3);
        let score = |x: &[f32], w: &[f64], c: usize| -> f64 {
            x.iter().enumerate().map(|(d, x)| f64::from(*x) * w[d * 3 + c]).sum()
        };
        for i in 0..9 {
            for c in 0..3 {
                let (a, b) = (score(span.coordinates.row(i), &parameters, c), score(rows.row(i), &lifted, c));
                assert!((a - b).abs() < 1e-3 * (1.0 + a.abs()), "{a} {b}");
            }
        }
        assert_eq!(lifted[120..], parameters[24..]);
    }

    #[test]
    fn more_rows_than_features_stay_as_they_are() {
        assert!(Span::of(&rows(40, 9)).unwrap().is_none());
    }
}
