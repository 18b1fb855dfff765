//! Principal components, and a map of the rows in two dimensions for reports.
//!
//! Source: van der Maaten & Hinton 2008, exact t-SNE: PCA to 50 dimensions, perplexity by bisection, symmetrised
//! affinities, start from the first two components (Kobak & Berens 2019), early exaggeration of 12, learning rate
//! `max(N / 12 / 4, 50)`, gains and momentum as in scikit-learn. Distances on a map say who is next to whom, not how far
//! groups are apart. All pairs of a row are summed by one task in a fixed order: the same bits whatever the threads.
//!
//! Shapes: `(N, D)` in, `(N, 2)` or `(N, n)` out. Cost: `N²` numbers and `iterations · N²` steps; up to a few thousand
//! rows. PCA costs `N D²` + `14 D³`, or by rows `N² D` + `14 N³` where there are fewer rows than features.

use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::eigen;
use super::features::{Features, project};
use super::matrix::{BLOCK, blocks, column_means, dots, gram};
use crate::error::{Error, Result};

/// Up to so many features the covariance is decomposed whole.
const WIDE: usize = 2048;

/// The first principal components of some rows.
#[derive(Debug, Clone)]
pub struct Pca {
    mean: Vec<f64>,
    axes: Features,
    /// The variance along each component, largest first.
    pub variances: Vec<f64>,
}

impl Pca {
    /// Finds the first `n` components. Above 2 048 features at most 2 048 rows, drawn from the seed, are looked at.
    pub fn fit(features: &Features, n: usize, seed: u64) -> Result<Self> {
        if n == 0 || n > features.dim() || features.rows() < 2 {
            let (rows, dim) = (features.rows(), features.dim());
            return Err(Error::Config(format!("{n} components of {rows} rows of {dim} features")));
        }
        if features.dim() > WIDE && features.rows() > WIDE {
            let mut rows: Vec<usize> = (0..features.rows()).collect();
            rows.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
            return Self::fit(&features.select(&rows[..WIDE]), n, seed);
        }
        let (rows, dim) = (features.rows(), features.dim());
        let mean = column_means(features);
        let by_rows = rows < dim;
        let size = rows.min(dim);
        let eigen = eigen::symmetric(gram(features, Some(&mean), by_rows)?, size)?;
        let mut data = Vec::with_capacity(n * dim);
        for i in 0..n {
            let value = eigen.values.get(i).copied().unwrap_or(0.0);
            let mut axis = vec![0.0; dim];
            if !by_rows {
                axis.copy_from_slice(&eigen.vectors[i * dim..(i + 1) * dim]);
            } else if value > 1e-9 * eigen.values[0] {
                // The component is the rows' own mixture: `Xᵀ u / √λ`.
                for (row, u) in eigen.vectors[i * rows..(i + 1) * rows].iter().enumerate() {
                    let scale = u / value.sqrt();
                    for ((a, &x), m) in axis.iter_mut().zip(features.row(row)).zip(&mean) {
                        *a += scale * (f64::from(x) - m);
                    }
                }
            }
            data.extend(axis.iter().map(|&a| a as f32));
        }
        let variance = |i: usize| eigen.values.get(i).map_or(0.0, |x| x.max(0.0) / rows as f64);
        Ok(Self { mean, axes: Features::new(n, dim, data)?, variances: (0..n).map(variance).collect() })
    }

    /// The rows along the components, `(N, n)`.
    pub fn apply(&self, features: &Features) -> Result<Features> {
        Features::new(features.rows(), self.axes.rows(), project(features, &self.mean, &self.axes)?)
    }
}

/// The rows along their own first `n` components.
pub fn pca(features: &Features, n: usize, seed: u64) -> Result<Features> {
    Pca::fit(features, n, seed)?.apply(features)
}

/// The settings of t-SNE.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tsne {
    /// How many neighbours a row about has; at most a third of the rows.
    pub perplexity: f64,
    /// Steps, of which a quarter with exaggeration.
    pub iterations: usize,
    /// What a jitter that parts equal rows is drawn from.
    pub seed: u64,
}

impl Default for Tsne {
    fn default() -> Self {
        Self { perplexity: 30.0, iterations: 500, seed: 0 }
    }
}

impl Tsne {
    /// A map `(N, 2)` of the rows.
    pub fn fit(&self, features: &Features) -> Result<Vec<[f32; 2]>> {
        let n = features.rows();
        if !(4..=10_000).contains(&n) || self.perplexity < 1.0 || self.perplexity.is_nan() {
            return Err(Error::Config(format!("a map of {n} rows at perplexity {}: 4 to 10000 rows", self.perplexity)));
        }
        let reduced = pca(features, features.dim().min(50), self.seed)?;
        let p = affinities(&reduced, self.perplexity.min((n as f64 - 1.0) / 3.0))?;
        let (mut x, mut y) = self.start(&reduced);
        let mut velocity = vec![[0.0_f32; 2]; n];
        let mut gains = vec![[1.0_f32; 2]; n];
        let rate = (n as f32 / 48.0).max(50.0);
        for iteration in 0..self.iterations {
            let early = iteration < self.iterations / 4;
            let (exaggeration, momentum) = if early { (12.0, 0.5) } else { (1.0, 0.8) };
            let forces: Vec<[f32; 5]> =
                (0..n).into_par_iter().map(|i| force(&p[i * n..(i + 1) * n], &x, &y, i)).collect();
            let total = forces.iter().map(|f| f64::from(f[4])).sum::<f64>() as f32;
            for (i, f) in forces.iter().enumerate() {
                for axis in 0..2 {
                    let gradient = 4.0 * (exaggeration * f[axis] - f[2 + axis] / total);
                    let (v, gain) = (&mut velocity[i][axis], &mut gains[i][axis]);
                    *gain = if (*v < 0.0) == (gradient < 0.0) { (*gain * 0.8).max(0.01) } else { *gain + 0.2 };
                    *v = momentum * *v - rate * *gain * gradient;
                }
                x[i] += velocity[i][0];
                y[i] += velocity[i][1];
            }
        }
        Ok(x.into_iter().zip(y).map(|(x, y)| [x, y]).collect())
    }

    /// The first two components, scaled to a deviation of 1e-4.
    fn start(&self, reduced: &Features) -> (Vec<f32>, Vec<f32>) {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        let n = reduced.rows();
        let width = ((0..n).map(|i| f64::from(reduced.row(i)[0]).powi(2)).sum::<f64>() / n as f64).sqrt() as f32;
        let scale = if width > 0.0 { 1e-4 / width } else { 0.0 };
        let mut axis = |d: usize| -> Vec<f32> {
            let value = |i: usize| reduced.row(i).get(d).copied().unwrap_or(0.0);
            (0..n).map(|i| value(i) * scale + rng.random_range(-1e-6..1e-6f32)).collect()
        };
        (axis(0), axis(1))
    }
}

/// For row `i`: attraction in x and y, repulsion in x and y, and the sum of the kernel; in eight lanes.
fn force(p: &[f32], x: &[f32], y: &[f32], i: usize) -> [f32; 5] {
    let mut lanes = [[0.0_f32; 8]; 5];
    let (xi, yi) = (x[i], y[i]);
    for ((p, x), y) in p.chunks(8).zip(x.chunks(8)).zip(y.chunks(8)) {
        for (lane, ((p, x), y)) in p.iter().zip(x).zip(y).enumerate() {
            let (dx, dy) = (xi - x, yi - y);
            let q = 1.0 / (1.0 + dx * dx + dy * dy);
            let (pull, push) = (p * q, q * q);
            lanes[0][lane] += pull * dx;
            lanes[1][lane] += pull * dy;
            lanes[2][lane] += push * dx;
            lanes[3][lane] += push * dy;
            lanes[4][lane] += q;
        }
    }
    let mut sums = lanes.map(|lane| lane.iter().sum());
    // The row's own kernel is 1; its own forces are 0.
    sums[4] -= 1.0;
    sums
}

/// The symmetric affinities `(N, N)`, which sum to 1.
fn affinities(rows: &Features, perplexity: f64) -> Result<Vec<f32>> {
    let n = rows.rows();
    let norms: Vec<f32> = (0..n).map(|i| rows.row(i).iter().map(|x| x * x).sum()).collect();
    let (all, target) = (rows.to_tensor()?, perplexity.ln());
    let parts: Vec<Vec<f32>> = blocks(rows, BLOCK / 4)?
        .par_iter()
        .enumerate()
        .map(|(block, left)| {
            let mut p = dots(left, &all)?;
            for (offset, row) in p.chunks_exact_mut(n).enumerate() {
                let i = block * (BLOCK / 4) + offset;
                row.iter_mut().zip(&norms).for_each(|(d, norm)| *d = (norms[i] + norm - 2.0 * *d).max(0.0));
                conditional(row, i, target);
            }
            Ok(p)
        })
        .collect::<Result<_>>()?;
    let p = parts.concat();
    let scale = 0.5 / n as f32;
    let symmetric = |i: usize, j: usize| (p[i * n + j] + p[j * n + i]) * scale;
    Ok((0..n * n).into_par_iter().map(|at| symmetric(at / n, at % n)).collect())
}

/// Turns squared distances of row `i` into probabilities whose entropy is `target`.
fn conditional(row: &mut [f32], i: usize, target: f64) {
    row[i] = f32::INFINITY;
    let least = row.iter().copied().fold(f32::INFINITY, f32::min);
    let others: Vec<f64> = row.iter().map(|d| f64::from(d - least)).collect();
    let mean = others.iter().filter(|d| d.is_finite()).sum::<f64>() / (row.len() as f64 - 1.0);
    let (mut low, mut high, mut beta) = (0.0, f64::INFINITY, 1.0 / mean.max(1e-12));
    let weight = |beta: f64, d: f64| {
        if d.is_finite() { (-beta * d).exp() } else { 0.0 }
    };
    for _ in 0..60 {
        let (mut sum, mut moment) = (0.0, 0.0);
        for &d in others.iter().filter(|d| d.is_finite()) {
            let w = weight(beta, d);
            sum += w;
            moment += w * d;
        }
        let entropy = sum.ln() + beta * moment / sum;
        if (entropy - target).abs() < 1e-5 {
            break;
        }
        if entropy > target {
            low = beta
        } else {
            high = beta
        }
        beta = if high.is_finite() { 0.5 * (low + high) } else { 2.0 * beta };
    }
    let sum: f64 = others.iter().map(|&d| weight(beta, d)).sum();
    row.iter_mut().zip(&others).for_each(|(p, &d)| *p = (weight(beta, d) / sum) as f32);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::neighbors::{nearest_others, tests::noise};
    use super::*;

    #[test]
    fn components_are_the_same_by_rows_and_by_columns() {
        let features = noise(40, 60, 1);
        let padded = Features::new(40, 30, features.data()[..1200].to_vec()).unwrap();
        for features in [&features, &padded] {
            let found = Pca::fit(features, 5, 0).unwrap();
            let rows = found.apply(features).unwrap();
            for (i, variance) in found.variances.iter().enumerate() {
                let along: f64 = (0..40).map(|r| f64::from(rows.row(r)[i]).powi(2)).sum::<f64>() / 40.0;
                assert!((along - variance).abs() < 1e-5);
                let length: f64 = found.axes.row(i).iter().map(|&a| f64::from(a).powi(2)).sum();
                assert!((length - 1.0).abs() < 1e-5);
            }
        }
        assert!(Pca::fit(&features, 61, 0).is_err());
    }

    #[test]
    fn affinities_have_the_perplexity_asked_for() {
        let mut row: Vec<f32> = (0..200).map(|i| i as f32 * 0.3).collect();
        conditional(&mut row, 7, 20f64.ln());
        let entropy: f64 = row.iter().filter(|p| **p > 0.0).map(|&p| -f64::from(p) * f64::from(p).ln()).sum();
        assert!((entropy.exp() - 20.0).abs() < 0.01);
        assert_eq!(row[7], 0.0);
        let total: f32 = affinities(&noise(90, 5, 1), 10.0).unwrap().iter().sum();
        assert!((total - 1.0).abs() < 1e-4);
    }

    #[test]
    fn a_map_keeps_clusters_together_and_repeats_itself() {
        let mut data = noise(150, 10, 3).data().to_vec();
        data.iter_mut().enumerate().for_each(|(j, x)| *x += if j / 10 % 3 == j % 10 { 4.0 } else { 0.0 });
        let features = Features::new(150, 10, data).unwrap();
        let map = Tsne { perplexity: 15.0, ..Tsne::default() }.fit(&features).unwrap();
        assert_eq!(map, Tsne { perplexity: 15.0, ..Tsne::default() }.fit(&features).unwrap());
        let distance = |a: usize, b: usize| (map[a][0] - map[b][0]).powi(2) + (map[a][1] - map[b][1]).powi(2);
        for i in 0..150 {
            let others = (0..150).filter(|&j| j != i);
            let nearest = others.min_by(|&a, &b| distance(i, a).total_cmp(&distance(i, b))).unwrap();
            assert_eq!(nearest % 3, i % 3);
        }
        assert_eq!(nearest_others(&features, &[0], 1).unwrap()[0][0].row % 3, 0);
    }

    #[test]
    fn equal_rows_make_a_map_of_finite_numbers() {
        let map = Tsne::default().fit(&Features::new(12, 3, vec![1.0; 36]).unwrap()).unwrap();
        assert!(map.iter().flatten().all(|x| x.is_finite()));
        assert!(Tsne::default().fit(&noise(3, 2, 0)).is_err());
    }
}
