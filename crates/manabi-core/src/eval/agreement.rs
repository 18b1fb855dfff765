//! How well clusters agree with classes, whatever either of them is called.
//!
//! With `n_ck` rows of class `c` in cluster `k`, of `N`, `H(C) = -Σ n_c/N ln(n_c/N)` and `H(C|K) = -Σ n_ck/N ln(n_ck/n_k)`:
//! - Homogeneity `1 - H(C|K) / H(C)` (1 where there is one class): a cluster holds one class only. Completeness
//!   `1 - H(K|C) / H(K)`: a class lies in one cluster only. V-measure: their harmonic mean (Rosenberg & Hirschberg 2007).
//! - Normalised mutual information `2 I / (H(C) + H(K))`, `I = Σ n_ck/N ln(N n_ck / (n_c n_k))`, by the arithmetic mean. It
//!   is the V-measure by another way, and here to be found under the name that others report it by.
//! - Adjusted Rand index (Hubert & Arabie 1985): with `S`, `A`, `B` pairs of rows in one cell, class and cluster of `T` in
//!   all, `(S - AB/T) / ((A + B)/2 - AB/T)`. Chance gives 0, less than chance as little as -0.5, the same grouping 1.
//!
//! Only the adjusted Rand index is corrected for chance. Homogeneity grows with the number of clusters, to 1 where every
//! row is its own, and takes the V-measure of random labels along. All agree with scikit-learn's (figures in the tests).
//!
//! Shapes: labels `(N,)` each. Cost: `N log N`.

use std::collections::BTreeMap;

use crate::error::{Error, Result};

/// How well clusters agree with classes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Agreement {
    /// 1 where each cluster holds one class only, 0 where clusters say nothing of classes.
    pub homogeneity: f64,
    /// 1 where each class lies in one cluster only, 0 where classes say nothing of clusters.
    pub completeness: f64,
    /// The harmonic mean of both.
    pub v_measure: f64,
    /// The pairs of rows that both group alike, 0 by chance and 1 at most.
    pub adjusted_rand: f64,
    /// The mutual information over the mean of both entropies, 0 to 1.
    pub nmi: f64,
}

impl Agreement {
    /// Compares the class and the cluster of each row.
    pub fn of<C: Ord, K: Ord>(classes: &[C], clusters: &[K]) -> Result<Self> {
        if classes.is_empty() || classes.len() != clusters.len() {
            return Err(Error::data(format!("{} classes, {} clusters of rows", classes.len(), clusters.len())));
        }
        let rows = classes.len() as f64;
        let (by_class, by_cluster) = (count(classes.iter()), count(clusters.iter()));
        let cells: Vec<[usize; 3]> = count(classes.iter().zip(clusters))
            .into_iter()
            .map(|((class, cluster), cell)| [cell, by_class[class], by_cluster[cluster]])
            .collect();
        let given = |of: usize| -> f64 {
            -cells.iter().map(|cell| cell[0] as f64 / rows * (cell[0] as f64 / cell[of] as f64).ln()).sum::<f64>()
        };
        let (of_classes, of_clusters) = (entropy(&by_class, rows), entropy(&by_cluster, rows));
        let share = |left: f64, all: f64| if all > 0.0 { (1.0 - left / all).clamp(0.0, 1.0) } else { 1.0 };
        let (homogeneity, completeness) = (share(given(2), of_classes), share(given(1), of_clusters));
        let both = homogeneity + completeness;
        let shared = |[cell, class, cluster]: &[usize; 3]| {
            *cell as f64 / rows * (rows * *cell as f64 / (*class as f64 * *cluster as f64)).ln()
        };
        let information: f64 = cells.iter().map(shared).sum();
        let entropies = of_classes + of_clusters;
        Ok(Self {
            homogeneity,
            completeness,
            v_measure: if both > 0.0 { 2.0 * homogeneity * completeness / both } else { 0.0 },
            adjusted_rand: adjusted_rand(
                pairs(cells.iter().map(|cell| cell[0])),
                pairs(by_class.into_values()),
                pairs(by_cluster.into_values()),
                pairs([classes.len()].into_iter()),
            ),
            nmi: if entropies > 0.0 { (2.0 * information / entropies).clamp(0.0, 1.0) } else { 1.0 },
        })
    }
}

fn count<T: Ord>(labels: impl Iterator<Item = T>) -> BTreeMap<T, usize> {
    let mut counts = BTreeMap::new();
    labels.for_each(|label| *counts.entry(label).or_insert(0) += 1);
    counts
}

fn entropy<T>(counts: &BTreeMap<T, usize>, rows: f64) -> f64 {
    counts.values().map(|&n| n as f64 / rows).map(|share| -share * share.ln()).sum()
}

/// How many pairs of rows of one group there are.
fn pairs(counts: impl Iterator<Item = usize>) -> i128 {
    counts.map(|n| n as i128).map(|n| n * (n - 1) / 2).sum()
}

/// Both sides of the fraction times `2 T`: whole numbers up to the one division.
fn adjusted_rand(cells: i128, classes: i128, clusters: i128, all: i128) -> f64 {
    let most = (classes + clusters) * all - 2 * classes * clusters;
    if most == 0 { 1.0 } else { (2 * (cells * all - classes * clusters)) as f64 / most as f64 }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn close(classes: &[u32], clusters: &[usize], figures: [f64; 5]) {
        let a = Agreement::of(classes, clusters).unwrap();
        let found = [a.homogeneity, a.completeness, a.v_measure, a.adjusted_rand, a.nmi];
        assert!(found.iter().zip(figures).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?}");
    }

    // from sklearn.metrics import *; import numpy as np
    // def figures(c, k): print(*homogeneity_completeness_v_measure(c, k), adjusted_rand_score(c, k), normalized_mutual_info_score(c, k))
    // figures([0,0,0,1,1,1,2,2,2,2], [1,1,0,0,2,2,2,2,3,2]); i = np.arange(500); figures(i * i % 7, i * i * i % 11 // 2)
    #[test]
    fn figures_are_those_of_scikit_learn() {
        let figures =
            [0.5636557256179745, 0.502835534043266, 0.531511393534882, 0.20454545454545456, 0.531511393534882];
        close(&[0, 0, 0, 1, 1, 1, 2, 2, 2, 2], &[1, 1, 0, 0, 2, 2, 2, 2, 3, 2], figures);
        let classes: Vec<u32> = (0..500).map(|i| i * i % 7).collect();
        let clusters: Vec<usize> = (0..500).map(|i| i * i * i % 11 / 2).collect();
        let figures = [
            0.00032666887768705206,
            0.0002500399977430487,
            0.0002832634936602244,
            -0.006730335347100538,
            0.00028326349366022437,
        ];
        close(&classes, &clusters, figures);
    }

    // figures([0]*4, [0,0,1,1]); figures([0,1,2,3], [0]*4); figures([0]*3, [5]*3); figures([0,1,2], [2,0,1])
    // figures([0,0,1,1], [0,1,0,1])
    #[test]
    fn one_class_one_cluster_and_chance_are_those_of_scikit_learn() {
        close(&[0; 4], &[0, 0, 1, 1], [1.0, 0.0, 0.0, 0.0, 0.0]);
        close(&[0, 1, 2, 3], &[0; 4], [0.0, 1.0, 0.0, 0.0, 0.0]);
        close(&[0; 3], &[5; 3], [1.0; 5]);
        close(&[0, 1, 2], &[2, 0, 1], [1.0; 5]);
        close(&[0, 0, 1, 1], &[0, 1, 0, 1], [0.0, 0.0, 0.0, -0.5, 0.0]);
        close(&[3], &[4], [1.0; 5]);
    }

    #[test]
    fn other_names_change_nothing_and_pure_clusters_are_exactly_one() {
        let (classes, clusters) = (["a", "a", "b", "b", "b", "c"], [9u8, 9, 1, 1, 1, 4]);
        let same = Agreement::of(&classes, &clusters).unwrap();
        assert_eq!((same.homogeneity, same.completeness, same.v_measure, same.adjusted_rand), (1.0, 1.0, 1.0, 1.0));
        // Every row by itself is pure, and no better than chance.
        let alone = Agreement::of(&classes, &[0, 1, 2, 3, 4, 5]).unwrap();
        assert!(alone.homogeneity == 1.0 && alone.completeness < 0.6 && alone.adjusted_rand == 0.0, "{alone:?}");
    }

    #[test]
    fn no_rows_and_unequal_numbers_of_them_are_refused() {
        assert!(Agreement::of::<u32, u32>(&[], &[]).is_err());
        let message = Agreement::of(&[1, 2], &[1, 2, 3]).unwrap_err().to_string();
        assert!(message.contains("2 classes, 3 clusters"), "{message}");
    }

    proptest! {
        #[test]
        fn figures_agree_with_counting_rows_and_pairs(rows in proptest::collection::vec((0..5u32, 0..4usize), 1..40)) {
            let (classes, clusters): (Vec<u32>, Vec<usize>) = rows.iter().copied().unzip();
            let n = rows.len() as f64;
            let share = |hit: &dyn Fn(&(u32, usize)) -> bool| rows.iter().filter(|row| hit(row)).count() as f64 / n;
            let (mut h_class, mut h_cluster, mut h_both) = (0.0, 0.0, 0.0);
            for &(c, k) in &rows {
                // The mean over rows of -ln p is the entropy.
                h_class -= share(&|row| row.0 == c).ln() / n;
                h_cluster -= share(&|row| row.1 == k).ln() / n;
                h_both -= share(&|row| *row == (c, k)).ln() / n;
            }
            let information = h_class + h_cluster - h_both;
            let (mut s, mut a, mut b, mut t) = (0.0, 0.0, 0.0, 0.0);
            for i in 0..rows.len() {
                for j in 0..i {
                    s += f64::from(rows[i] == rows[j]);
                    a += f64::from(classes[i] == classes[j]);
                    b += f64::from(clusters[i] == clusters[j]);
                    t += 1.0;
                }
            }
            let found = Agreement::of(&classes, &clusters).unwrap();
            let ratio = |x: f64, y: f64| if y > 1e-12 { x / y } else { 1.0 };
            prop_assert!((found.homogeneity - ratio(information, h_class)).abs() < 1e-9, "{:?}", found);
            prop_assert!((found.completeness - ratio(information, h_cluster)).abs() < 1e-9, "{:?}", found);
            prop_assert!((found.nmi - ratio(2.0 * information, h_class + h_cluster)).abs() < 1e-9, "{:?}", found);
            prop_assert!((found.v_measure - found.nmi).abs() < 1e-9, "{:?}", found);
            let chance = if t > 0.0 { a * b / t } else { 0.0 };
            let rand = ratio(s - chance, 0.5 * (a + b) - chance);
            prop_assert!((found.adjusted_rand - rand).abs() < 1e-9, "{:?} {}", found, rand);
            // The other way round, only homogeneity and completeness change places.
            let turned = Agreement::of(&clusters, &classes).unwrap();
            prop_assert!((turned.homogeneity - found.completeness).abs() < 1e-12);
            prop_assert!((turned.completeness - found.homogeneity).abs() < 1e-12);
            prop_assert_eq!(turned.adjusted_rand, found.adjusted_rand);
        }
    }
}
