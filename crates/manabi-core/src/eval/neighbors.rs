//! Nearest neighbours by cosine or distance, and groups of near-duplicates.
//!
//! Exact: blocks of queries against blocks of rows as matrix products in parallel, of which only the `k` best of each
//! query are kept. Equal similarities go to the smaller index. Near-duplicates are the connected parts (union-find) of
//! the graph whose edges are the pairs at or above a threshold.
//!
//! Shapes: queries `(Q, D)`, rows `(N, D)`, result `(Q, k)`. Cost: `2 Q N D` operations; no `(Q, N)` matrix is kept.

use candle_core::Tensor;
use rayon::prelude::*;

use super::features::Features;
use super::matrix::{blocks, dots};
use crate::error::{Error, Result};

/// Queries in a block.
const QUERIES: usize = 256;
/// Rows in a block.
const ROWS: usize = 2048;

/// A row and how similar it is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Neighbor {
    /// Its index.
    pub row: usize,
    /// The cosine, -1 to 1.
    pub cosine: f32,
}

/// The `k` rows most similar to each query, most similar first; fewer where there are fewer rows.
pub fn nearest(queries: &Features, rows: &Features, k: usize) -> Result<Vec<Vec<Neighbor>>> {
    search(queries, rows, k, |_| None)
}

/// The `k` rows most similar to each of the rows named, which are never their own neighbours.
pub fn nearest_others(features: &Features, queries: &[usize], k: usize) -> Result<Vec<Vec<Neighbor>>> {
    if let Some(row) = queries.iter().find(|&&row| row >= features.rows()) {
        return Err(Error::Data(format!("there is no row {row} among {}", features.rows())));
    }
    search(&features.select(queries), features, k, |query| Some(queries[query]))
}

fn search(
    queries: &Features,
    rows: &Features,
    k: usize,
    excluded: impl Fn(usize) -> Option<usize> + Sync,
) -> Result<Vec<Vec<Neighbor>>> {
    queries.same_dim(rows.dim())?;
    largest_products(&queries.l2_normalized(), &rows.l2_normalized(), k, excluded)
}

/// The `k` rows nearest to each query by Euclidean distance, nearest first, as row and distance.
///
/// Of `‖q - x‖² = ‖q‖² - 2 (q·x - ‖x‖²/2)` the bracket is a product once both have a column more. It finds the rows, in
/// f32; the distances are then taken from the rows themselves in f64, so that a copy is at distance 0.
pub fn nearest_by_distance(queries: &Features, rows: &Features, k: usize) -> Result<Vec<Vec<(usize, f64)>>> {
    queries.same_dim(rows.dim())?;
    let longer = |of: &Features, last: &dyn Fn(&[f32]) -> f32| {
        let data = (0..of.rows()).flat_map(|i| of.row(i).iter().copied().chain([last(of.row(i))])).collect();
        Features::new(of.rows(), of.dim() + 1, data)
    };
    let half = |row: &[f32]| (-0.5 * row.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>()) as f32;
    let found = largest_products(&longer(queries, &|_| 1.0)?, &longer(rows, &half)?, k, |_| None)?;
    let exact = |(query, found): (usize, Vec<Neighbor>)| {
        let difference = |(a, b): (&f32, &f32)| (f64::from(*a) - f64::from(*b)).powi(2);
        let distance = |row: usize| queries.row(query).iter().zip(rows.row(row)).map(difference).sum::<f64>().sqrt();
        let mut exact: Vec<(usize, f64)> = found.into_iter().map(|n| (n.row, distance(n.row))).collect();
        exact.sort_by(|a, b| a.1.total_cmp(&b.1));
        exact
    };
    Ok(found.into_par_iter().enumerate().map(exact).collect())
}

/// The `k` rows with the largest products with each query.
fn largest_products(
    queries: &Features,
    rows: &Features,
    k: usize,
    excluded: impl Fn(usize) -> Option<usize> + Sync,
) -> Result<Vec<Vec<Neighbor>>> {
    let queries = blocks(queries, QUERIES)?;
    let rows = blocks(rows, ROWS)?;
    let found: Vec<Vec<Vec<Neighbor>>> = queries
        .par_iter()
        .enumerate()
        .map(|(i, block)| {
            let mut best = vec![Vec::with_capacity(k + 1); block.dim(0)?];
            for (j, rows) in rows.iter().enumerate() {
                let (cosines, n) = (dots(block, rows)?, rows.dim(0)?);
                for (q, (best, cosines)) in best.iter_mut().zip(cosines.chunks_exact(n)).enumerate() {
                    keep_best(best, k, cosines, j * ROWS, excluded(i * QUERIES + q));
                }
            }
            Ok(best)
        })
        .collect::<Result<_>>()?;
    Ok(found.into_iter().flatten().collect())
}

/// Merges the cosines of rows `first..` into the `k` best so far, which stay sorted.
fn keep_best(best: &mut Vec<Neighbor>, k: usize, cosines: &[f32], first: usize, excluded: Option<usize>) {
    let mut threshold =
        if best.len() < k { f32::NEG_INFINITY } else { best.last().map_or(f32::INFINITY, |n| n.cosine) };
    for (row, &cosine) in (first..).zip(cosines) {
        if cosine > threshold && Some(row) != excluded {
            // Rows come in ascending order, so that an equal one goes after those before it.
            let at = best.partition_point(|n| n.cosine >= cosine);
            best.insert(at, Neighbor { row, cosine });
            best.truncate(k);
            if best.len() == k {
                threshold = best.last().map_or(f32::INFINITY, |n| n.cosine);
            }
        }
    }
}

/// The groups of two or more rows that are chained by cosines of at least `threshold`; each ascending, in the order of
/// their first rows.
pub fn duplicate_groups(features: &Features, threshold: f32) -> Result<Vec<Vec<usize>>> {
    if !(threshold > 0.0 && threshold <= 1.0) {
        return Err(Error::Config(format!("a cosine threshold of {threshold} is not in 0..=1 above 0")));
    }
    // f32 brings the cosine of two equal rows to a little less than 1.
    let threshold = threshold - 1e-6;
    let blocks = blocks(&features.l2_normalized(), ROWS)?;
    let tasks: Vec<(usize, usize)> = (0..blocks.len()).flat_map(|i| (i..blocks.len()).map(move |j| (i, j))).collect();
    let pairs: Vec<Vec<(usize, usize)>> = tasks
        .par_iter()
        .map(|&(i, j)| pairs_above(&blocks[i], &blocks[j], (i, j), threshold))
        .collect::<Result<_>>()?;
    let mut parent: Vec<usize> = (0..features.rows()).collect();
    for (a, b) in pairs.into_iter().flatten() {
        let (a, b) = (root(&mut parent, a), root(&mut parent, b));
        parent[a.max(b)] = a.min(b);
    }
    let mut groups = vec![Vec::new(); features.rows()];
    for row in 0..features.rows() {
        groups[root(&mut parent, row)].push(row);
    }
    Ok(groups.into_iter().filter(|group| group.len() > 1).collect())
}

/// The pairs of two blocks above the threshold; one that only repeats what others of its row say already is left out.
fn pairs_above(left: &Tensor, right: &Tensor, (i, j): (usize, usize), threshold: f32) -> Result<Vec<(usize, usize)>> {
    let (cosines, n) = (dots(left, right)?, right.dim(0)?);
    let mut parent: Vec<usize> = (0..left.dim(0)? + n).collect();
    let shift = if i == j { 0 } else { left.dim(0)? };
    let mut pairs = Vec::new();
    for (a, row) in cosines.chunks_exact(n).enumerate() {
        for (b, _) in row.iter().enumerate().filter(|&(_, &cosine)| cosine >= threshold) {
            let (x, y) = (root(&mut parent, a), root(&mut parent, b + shift));
            if x != y {
                parent[x.max(y)] = x.min(y);
                pairs.push((i * ROWS + a, j * ROWS + b));
            }
        }
    }
    Ok(pairs)
}

/// The smallest row of a group, with path halving.
fn root(parent: &mut [usize], mut row: usize) -> usize {
    while parent[row] != row {
        parent[row] = parent[parent[row]];
        row = parent[row];
    }
    row
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod tests {
    use super::*;
    use rand::{Rng, SeedableRng};

    pub(crate) fn noise(rows: usize, dim: usize, seed: u64) -> Features {
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
        let data = (0..rows * dim).map(|_| rng.random_range(-1.0..1.0f32)).collect();
        Features::new(rows, dim, data).unwrap()
    }

    #[test]
    fn blocks_find_what_a_plain_search_finds() {
        let features = noise(2500, 5, 1);
        let found = nearest_others(&features, &[0, 7, 2499], 4).unwrap();
        let rows = features.l2_normalized();
        for (&query, found) in [0, 7, 2499].iter().zip(found) {
            let cosine = |row: usize| rows.row(row).iter().zip(rows.row(query)).map(|(a, b)| a * b).sum::<f32>();
            let mut all: Vec<usize> = (0..2500).filter(|&row| row != query).collect();
            all.sort_by(|&a, &b| cosine(b).total_cmp(&cosine(a)));
            assert_eq!(found.iter().map(|n| n.row).collect::<Vec<_>>(), all[..4]);
        }
    }

    #[test]
    fn equal_rows_come_in_order_and_few_rows_are_enough() {
        let features = Features::new(4, 2, vec![1.0, 0.0, 2.0, 0.0, 0.0, 1.0, 3.0, 0.0]).unwrap();
        let found = nearest(&features.select(&[0]), &features, 9).unwrap();
        assert_eq!(found[0].iter().map(|n| n.row).collect::<Vec<_>>(), [0, 1, 3, 2]);
        let found = nearest_others(&features, &[1], 2).unwrap();
        assert_eq!(found[0].iter().map(|n| n.row).collect::<Vec<_>>(), [0, 3]);
        assert!(nearest_others(&features, &[4], 1).is_err());
        assert!(nearest(&features, &features, 0).unwrap().iter().all(Vec::is_empty));
    }

    #[test]
    fn near_duplicates_are_chained_across_blocks() {
        let features = noise(2100, 16, 2);
        let mut order: Vec<usize> = (0..2100).collect();
        order.extend([5, 5, 2099]);
        order[1000] = 2098;
        let groups = duplicate_groups(&features.select(&order), 1.0).unwrap();
        assert_eq!(groups, [vec![5, 2100, 2101], vec![1000, 2098], vec![2099, 2102]]);
        let line = Features::new(4, 2, vec![1.0, 0.0, 1.0, 0.2, 1.0, 0.4, -1.0, 0.0]).unwrap();
        assert_eq!(duplicate_groups(&line, 0.97).unwrap(), [vec![0, 1, 2]]);
        assert!(duplicate_groups(&line, 0.0).is_err());
    }
}
