//! What can be known of embeddings without a label.
//!
//! - Collapse: the mean over features of the standard deviation of L2-normalised rows, times `√D`. Rows spread evenly
//!   over the sphere have 1, one single point has 0 (SimSiam, arXiv:2011.10566, figure 2, which plots it over `1/√D`).
//! - Effective rank (RankMe, arXiv:2210.02885): `exp(-Σ p ln p)`, `p = σ / Σσ + 1e-7` over the singular values of `Z`.
//! - Alignment `E ‖x - x⁺‖²` and uniformity `ln E exp(-2 ‖x - y‖²)` of normalised rows (arXiv:2005.10242).
//! - Consistency: how often a row's nearest row in the other view is the same sample.
//! - k-means (k-means++ start, Lloyd) and the silhouette (Rousseeuw 1987) of what it finds.
//!
//! Shapes: `(N, D)`, views `(N, D)` each in the same order. Cost: effective rank `N D²` + `14 min(N, D)³`; uniformity and
//! consistency `N² D`, so that a few thousand rows are enough; k-means `N D k` an iteration; silhouette `N² D`.

use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::eigen;
use super::features::Features;
use super::matrix::{BLOCK, blocks, column_means, column_sums, dots, gram};
use super::neighbors::nearest;
use crate::error::{Error, Result};

/// The spread of L2-normalised rows: 1 when even over the sphere, 0 when collapsed to a point.
pub fn feature_std(features: &Features) -> Result<f64> {
    enough(features, 2)?;
    let rows = features.l2_normalized();
    let mean = column_means(&rows);
    let squares = column_sums(&rows, |column, x| (f64::from(x) - mean[column]).powi(2));
    let n = rows.rows() as f64;
    Ok(squares.iter().map(|s| (s / n).sqrt()).sum::<f64>() / (rows.dim() as f64).sqrt())
}

/// RankMe: how many directions the rows really use, from 1 to `min(rows, dim)`.
pub fn effective_rank(features: &Features) -> Result<f64> {
    enough(features, 1)?;
    let by_rows = features.rows() < features.dim();
    let n = features.rows().min(features.dim());
    let values = eigen::symmetric(gram(features, None, by_rows)?, n)?.values;
    let singular: Vec<f64> = values.iter().map(|x| x.max(0.0).sqrt()).collect();
    let total: f64 = singular.iter().sum();
    if total == 0.0 {
        return Err(Error::Data("rows of nothing but zeros have no rank".into()));
    }
    Ok((-singular.iter().map(|s| s / total + 1e-7).map(|p| p * p.ln()).sum::<f64>()).exp())
}

/// How far apart two views of one sample lie: 0 together, 2 unrelated, 4 opposite. Lower is better.
pub fn alignment(first: &Features, second: &Features) -> Result<f64> {
    paired(first, second)?;
    let (a, b) = (first.l2_normalized(), second.l2_normalized());
    let sum: f64 = a.data().iter().zip(b.data()).map(|(a, b)| f64::from(a - b).powi(2)).sum();
    Ok(sum / a.rows() as f64)
}

/// How evenly the rows lie on the sphere, over all pairs: 0 is one point; lower is better.
pub fn uniformity(features: &Features) -> Result<f64> {
    enough(features, 2)?;
    let n = features.rows() as f64;
    let blocks = blocks(&features.l2_normalized(), BLOCK)?;
    let sums: Vec<f64> = blocks
        .par_iter()
        .map(|left| {
            let mut sum = 0.0;
            for right in &blocks {
                sum += dots(left, right)?.iter().map(|&cosine| (4.0 * (f64::from(cosine) - 1.0)).exp()).sum::<f64>();
            }
            Ok(sum)
        })
        .collect::<Result<_>>()?;
    // Every row was also paired with itself, at distance 0.
    Ok(((sums.iter().sum::<f64>() - n) / (n * (n - 1.0))).max(f64::MIN_POSITIVE).ln())
}

/// The share of rows whose nearest row in the other view is their own sample.
pub fn consistency(first: &Features, second: &Features) -> Result<f64> {
    paired(first, second)?;
    let found = nearest(first, second, 1)?;
    let same = found.iter().enumerate().filter(|(row, found)| found.first().is_some_and(|n| n.row == *row)).count();
    Ok(same as f64 / found.len() as f64)
}

/// The settings of k-means.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KMeans {
    /// How many clusters.
    pub k: usize,
    /// Lloyd iterations at most.
    pub max_iterations: usize,
    /// Starts, of which the best counts.
    pub restarts: usize,
    /// What the starts are drawn from.
    pub seed: u64,
}

/// The clusters found.
#[derive(Debug, Clone, PartialEq)]
pub struct Clusters {
    /// The centres `(k, D)`.
    pub centres: Features,
    /// The cluster of each row.
    pub assignments: Vec<usize>,
    /// The sum of squared distances to the centres.
    pub inertia: f64,
}

impl KMeans {
    /// So many clusters, five starts.
    pub fn new(k: usize, seed: u64) -> Self {
        Self { k, max_iterations: 100, restarts: 5, seed }
    }

    /// Clusters the rows by Euclidean distance; normalise them first for cosine.
    pub fn fit(&self, features: &Features) -> Result<Clusters> {
        if self.k == 0 || self.restarts == 0 || features.rows() < self.k {
            return Err(Error::Config(format!("{} rows cannot be put into {} clusters", features.rows(), self.k)));
        }
        let mut best: Option<Clusters> = None;
        for restart in 0..self.restarts {
            let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
            rng.set_stream(restart as u64);
            let found = self.lloyd(features, plus_plus(features, self.k, &mut rng))?;
            if best.as_ref().is_none_or(|best| found.inertia < best.inertia) {
                best = Some(found);
            }
        }
        best.ok_or_else(|| Error::Config("k-means without a start".into()))
    }

    fn lloyd(&self, features: &Features, mut centres: Features) -> Result<Clusters> {
        let (rows, dim) = (features.rows(), features.dim());
        let mut last: Vec<(usize, f64)> = Vec::new();
        for iteration in 0.. {
            let found = assign(features, &centres)?;
            let moved = last.is_empty() || found.iter().zip(&last).any(|(a, b)| a.0 != b.0);
            last = found;
            if !moved || iteration >= self.max_iterations {
                break;
            }
            let (mut sums, mut counts) = (vec![0.0; self.k * dim], vec![0.0; self.k]);
            for (row, &(cluster, _)) in last.iter().enumerate() {
                counts[cluster] += 1.0;
                let sum = &mut sums[cluster * dim..(cluster + 1) * dim];
                sum.iter_mut().zip(features.row(row)).for_each(|(s, &x)| *s += f64::from(x));
            }
            // An empty cluster takes over the row that is worst served, each another one.
            let mut worst: Vec<usize> = (0..rows).collect();
            if counts.contains(&0.0) {
                worst.sort_by(|&a, &b| last[a].1.total_cmp(&last[b].1));
            }
            for (cluster, count) in counts.iter_mut().enumerate().filter(|(_, count)| **count == 0.0) {
                *count = 1.0;
                let row = worst.pop().unwrap_or(0);
                let sum = &mut sums[cluster * dim..(cluster + 1) * dim];
                sum.iter_mut().zip(features.row(row)).for_each(|(s, &x)| *s = f64::from(x));
            }
            let data = sums.iter().enumerate().map(|(i, s)| (s / counts[i / dim]) as f32).collect();
            centres = Features::new(self.k, dim, data)?;
        }
        let inertia = last.iter().map(|(_, distance)| distance).sum();
        Ok(Clusters { centres, assignments: last.into_iter().map(|(cluster, _)| cluster).collect(), inertia })
    }
}

/// Centres drawn among the rows, each with a chance that grows with the squared distance to those before it.
fn plus_plus(features: &Features, k: usize, rng: &mut ChaCha8Rng) -> Features {
    let mut chosen = vec![rng.random_range(0..features.rows() as u64) as usize];
    let mut distances = vec![f64::INFINITY; features.rows()];
    while chosen.len() < k {
        let centre = features.row(chosen[chosen.len() - 1]);
        distances.par_iter_mut().enumerate().for_each(|(row, d)| *d = d.min(squared(features.row(row), centre)));
        let mut left = rng.random::<f64>() * distances.iter().sum::<f64>();
        let hit = distances.iter().position(|d| {
            left -= d;
            left < 0.0
        });
        // Where all rows lie on a centre already, any row is as good.
        chosen.push(hit.unwrap_or(chosen.len() % features.rows()));
    }
    features.select(&chosen)
}

/// The nearest centre of each row and its squared distance; the first centre on a tie.
fn assign(features: &Features, centres: &Features) -> Result<Vec<(usize, f64)>> {
    let (k, dim) = (centres.rows(), features.dim());
    let all = centres.to_tensor()?;
    let norms: Vec<f32> = (0..k).map(|c| centres.row(c).iter().map(|x| x * x).sum::<f32>()).collect();
    let parts: Vec<Vec<(usize, f64)>> = blocks(features, BLOCK)?
        .par_iter()
        .enumerate()
        .map(|(i, block)| {
            let products = dots(block, &all)?;
            let nearest = products.chunks_exact(k).zip(features.data()[i * BLOCK * dim..].chunks_exact(dim));
            Ok(nearest
                .map(|(products, row)| {
                    let score = |c: usize| norms[c] - 2.0 * products[c];
                    let best = (1..k).fold(0, |best, c| if score(c) < score(best) { c } else { best });
                    (best, squared(row, centres.row(best)))
                })
                .collect())
        })
        .collect::<Result<_>>()?;
    Ok(parts.concat())
}

fn squared(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum()
}

/// The mean silhouette of up to `sample` rows drawn from the seed: 1 apart, 0 touching, below 0 in the wrong cluster.
pub fn silhouette(features: &Features, assignments: &[usize], sample: usize, seed: u64) -> Result<f64> {
    if assignments.len() != features.rows() {
        return Err(Error::Data(format!("{} clusters for {} rows", assignments.len(), features.rows())));
    }
    let mut rows: Vec<usize> = (0..features.rows()).collect();
    if rows.len() > sample {
        rows.shuffle(&mut ChaCha8Rng::seed_from_u64(seed));
        rows.truncate(sample);
    }
    let k = rows.iter().map(|&row| assignments[row] + 1).max().unwrap_or(0);
    let mut counts = vec![0.0; k];
    rows.iter().for_each(|&row| counts[assignments[row]] += 1.0);
    if counts.iter().filter(|&&count| count > 0.0).count() < 2 {
        return Err(Error::Data("a silhouette needs rows of two clusters".into()));
    }
    let widths: Vec<f64> = rows
        .par_iter()
        .map(|&row| {
            let mut sums = vec![0.0; k];
            for &other in &rows {
                sums[assignments[other]] += squared(features.row(row), features.row(other)).sqrt();
            }
            let own = assignments[row];
            if counts[own] < 2.0 {
                return 0.0;
            }
            let within = sums[own] / (counts[own] - 1.0);
            let others = (0..k).filter(|&c| c != own && counts[c] > 0.0);
            let nearest = others.map(|c| sums[c] / counts[c]).fold(f64::INFINITY, f64::min);
            if nearest == within { 0.0 } else { (nearest - within) / nearest.max(within) }
        })
        .collect();
    Ok(widths.iter().sum::<f64>() / widths.len() as f64)
}

fn enough(features: &Features, least: usize) -> Result<()> {
    if features.rows() < least {
        return Err(Error::Data(format!("{} rows are too few: {least} are needed", features.rows())));
    }
    Ok(())
}

fn paired(first: &Features, second: &Features) -> Result<()> {
    enough(first, 1)?;
    second.same_dim(first.dim())?;
    if first.rows() != second.rows() {
        return Err(Error::Data(format!("{} and {} rows are not two views", first.rows(), second.rows())));
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::neighbors::tests::noise;
    use super::*;

    #[test]
    fn a_collapse_shows_in_every_measure() {
        let point = Features::new(300, 4, [1.0, 2.0, -1.0, 0.5].repeat(300)).unwrap();
        assert!(feature_std(&point).unwrap() < 1e-6);
        assert!((effective_rank(&point).unwrap() - 1.0).abs() < 1e-3);
        assert!(uniformity(&point).unwrap().abs() < 1e-5);
        let spread = noise(3000, 64, 1);
        assert!((feature_std(&spread).unwrap() - 1.0).abs() < 0.01);
        assert!(effective_rank(&spread).unwrap() > 60.0);
        assert!(uniformity(&spread).unwrap() < -3.5);
    }

    // import numpy as np; z = np.sin(np.arange(60) ** 2 * 0.37).reshape(12, 5)
    // s = np.linalg.svd(z, compute_uv=False); p = s / s.sum() + 1e-7; print(np.exp(-(p * np.log(p)).sum()))
    // x = z / np.linalg.norm(z, axis=1, keepdims=True); a = ((x[:6] - x[6:]) ** 2).sum(1).mean()
    // from scipy.spatial.distance import pdist; print(a, np.log(np.exp(-2 * pdist(x) ** 2).mean()))
    #[test]
    fn rank_alignment_and_uniformity_are_those_of_numpy() {
        let data: Vec<f32> = (0..60).map(|i| (f64::from(i * i) * 0.37).sin() as f32).collect();
        let z = Features::new(12, 5, data.clone()).unwrap();
        let (a, b) = (z.select(&[0, 1, 2, 3, 4, 5]), z.select(&[6, 7, 8, 9, 10, 11]));
        assert!((effective_rank(&z).unwrap() - 4.8280262).abs() < 1e-5);
        assert!((effective_rank(&Features::new(5, 12, transposed(&data)).unwrap()).unwrap() - 4.8280262).abs() < 1e-5);
        assert!((alignment(&a, &b).unwrap() - 1.6256470).abs() < 1e-5);
        assert!((uniformity(&z).unwrap() + 2.9593519).abs() < 1e-5);
    }

    fn transposed(data: &[f32]) -> Vec<f32> {
        (0..60).map(|i| data[i % 12 * 5 + i / 12]).collect()
    }

    #[test]
    fn views_of_the_same_sample_find_each_other() {
        let first = noise(500, 16, 1);
        let shifted = noise(500, 16, 2);
        let data = first.data().iter().zip(shifted.data()).map(|(a, b)| a + 0.1 * b).collect();
        assert_eq!(consistency(&first, &Features::new(500, 16, data).unwrap()).unwrap(), 1.0);
        assert!(consistency(&first, &shifted).unwrap() < 0.05);
        assert!(consistency(&first, &noise(499, 16, 1)).is_err());
    }

    #[test]
    fn k_means_finds_clusters_and_repeats_itself() {
        let mut data = noise(300, 3, 4).data().to_vec();
        data.iter_mut().enumerate().for_each(|(i, x)| *x += if i % 3 == i / 3 % 3 { 6.0 } else { 0.0 });
        let features = Features::new(300, 3, data).unwrap();
        let found = KMeans::new(3, 7).fit(&features).unwrap();
        assert!((0..300).all(|i| found.assignments[i] == found.assignments[i % 3]));
        assert_eq!(found, KMeans::new(3, 7).fit(&features).unwrap());
        assert!(silhouette(&features, &found.assignments, 200, 0).unwrap() > 0.7);
        let same = Features::new(6, 1, vec![1.0; 6]).unwrap();
        assert_eq!(KMeans::new(3, 0).fit(&same).unwrap().inertia, 0.0);
        assert!(KMeans::new(7, 0).fit(&same).is_err());
    }

    // from sklearn.metrics import silhouette_score; import numpy as np
    // print(silhouette_score(np.sin(np.arange(60) ** 2 * 0.37).reshape(12, 5), np.arange(12) % 3))
    #[test]
    fn the_silhouette_is_that_of_scikit_learn() {
        let data = (0..60).map(|i| (f64::from(i * i) * 0.37).sin() as f32).collect();
        let clusters: Vec<usize> = (0..12).map(|i| i % 3).collect();
        let width = silhouette(&Features::new(12, 5, data).unwrap(), &clusters, 100, 0).unwrap();
        assert!((width + 0.02743895).abs() < 1e-6);
    }
}
