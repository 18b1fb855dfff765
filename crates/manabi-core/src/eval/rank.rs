//! How far two columns of numbers go together: Pearson's r and Spearman's rho.
//!
//! - Pearson: `r = Σ (a - ā)(b - b̄) / √(Σ (a - ā)² Σ (b - b̄)²)`; how far the pairs lie on a straight line.
//! - Spearman (1904): Pearson's r of the ranks, equal numbers with the mean of the ranks that they share; how far the order
//!   is the same, whatever the scale.
//!
//! Both as scipy's `pearsonr` and `spearmanr`. Where one column does not vary there is neither: `None`.
//!
//! The interval of rho is a [`Bootstrap`] over the pairs, or over groups of them ([`Units`]), which are ranked anew in every
//! resample. A resample in which a column does not vary says nothing of the order and counts as 0.
//!
//! Shapes: `(N,)` each. Cost: `N log N` once, `N` for each resample, since the order of the values stays what it is.

use super::{
    statistics::{Bootstrap, Interval},
    units::Units,
};
use crate::error::{Error, Result};

/// Pearson's r, -1 to 1; `None` where one of the two does not vary.
pub fn pearson(first: &[f64], second: &[f64]) -> Result<Option<f64>> {
    check(first, second)?;
    Ok(correlation(first, second))
}

/// Spearman's rho, -1 to 1; `None` where one of the two does not vary.
pub fn spearman(first: &[f64], second: &[f64]) -> Result<Option<f64>> {
    let all: Vec<u32> = (0..check(first, second)?).collect();
    Ok(correlation(&Levels::new(first).ranks(&all), &Levels::new(second).ranks(&all)))
}

/// Spearman's rho of all pairs, as `mean`, with its interval; `None` where one of the two does not vary.
pub fn spearman_interval(
    first: &[f64],
    second: &[f64],
    units: &Units,
    bootstrap: &Bootstrap,
) -> Result<Option<Interval>> {
    if spearman(first, second)?.is_none() {
        return Ok(None);
    }
    if units.row_count() != first.len() {
        return Err(Error::data(format!("units of {} rows for {} pairs", units.row_count(), first.len())));
    }
    let (first, second) = (Levels::new(first), Levels::new(second));
    let rho = |_, rows: &[u32]| correlation(&first.ranks(rows), &second.ranks(rows)).unwrap_or(0.0);
    bootstrap.statistic(1, units, rho).map(Some)
}

/// How much closer the order of `better` is to that of `truth` than the order of `other` is: the difference of both rhos,
/// with its interval over the same pairs; `None` where one of the three does not vary.
pub fn spearman_difference(
    better: &[f64],
    other: &[f64],
    truth: &[f64],
    units: &Units,
    bootstrap: &Bootstrap,
) -> Result<Option<Interval>> {
    if spearman(better, truth)?.is_none() || spearman(other, truth)?.is_none() {
        return Ok(None);
    }
    if units.row_count() != truth.len() {
        return Err(Error::data(format!("units of {} rows for {} pairs", units.row_count(), truth.len())));
    }
    let (better, other, truth) = (Levels::new(better), Levels::new(other), Levels::new(truth));
    let rho = |of: &Levels, rows: &[u32], truth: &[f64]| correlation(&of.ranks(rows), truth).unwrap_or(0.0);
    let difference = |_, rows: &[u32]| {
        let truth = truth.ranks(rows);
        rho(&better, rows, &truth) - rho(&other, rows, &truth)
    };
    bootstrap.statistic(1, units, difference).map(Some)
}

/// Where each number stands among the different ones.
struct Levels {
    level: Vec<u32>,
    count: usize,
}

impl Levels {
    fn new(values: &[f64]) -> Self {
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_unstable_by(|&a, &b| values[a].total_cmp(&values[b]));
        let (mut level, mut count) = (vec![0; values.len()], 0);
        for tie in order.chunk_by(|&a, &b| values[a] == values[b]) {
            tie.iter().for_each(|&row| level[row] = count);
            count += 1;
        }
        Self { level, count: count as usize }
    }

    /// The ranks of some rows among themselves, from 1; a row may be there several times.
    fn ranks(&self, rows: &[u32]) -> Vec<f64> {
        let mut rank = vec![0.0; self.count];
        rows.iter().for_each(|&row| rank[self.level[row as usize] as usize] += 1.0);
        let mut before = 0.0;
        for rank in &mut rank {
            let here = *rank;
            *rank = before + 0.5 * (here + 1.0);
            before += here;
        }
        rows.iter().map(|&row| rank[self.level[row as usize] as usize]).collect()
    }
}

fn correlation(first: &[f64], second: &[f64]) -> Option<f64> {
    let (a, b) = (deviations(first)?, deviations(second)?);
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    Some((product(&a, &b) / (product(&a, &a) * product(&b, &b)).sqrt()).clamp(-1.0, 1.0))
}

/// The differences from the mean, of which the largest is 1, so that no square overflows or vanishes.
fn deviations(values: &[f64]) -> Option<Vec<f64>> {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let largest = values.iter().map(|x| (x - mean).abs()).fold(0.0, f64::max);
    // Differences of mere rounding are none; where scipy warns.
    (largest > 1e-13 * mean.abs()).then(|| values.iter().map(|x| (x - mean) / largest).collect())
}

/// The number of pairs.
fn check(first: &[f64], second: &[f64]) -> Result<u32> {
    if first.len() < 2 || first.len() != second.len() {
        return Err(Error::data(format!("{} and {} numbers are not two pairs or more", first.len(), second.len())));
    }
    if let Some(row) = first.iter().zip(second).position(|(a, b)| !a.is_finite() || !b.is_finite()) {
        return Err(Error::data(format!("pair {row} is {} and {}", first[row], second[row])));
    }
    u32::try_from(first.len()).map_err(|_| Error::data(format!("{} pairs are more than {}", first.len(), u32::MAX)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::super::statistics::Method;
    use super::*;

    fn wave() -> (Vec<f64>, Vec<f64>) {
        let first: Vec<f64> = (0..60).map(|i| (f64::from(i * i) * 0.37).sin()).collect();
        let second = (0..60).map(|i| (2.0 * first[i as usize] + (f64::from(i * i) * 0.11).cos()).round()).collect();
        (first, second)
    }

    fn near(found: Option<f64>, figure: f64) -> bool {
        found.is_some_and(|found| (found - figure).abs() < 1e-12)
    }

    // import numpy as np; from scipy.stats import spearmanr, pearsonr
    // a, b = [3, 1, 4, 1, 5, 9, 2, 6], [2, 7, 1, 8, 2, 8, 1, 8]; print(spearmanr(a, b).statistic, pearsonr(a, b).statistic)
    // i = np.arange(60); x = np.sin(i * i * 0.37); y = np.round(2 * x + np.cos(i * i * 0.11))
    // print(spearmanr(x, y).statistic, pearsonr(x, y).statistic)
    #[test]
    fn both_are_those_of_scipy_ties_included() {
        let (a, b) = ([3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0], [2.0, 7.0, 1.0, 8.0, 2.0, 8.0, 1.0, 8.0]);
        assert!(near(spearman(&a, &b).unwrap(), 0.19885368120992467));
        assert!(near(pearson(&a, &b).unwrap(), 0.2096553190730121));
        let (x, y) = wave();
        assert!(near(spearman(&x, &y).unwrap(), 0.8527978982262051));
        assert!(near(pearson(&x, &y).unwrap(), 0.8500483381767826));
    }

    // from scipy.stats import bootstrap; f = lambda a, b: spearmanr(a, b).statistic
    // for m in ["BCa", "percentile"]:
    //     print(bootstrap((x, y), f, paired=True, vectorized=False, n_resamples=20000, method=m, rng=1).confidence_interval)
    #[test]
    fn intervals_are_those_of_scipy() {
        let (x, y) = wave();
        let units = Units::rows(60).unwrap();
        for (method, low, high) in [(Method::Bca, 0.7906, 0.9038), (Method::Percentile, 0.7795, 0.8988)] {
            let bootstrap = Bootstrap { resamples: 20_000, method, ..Bootstrap::default() };
            let found = spearman_interval(&x, &y, &units, &bootstrap).unwrap().unwrap();
            assert!((found.mean - 0.8527978982262051).abs() < 1e-12);
            assert!((found.low - low).abs() < 4e-3 && (found.high - high).abs() < 4e-3, "{method:?} {found:?}");
        }
    }

    #[test]
    fn the_better_order_is_ahead_by_the_difference_of_both_and_an_equal_one_by_nothing() {
        let (x, y) = wave();
        let (units, bootstrap) = (Units::rows(60).unwrap(), Bootstrap::default());
        let shuffled: Vec<f64> = (0..60).map(|i| x[(i * 7) % 60]).collect();
        let of = |a: &[f64], b: &[f64]| spearman_difference(a, b, &y, &units, &bootstrap).unwrap();
        let ahead = of(&x, &shuffled).unwrap();
        let rho = |a: &[f64]| spearman(a, &y).unwrap().unwrap();
        assert!((ahead.mean - (rho(&x) - rho(&shuffled))).abs() < 1e-12 && ahead.low > 0.0, "{ahead:?}");
        let same = of(&x, &x.iter().map(|x| x.exp()).collect::<Vec<_>>()).unwrap();
        assert_eq!(same, Interval { mean: 0.0, low: 0.0, high: 0.0 });
        assert_eq!(of(&x, &[1.0; 60]), None);
        assert!(spearman_difference(&x, &x, &y, &Units::rows(59).unwrap(), &bootstrap).is_err());
    }

    #[test]
    fn the_same_seed_gives_the_same_interval_and_copies_in_one_group_do_not_narrow_it() {
        let (x, y) = wave();
        let of = |times: usize, units: &Units, seed: u64| {
            let bootstrap = Bootstrap { seed, ..Bootstrap::default() };
            spearman_interval(&x.repeat(times), &y.repeat(times), units, &bootstrap).unwrap().unwrap()
        };
        let width = |interval: Interval| interval.high - interval.low;
        let rows = Units::rows(60).unwrap();
        let alone = of(1, &rows, 7);
        assert_eq!(alone, of(1, &rows, 7));
        assert!(alone != of(1, &rows, 8));
        let groups: Vec<u64> = (0..480).map(|row| row % 60).collect();
        let grouped = width(of(8, &Units::groups(&groups).unwrap(), 7));
        assert!((grouped / width(alone) - 1.0).abs() < 0.15, "{grouped} {alone:?}");
        assert!(width(of(8, &Units::rows(480).unwrap(), 7)) < 0.5 * grouped);
    }

    #[test]
    fn the_same_order_is_exactly_one_and_its_interval_has_no_width() {
        let (x, _) = wave();
        let cubed: Vec<f64> = x.iter().map(|x| x.powi(3)).collect();
        let turned: Vec<f64> = x.iter().map(|x| -x).collect();
        assert_eq!(spearman(&x, &cubed).unwrap(), Some(1.0));
        assert_eq!(spearman(&x, &turned).unwrap(), Some(-1.0));
        assert!(pearson(&x, &cubed).unwrap().unwrap() < 0.99);
        let units = Units::rows(60).unwrap();
        let interval = spearman_interval(&x, &cubed, &units, &Bootstrap::default()).unwrap();
        assert_eq!(interval, Some(Interval { mean: 1.0, low: 1.0, high: 1.0 }));
    }

    #[test]
    fn what_does_not_vary_has_no_correlation_and_what_is_no_pair_is_refused() {
        let (flat, rising) = ([0.1; 3], [1.0, 2.0, 3.0]);
        assert_eq!((pearson(&flat, &rising).unwrap(), spearman(&rising, &flat).unwrap()), (None, None));
        let units = |rows: usize| Units::rows(rows).unwrap();
        assert_eq!(spearman_interval(&flat, &rising, &units(3), &Bootstrap::default()).unwrap(), None);
        // The smallest and largest numbers are numbers like others.
        assert!(near(pearson(&[0.0, 1e-300, 2e-300], &[0.0, 1e300, 2e300]).unwrap(), 1.0));
        let message = |a: &[f64], b: &[f64]| spearman(a, b).unwrap_err().to_string();
        assert!(message(&rising, &[1.0; 2]).contains("3 and 2 numbers"));
        assert!(message(&[1.0], &[1.0]).contains("1 and 1 numbers"));
        assert!(message(&rising, &[1.0, f64::NAN, 2.0]).contains("pair 1 is 2 and NaN"));
        let error = spearman_interval(&rising, &rising, &units(4), &Bootstrap::default()).unwrap_err().to_string();
        assert!(error.contains("units of 4 rows for 3 pairs"), "{error}");
        assert!(pearson(&[], &[]).is_err());
        // Of two pairs half of the resamples are one pair twice.
        let two = spearman_interval(&[1.0, 2.0], &[5.0, 6.0], &units(2), &Bootstrap::default()).unwrap().unwrap();
        assert!(two.mean == 1.0 && two.low == 0.0, "{two:?}");
    }

    /// One more than the number of smaller ones, and half of the others that are equal.
    fn plain_ranks(values: &[f64]) -> Vec<f64> {
        let count = |hit: &dyn Fn(f64) -> bool| values.iter().filter(|&&x| hit(x)).count() as f64;
        values.iter().map(|&v| 1.0 + count(&|x| x < v) + 0.5 * (count(&|x| x == v) - 1.0)).collect()
    }

    /// `(N Σ ab - Σ a Σ b) / √((N Σ a² - (Σ a)²) (N Σ b² - (Σ b)²))`.
    fn plain_pearson(a: &[f64], b: &[f64]) -> Option<f64> {
        let product = |a: &[f64], b: &[f64]| {
            let ab: f64 = a.iter().zip(b).map(|(a, b)| a * b).sum();
            a.len() as f64 * ab - a.iter().sum::<f64>() * b.iter().sum::<f64>()
        };
        let spread = product(a, a) * product(b, b);
        (spread > 0.0).then(|| product(a, b) / spread.sqrt())
    }

    proptest! {
        #[test]
        fn both_agree_with_their_definitions(pairs in proptest::collection::vec((-4..5i8, -9..10i8, 0..4usize), 2..40)) {
            let (a, b): (Vec<f64>, Vec<f64>) = pairs.iter().map(|p| (f64::from(p.0), f64::from(p.1))).unzip();
            let same = |x: Option<f64>, y: Option<f64>| match (x, y) {
                (Some(x), Some(y)) => (x - y).abs() < 1e-9,
                (x, y) => x.is_none() && y.is_none(),
            };
            prop_assert!(same(pearson(&a, &b).unwrap(), plain_pearson(&a, &b)));
            prop_assert!(same(spearman(&a, &b).unwrap(), plain_pearson(&plain_ranks(&a), &plain_ranks(&b))));
            let stretched: Vec<f64> = a.iter().map(|a| (2.0 * a).exp() - 3.0).collect();
            prop_assert_eq!(spearman(&a, &b).unwrap(), spearman(&stretched, &b).unwrap());
            // Rows that are there several times, or not at all, written out.
            let rows: Vec<u32> = (0..pairs.len()).flat_map(|i| vec![i as u32; pairs[i].2]).collect();
            let written: Vec<f64> = rows.iter().map(|&row| a[row as usize]).collect();
            prop_assert_eq!(Levels::new(&a).ranks(&rows), plain_ranks(&written));
        }
    }
}
