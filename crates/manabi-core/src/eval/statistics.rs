//! How sure a score is: bootstrap intervals over seeds and test rows, and paired tests between two representations.
//!
//! The test rows are the same for all seeds, so a resample draws seeds, and one set of rows that all of them are scored
//! on (Owen 2007, "The pigeonhole bootstrap"): drawing rows anew for each seed would count the test set several times
//! and promise too narrow an interval. Rows of one group (a machine, a part, near-copies) are drawn as a whole, see
//! [`Units`]. Percentile or BCa (Efron 1987, acceleration from a jackknife over seeds and over blocks of units). With
//! few seeds no bootstrap sees their whole spread: three make the interval a lower bound.
//!
//! The test is a [`sign_flip`] permutation over the units' differences (mean over seeds, sum over rows).
//!
//! Cost: `resamples · seeds · rows`, in parallel; resample `i` has random stream `i`, whatever the number of threads.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::{sign_flip::sign_flip, units::Units};
use crate::error::{Error, Result};

/// How the interval is read off the resamples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// The quantiles themselves.
    Percentile,
    /// Bias-corrected and accelerated.
    Bca,
}

/// The settings of a bootstrap.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bootstrap {
    /// How many resamples.
    pub resamples: usize,
    /// The coverage aimed at.
    pub level: f64,
    /// How the interval is read off.
    pub method: Method,
    /// What all is drawn from.
    pub seed: u64,
}

impl Default for Bootstrap {
    fn default() -> Self {
        Self { resamples: 1000, level: 0.95, method: Method::Bca, seed: 0 }
    }
}

/// A mean with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The mean over seeds on all test rows.
    pub mean: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// The difference between two representations on the same seeds and test rows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Paired {
    /// The first less the second, with the interval of a paired bootstrap.
    pub difference: Interval,
    /// The two-sided p of the sign-flip test: how often chance alone brings as large a difference.
    pub p: f64,
    /// Whether `p` was counted rather than sampled.
    pub exact: bool,
}

impl Bootstrap {
    /// The interval of a mean of scores (1 for right, 0 for wrong, or any other); `scores[seed][row]`.
    pub fn mean(&self, scores: &[Vec<f64>], units: &Units) -> Result<Interval> {
        shape(scores, units)?;
        self.statistic(scores.len(), units, |seed, rows| {
            let scores = &scores[seed];
            rows.iter().map(|&row| scores[row as usize]).sum::<f64>() / rows.len() as f64
        })
    }

    /// The interval of any statistic: `statistic(seed, rows)` of some test rows, a row perhaps several times, averaged
    /// over the seeds.
    pub fn statistic(
        &self,
        seeds: usize,
        units: &Units,
        statistic: impl Fn(usize, &[u32]) -> f64 + Sync,
    ) -> Result<Interval> {
        let rows = units.row_count();
        if seeds == 0 || rows == 0 || self.resamples < 20 || !(self.level > 0.0 && self.level < 1.0) {
            return Err(Error::Config(format!(
                "an interval of level {} from {} resamples of {seeds} seeds and {rows} rows",
                self.level, self.resamples
            )));
        }
        let all: Vec<u32> = (0..rows as u32).collect();
        let by_seed: Vec<f64> = (0..seeds).into_par_iter().map(|seed| statistic(seed, &all)).collect();
        let mean = average(&by_seed);
        let mut draws: Vec<f64> = (0..self.resamples)
            .into_par_iter()
            .map_init(
                || Vec::with_capacity(2 * rows),
                |sample, i| {
                    let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
                    rng.set_stream(i as u64);
                    sample.clear();
                    (0..units.len()).for_each(|_| sample.extend(units.unit(below(&mut rng, units.len()) as usize)));
                    let mut times = vec![0.0; seeds];
                    (0..seeds).for_each(|_| times[below(&mut rng, seeds) as usize] += 1.0);
                    let drawn = times.iter().enumerate().filter(|(_, times)| **times > 0.0);
                    drawn.map(|(seed, times)| times * statistic(seed, sample)).sum::<f64>() / seeds as f64
                },
            )
            .collect();
        draws.sort_unstable_by(f64::total_cmp);
        let tail = (1.0 - self.level) / 2.0;
        let (mut low, mut high) = (tail, 1.0 - tail);
        if self.method == Method::Bca && draws.first() != draws.last() {
            let less = draws.iter().filter(|&&x| x < mean).count() as f64;
            let equal = draws.iter().filter(|&&x| x == mean).count() as f64;
            let share = (less + 0.5 * equal) / draws.len() as f64;
            let bound = 0.5 / draws.len() as f64;
            let bias = quantile(share.clamp(bound, 1.0 - bound));
            let acceleration = acceleration(&by_seed, units, &statistic);
            let shifted = |tail: f64| {
                let z = bias + quantile(tail);
                cumulative(bias + z / (1.0 - acceleration * z).max(0.1))
            };
            (low, high) = (shifted(low), shifted(high));
        }
        Ok(Interval { mean, low: at(&draws, low), high: at(&draws, high) })
    }

    /// Compares two representations, scored on the same seeds and test rows: `scores[seed][row]`.
    pub fn paired(&self, first: &[Vec<f64>], second: &[Vec<f64>], units: &Units) -> Result<Paired> {
        let rows = units.row_count();
        shape(first, units)?;
        shape(second, units)?;
        if first.len() != second.len() {
            return Err(Error::Data("a paired test needs the same seeds and rows on both sides".into()));
        }
        let minus = |(a, b): (&Vec<f64>, &Vec<f64>)| a.iter().zip(b).map(|(a, b)| a - b).collect();
        let by_seed: Vec<Vec<f64>> = first.iter().zip(second).map(minus).collect();
        let by_row: Vec<f64> =
            (0..rows).map(|row| by_seed.iter().map(|d| d[row]).sum::<f64>() / by_seed.len() as f64).collect();
        let (p, exact) = sign_flip(&units.sums(&by_row), 10 * self.resamples, self.seed);
        Ok(Paired { difference: self.mean(&by_seed, units)?, p, exact })
    }
}

fn shape(scores: &[Vec<f64>], units: &Units) -> Result<()> {
    let rows = units.row_count();
    if scores.is_empty() || rows == 0 || scores.iter().any(|s| s.len() != rows || s.iter().any(|x| !x.is_finite())) {
        return Err(Error::Data("scores must be finite, and each seed must score the same test rows".into()));
    }
    Ok(())
}

fn average(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// A number below `n`, without bias that matters: 64 bits onto at most 32.
fn below(rng: &mut ChaCha8Rng, n: usize) -> u32 {
    ((u128::from(rng.random::<u64>()) * n as u128) >> 64) as u32
}

/// Efron's acceleration, from leaving out each seed, and each of up to 100 blocks of units.
fn acceleration(by_seed: &[f64], units: &Units, statistic: &(impl Fn(usize, &[u32]) -> f64 + Sync)) -> f64 {
    let (seeds, blocks) = (by_seed.len(), units.len().min(100));
    let total: f64 = by_seed.iter().sum();
    let without_rows: Vec<f64> = (0..if blocks > 1 { blocks } else { 0 })
        .into_par_iter()
        .map(|block| {
            let others = (0..units.len()).filter(|unit| unit % blocks != block);
            let kept: Vec<u32> = others.flat_map(|unit| units.unit(unit).iter().copied()).collect();
            (0..seeds).map(|seed| statistic(seed, &kept)).sum::<f64>() / seeds as f64
        })
        .collect();
    let without_seed = by_seed.iter().filter(|_| seeds > 1).map(|x| (total - x) / (seeds - 1) as f64).collect();
    let (mut cubes, mut squares) = (0.0, 0.0);
    for values in [without_rows, without_seed] {
        let (mean, n) = (average(&values), values.len() as f64);
        for value in &values {
            // Influence of a unit: (n - 1) times its jackknife difference, over n in the mean.
            let influence = (n - 1.0) * (mean - value) / n;
            cubes += influence.powi(3);
            squares += influence.powi(2);
        }
    }
    if squares > 0.0 { cubes / (6.0 * squares.powf(1.5)) } else { 0.0 }
}

/// The quantile of sorted values, linear between neighbours.
fn at(sorted: &[f64], share: f64) -> f64 {
    let place = share.clamp(0.0, 1.0) * (sorted.len() - 1) as f64;
    let (low, rest) = (place.floor() as usize, place.fract());
    sorted[low] + rest * (sorted[(low + 1).min(sorted.len() - 1)] - sorted[low])
}

/// The normal distribution function (Abramowitz & Stegun 7.1.26, to 1.5e-7).
fn cumulative(z: f64) -> f64 {
    let x = z.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.3275911 * x);
    let poly = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
    let upper = 0.5 * poly * (-x * x).exp();
    if z > 0.0 { 1.0 - upper } else { upper }
}

/// The normal quantile, by bisection.
fn quantile(share: f64) -> f64 {
    let (mut low, mut high) = (-9.0, 9.0);
    for _ in 0..60 {
        let middle = 0.5 * (low + high);
        if cumulative(middle) < share { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn coin(rows: usize, share: f64, seed: u64) -> Vec<f64> {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        (0..rows).map(|_| f64::from(rng.random::<f64>() < share)).collect()
    }

    fn rows(rows: usize) -> Units {
        Units::rows(rows).unwrap()
    }

    #[test]
    fn one_seed_gives_the_interval_of_a_proportion() {
        for method in [Method::Percentile, Method::Bca] {
            let scores = vec![coin(2000, 0.8, 1)];
            let interval = Bootstrap { method, ..Bootstrap::default() }.mean(&scores, &rows(2000)).unwrap();
            let half = 1.96 * (interval.mean * (1.0 - interval.mean) / 2000.0).sqrt();
            assert!((interval.high - interval.mean - half).abs() < 0.15 * half, "{interval:?}");
            assert!((interval.mean - interval.low - half).abs() < 0.15 * half, "{interval:?}");
        }
    }

    // import numpy as np; from scipy.stats import bootstrap
    // x = np.exp(np.sin(np.arange(40) ** 2) * 2)
    // print(bootstrap((x,), np.mean, n_resamples=200000, method="BCa", rng=1).confidence_interval)
    #[test]
    fn bca_is_that_of_scipy_on_a_skewed_sample() {
        let x: Vec<f64> = (0..40).map(|i| (f64::from(i * i).sin() * 2.0).exp()).collect();
        let interval = Bootstrap { resamples: 20_000, ..Bootstrap::default() }.mean(&[x], &rows(40)).unwrap();
        assert!((interval.low - 1.3137).abs() < 0.03 && (interval.high - 2.9140).abs() < 0.03, "{interval:?}");
    }

    #[test]
    fn copies_of_a_seed_do_not_narrow_the_interval_and_different_seeds_widen_it() {
        let width =
            |scores: &[Vec<f64>]| Bootstrap::default().mean(scores, &rows(1000)).map(|i| i.high - i.low).unwrap();
        let one = coin(1000, 0.7, 2);
        let alone = width(std::slice::from_ref(&one));
        assert!((width(&vec![one.clone(); 5]) / alone - 1.0).abs() < 0.1);
        assert!(width(&[coin(1000, 0.9, 1), coin(1000, 0.5, 2), coin(1000, 0.7, 3)]) > 2.0 * alone);
    }

    #[test]
    fn a_difference_is_found_only_where_there_is_one() {
        let seeds = |share, from| (from..from + 3).map(|s| coin(500, share, s)).collect::<Vec<_>>();
        let settings = Bootstrap::default();
        let same = settings.paired(&seeds(0.7, 0), &seeds(0.7, 10), &rows(500)).unwrap();
        assert!(same.p > 0.05 && !same.exact && same.difference.low < 0.0 && same.difference.high > 0.0, "{same:?}");
        let better = settings.paired(&seeds(0.8, 0), &seeds(0.7, 10), &rows(500)).unwrap();
        assert!(better.p < 0.001 && better.difference.low > 0.0, "{better:?}");
        assert_eq!(better, settings.paired(&seeds(0.8, 0), &seeds(0.7, 10), &rows(500)).unwrap());
        let none = settings.paired(&seeds(0.8, 0), &seeds(0.8, 0), &rows(500)).unwrap();
        assert_eq!((none.p, none.difference.low, none.difference.high), (1.0, 0.0, 0.0));
        assert!(settings.paired(&[], &[], &rows(500)).is_err());
    }

    #[test]
    fn ten_copies_of_each_row_are_no_more_evidence_than_one() {
        // The mean of 100 rows, each there ten times: by group the interval is that of 100 rows, by row a third of it.
        let once = coin(100, 0.6, 5);
        let copied: Vec<f64> = once.iter().flat_map(|x| [*x; 10]).collect();
        let groups: Vec<u64> = (0..1000).map(|row| row / 10).collect();
        let settings = Bootstrap::default();
        let width = |interval: Interval| interval.high - interval.low;
        let alone = width(settings.mean(std::slice::from_ref(&once), &rows(100)).unwrap());
        let grouped = width(settings.mean(std::slice::from_ref(&copied), &Units::groups(&groups).unwrap()).unwrap());
        let naive = width(settings.mean(std::slice::from_ref(&copied), &rows(1000)).unwrap());
        assert!((grouped / alone - 1.0).abs() < 0.1, "{grouped} against {alone}");
        assert!(naive < 0.5 * alone, "{naive} against {alone}");
        // The same holds for the paired test.
        let zero = [vec![0.5; 1000]];
        let by_group = settings.paired(std::slice::from_ref(&copied), &zero, &Units::groups(&groups).unwrap()).unwrap();
        let by_row = settings.paired(&[copied], &zero, &rows(1000)).unwrap();
        let single = settings.paired(&[once], &[vec![0.5; 100]], &rows(100)).unwrap();
        assert!((by_group.p - single.p).abs() < 1e-9 && by_row.p < by_group.p, "{by_group:?} {by_row:?} {single:?}");
    }
}
