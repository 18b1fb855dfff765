//! How sure a score is: bootstrap intervals over seeds and test rows, and paired tests between two representations.
//!
//! The test rows are the same for all seeds, so a resample draws seeds, and one set of rows that all of them are scored
//! on (Owen 2007, "The pigeonhole bootstrap"): drawing rows anew for each seed would count the test set several times
//! and promise too narrow an interval. Percentile or BCa (Efron 1987, acceleration from a jackknife over seeds and
//! over blocks of rows). With few seeds no bootstrap sees their whole spread: three make the interval a lower bound.
//!
//! The test is a sign-flip permutation over rows: under "no difference" each row's difference (mean over seeds) is as
//! likely with the other sign. Exact up to 20 rows that differ, and where all differences are of one size (then it is
//! McNemar's binomial test); else Monte-Carlo with `p = (b + 1) / (B + 1)`.
//!
//! Cost: `resamples · seeds · rows`, in parallel; resample `i` has random stream `i`, whatever the number of threads.

use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

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
    pub fn mean(&self, scores: &[Vec<f64>]) -> Result<Interval> {
        let rows = shape(scores)?;
        self.statistic(scores.len(), rows, |seed, rows| {
            let scores = &scores[seed];
            rows.iter().map(|&row| scores[row as usize]).sum::<f64>() / rows.len() as f64
        })
    }

    /// The interval of any statistic: `statistic(seed, rows)` of some test rows, a row perhaps several times, averaged
    /// over the seeds.
    pub fn statistic(
        &self,
        seeds: usize,
        rows: usize,
        statistic: impl Fn(usize, &[u32]) -> f64 + Sync,
    ) -> Result<Interval> {
        if seeds == 0
            || rows == 0
            || rows > u32::MAX as usize
            || self.resamples < 20
            || !(self.level > 0.0 && self.level < 1.0)
        {
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
                || vec![0; rows],
                |sample, i| {
                    let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
                    rng.set_stream(i as u64);
                    sample.iter_mut().for_each(|row| *row = below(&mut rng, rows));
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
            let acceleration = acceleration(&by_seed, rows, &statistic);
            let shifted = |tail: f64| {
                let z = bias + quantile(tail);
                cumulative(bias + z / (1.0 - acceleration * z).max(0.1))
            };
            (low, high) = (shifted(low), shifted(high));
        }
        Ok(Interval { mean, low: at(&draws, low), high: at(&draws, high) })
    }

    /// Compares two representations, scored on the same seeds and test rows: `scores[seed][row]`.
    pub fn paired(&self, first: &[Vec<f64>], second: &[Vec<f64>]) -> Result<Paired> {
        let rows = shape(first)?;
        if shape(second)? != rows || first.len() != second.len() {
            return Err(Error::Data("a paired test needs the same seeds and rows on both sides".into()));
        }
        let minus = |(a, b): (&Vec<f64>, &Vec<f64>)| a.iter().zip(b).map(|(a, b)| a - b).collect();
        let by_seed: Vec<Vec<f64>> = first.iter().zip(second).map(minus).collect();
        let by_row: Vec<f64> =
            (0..rows).map(|row| by_seed.iter().map(|d| d[row]).sum::<f64>() / by_seed.len() as f64).collect();
        let (p, exact) = sign_flip(&by_row, 10 * self.resamples, self.seed);
        Ok(Paired { difference: self.mean(&by_seed)?, p, exact })
    }
}

/// The two-sided p of a sign-flip test that the differences are symmetric about 0, and whether it is exact.
pub fn sign_flip(differences: &[f64], resamples: usize, seed: u64) -> (f64, bool) {
    let d: Vec<f64> = differences.iter().copied().filter(|d| d.abs() > 1e-12).collect();
    let observed = d.iter().sum::<f64>().abs() * (1.0 - 1e-9);
    if d.is_empty() {
        return (1.0, true);
    }
    if d.iter().all(|x| (x.abs() - d[0].abs()).abs() < 1e-12) {
        let positive = d.iter().filter(|x| **x > 0.0).count();
        return (binomial(d.len(), positive.min(d.len() - positive)), true);
    }
    if d.len() <= 20 {
        // Sums of all sign patterns with the first sign fixed; the other half mirrors them.
        let sums = d[1..].iter().fold(vec![d[0]], |sums, x| sums.iter().flat_map(|s| [s + x, s - x]).collect());
        return (sums.iter().filter(|s| s.abs() >= observed).count() as f64 / sums.len() as f64, true);
    }
    let as_large = (0..resamples)
        .into_par_iter()
        .filter(|&i| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(i as u64);
            let mut sum = 0.0;
            for chunk in d.chunks(64) {
                let bits = rng.next_u64();
                sum +=
                    chunk.iter().enumerate().map(|(bit, x)| x * (1.0 - 2.0 * ((bits >> bit) & 1) as f64)).sum::<f64>();
            }
            sum.abs() >= observed
        })
        .count();
    ((as_large as f64 + 1.0) / (resamples as f64 + 1.0), false)
}

/// `2 P(X <= least)` of a fair coin tossed `n` times.
fn binomial(n: usize, least: usize) -> f64 {
    let mut log = -(n as f64) * std::f64::consts::LN_2;
    let mut sum = log.exp();
    for i in 0..least {
        log += ((n - i) as f64 / (i + 1) as f64).ln();
        sum += log.exp();
    }
    (2.0 * sum).min(1.0)
}

fn shape(scores: &[Vec<f64>]) -> Result<usize> {
    let rows = scores.first().map_or(0, Vec::len);
    if rows == 0 || scores.iter().any(|s| s.len() != rows || s.iter().any(|x| !x.is_finite())) {
        return Err(Error::Data("scores must be finite, and each seed must score the same test rows".into()));
    }
    Ok(rows)
}

fn average(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// A number below `n`, without bias that matters: 64 bits onto at most 32.
fn below(rng: &mut ChaCha8Rng, n: usize) -> u32 {
    ((u128::from(rng.random::<u64>()) * n as u128) >> 64) as u32
}

/// Efron's acceleration, from leaving out each seed, and each of up to 100 blocks of rows.
fn acceleration(by_seed: &[f64], rows: usize, statistic: &(impl Fn(usize, &[u32]) -> f64 + Sync)) -> f64 {
    let (seeds, blocks) = (by_seed.len(), rows.min(100));
    let total: f64 = by_seed.iter().sum();
    let without_rows: Vec<f64> = (0..if rows > 1 { blocks } else { 0 })
        .into_par_iter()
        .map(|block| {
            let kept: Vec<u32> = (0..rows as u32).filter(|&row| row as usize % blocks != block).collect();
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

    #[test]
    fn one_seed_gives_the_interval_of_a_proportion() {
        for method in [Method::Percentile, Method::Bca] {
            let scores = vec![coin(2000, 0.8, 1)];
            let interval = Bootstrap { method, ..Bootstrap::default() }.mean(&scores).unwrap();
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
        let interval = Bootstrap { resamples: 20_000, ..Bootstrap::default() }.mean(&[x]).unwrap();
        assert!((interval.low - 1.3137).abs() < 0.03 && (interval.high - 2.9140).abs() < 0.03, "{interval:?}");
    }

    #[test]
    fn copies_of_a_seed_do_not_narrow_the_interval_and_different_seeds_widen_it() {
        let width = |scores: &[Vec<f64>]| Bootstrap::default().mean(scores).map(|i| i.high - i.low).unwrap();
        let one = coin(1000, 0.7, 2);
        let alone = width(std::slice::from_ref(&one));
        assert!((width(&vec![one.clone(); 5]) / alone - 1.0).abs() < 0.1);
        assert!(width(&[coin(1000, 0.9, 1), coin(1000, 0.5, 2), coin(1000, 0.7, 3)]) > 2.0 * alone);
    }

    // from scipy.stats import binomtest, permutation_test
    // print(binomtest(3, 15).pvalue)
    // print(permutation_test(([3, -1, 2, 4, -.5, 2, 1],), np.mean, permutation_type="samples").pvalue)
    #[test]
    fn exact_tests_are_those_of_scipy() {
        let signs: Vec<f64> = (0..40)
            .map(|i| {
                if i < 12 {
                    1.0
                } else if i < 15 {
                    -1.0
                } else {
                    0.0
                }
            })
            .collect();
        let (p, exact) = sign_flip(&signs, 10, 0);
        assert!(exact && (p - 0.03515625).abs() < 1e-12);
        let (p, exact) = sign_flip(&[3.0, -1.0, 2.0, 4.0, -0.5, 2.0, 1.0], 10, 0);
        assert!(exact && (p - 0.09375).abs() < 1e-12, "{p}");
    }

    #[test]
    fn a_difference_is_found_only_where_there_is_one() {
        let seeds = |share, from| (from..from + 3).map(|s| coin(500, share, s)).collect::<Vec<_>>();
        let settings = Bootstrap::default();
        let same = settings.paired(&seeds(0.7, 0), &seeds(0.7, 10)).unwrap();
        assert!(same.p > 0.05 && !same.exact && same.difference.low < 0.0 && same.difference.high > 0.0, "{same:?}");
        let better = settings.paired(&seeds(0.8, 0), &seeds(0.7, 10)).unwrap();
        assert!(better.p < 0.001 && better.difference.low > 0.0, "{better:?}");
        assert_eq!(better, settings.paired(&seeds(0.8, 0), &seeds(0.7, 10)).unwrap());
        let none = settings.paired(&seeds(0.8, 0), &seeds(0.8, 0)).unwrap();
        assert_eq!((none.p, none.difference.low, none.difference.high), (1.0, 0.0, 0.0));
        assert!(settings.paired(&[], &[]).is_err());
    }
}
