//! What a ranking of rows by their score is worth, with intervals.
//!
//! - AUROC: how often an anomaly scores above a normal row, ties counted as a half.
//! - AUPRC as average precision, `Σ (R_n - R_{n-1}) P_n` over the distinct scores from the highest on, as scikit-learn's
//!   `average_precision_score`. A score without information has the share of anomalies.
//! - Point-wise F1 of the rows that are flagged. Point adjustment (Xu et al. 2018), which counts a whole run of anomalies as
//!   found for one flagged row of it, is not offered: with it even random scores do well (Kim et al. 2022, arXiv:2109.05257).
//!
//! Intervals are percentiles of a bootstrap over [`Units`] (rows, or groups that are drawn as a whole), drawn separately from
//! those with and without an anomaly, so that every resample has both kinds. Two scores are compared on the same resamples.
//!
//! Shapes: truth and scores `(N,)`. Cost: `N log N` once, `N` for each resample, in parallel.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rayon::prelude::*;

use super::super::{statistics::Interval, units::Units};
use crate::{Error, Result};

/// Rows in the order of one score.
#[derive(Clone, Debug)]
pub struct Ranking {
    /// Rows, highest score first.
    order: Vec<u32>,
    /// Where in `order` each run of equal scores ends.
    ends: Vec<u32>,
    anomalous: Vec<bool>,
}

/// Both areas.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Areas {
    /// Area under the ROC curve, 0 to 1.
    pub auroc: f64,
    /// Area under the precision-recall curve (average precision), 0 to 1.
    pub auprc: f64,
}

/// Both areas with their intervals.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AreaIntervals {
    /// Of the AUROC.
    pub auroc: Interval,
    /// Of the AUPRC.
    pub auprc: Interval,
}

/// How many resamples, and from which seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resampling {
    /// Resamples.
    pub resamples: usize,
    /// What they are drawn from.
    pub seed: u64,
}

impl Default for Resampling {
    fn default() -> Self {
        Self { resamples: 1000, seed: 0 }
    }
}

impl Ranking {
    /// Ranks the rows; both kinds must be there.
    pub fn new(anomalous: &[bool], scores: &[f64]) -> Result<Self> {
        same_length(anomalous.len(), scores.len())?;
        if let Some(row) = scores.iter().position(|s| s.is_nan()) {
            return Err(Error::data(format!("the anomaly score of row {row} is not a number")));
        }
        let anomalies = anomalous.iter().filter(|a| **a).count();
        if anomalies == 0 || anomalies == anomalous.len() {
            let kind = if anomalies == 0 { "normal" } else { "anomalous" };
            let rows = anomalous.len();
            return Err(Error::data(format!("all {rows} rows are {kind}; an AUROC needs rows of both kinds")));
        }
        let rows = u32::try_from(scores.len()).map_err(|_| Error::data("too many rows to rank"))?;
        let mut order: Vec<u32> = (0..rows).collect();
        order.sort_by(|&a, &b| scores[b as usize].total_cmp(&scores[a as usize]));
        let mut ends = Vec::new();
        for tie in order.chunk_by(|&a, &b| scores[a as usize] == scores[b as usize]) {
            ends.push(ends.last().copied().unwrap_or(0) + tie.len() as u32);
        }
        Ok(Self { order, ends, anomalous: anomalous.to_vec() })
    }

    /// Both areas of all rows.
    pub fn areas(&self) -> Areas {
        self.weighted(&vec![1; self.anomalous.len()])
    }

    /// Both areas where row `i` stands there `times[i]` times; not a number where one kind does not stand there at all.
    fn weighted(&self, times: &[u32]) -> Areas {
        let (mut found, mut passed, mut wins, mut precision) = (0.0, 0.0, 0.0, 0.0);
        let mut start = 0;
        for &end in &self.ends {
            let (mut anomalies, mut normal) = (0.0, 0.0);
            for &row in &self.order[start as usize..end as usize] {
                let times = f64::from(times[row as usize]);
                if self.anomalous[row as usize] { anomalies += times } else { normal += times }
            }
            // Anomalies found before win against the normal rows here, those here only half.
            wins += normal * (found + 0.5 * anomalies);
            found += anomalies;
            passed += normal;
            if anomalies > 0.0 {
                precision += anomalies * found / (found + passed);
            }
            start = end;
        }
        Areas { auroc: wins / (found * passed), auprc: precision / found }
    }

    /// Both areas with their 95 % intervals.
    pub fn intervals(&self, units: &Units, resampling: &Resampling) -> Result<AreaIntervals> {
        let draws = self.draws(units, resampling)?;
        let all = self.areas();
        Ok(AreaIntervals {
            auroc: interval(all.auroc, draws.iter().map(|a| a.auroc).collect()),
            auprc: interval(all.auprc, draws.iter().map(|a| a.auprc).collect()),
        })
    }

    /// This less `other`, on the same rows and resamples.
    pub fn minus(&self, other: &Self, units: &Units, resampling: &Resampling) -> Result<AreaIntervals> {
        if self.anomalous != other.anomalous {
            return Err(Error::data("two scores are compared on the same rows with the same truth only"));
        }
        let pairs: Vec<(Areas, Areas)> =
            self.draws(units, resampling)?.into_iter().zip(other.draws(units, resampling)?).collect();
        let (a, b) = (self.areas(), other.areas());
        Ok(AreaIntervals {
            auroc: interval(a.auroc - b.auroc, pairs.iter().map(|(a, b)| a.auroc - b.auroc).collect()),
            auprc: interval(a.auprc - b.auprc, pairs.iter().map(|(a, b)| a.auprc - b.auprc).collect()),
        })
    }

    /// The areas of each resample.
    fn draws(&self, units: &Units, resampling: &Resampling) -> Result<Vec<Areas>> {
        let rows = self.anomalous.len();
        same_length(rows, units.row_count())?;
        if resampling.resamples < 20 {
            return Err(Error::config(format!(
                "an interval from {} resamples; 20 are the least",
                resampling.resamples
            )));
        }
        let (with, without): (Vec<usize>, Vec<usize>) =
            (0..units.len()).partition(|&u| units.unit(u).iter().any(|&row| self.anomalous[row as usize]));
        Ok((0..resampling.resamples)
            .into_par_iter()
            .map(|i| {
                let mut rng = ChaCha8Rng::seed_from_u64(resampling.seed);
                rng.set_stream(i as u64);
                let mut times = vec![0; rows];
                for kind in [&with, &without] {
                    for _ in 0..kind.len() {
                        let unit = kind[rng.random_range(0..kind.len())];
                        units.unit(unit).iter().for_each(|&row| times[row as usize] += 1);
                    }
                }
                self.weighted(&times)
            })
            .collect())
    }
}

/// The 95 % percentile interval. Resamples without rows of one kind (groups that are all of both kinds) do not count.
fn interval(mean: f64, draws: Vec<f64>) -> Interval {
    let mut draws: Vec<f64> = draws.into_iter().filter(|x| x.is_finite()).collect();
    draws.sort_unstable_by(f64::total_cmp);
    let at = |share: f64| {
        let place = share * draws.len().saturating_sub(1) as f64;
        let (low, high) = (place.floor() as usize, place.ceil() as usize);
        match (draws.get(low), draws.get(high)) {
            (Some(a), Some(b)) => a + place.fract() * (b - a),
            _ => mean,
        }
    };
    Interval { mean, low: at(0.025), high: at(0.975) }
}

/// Precision, recall and F1 of what is flagged.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Flagged {
    /// The share of what was flagged that is right; `None` if nothing was flagged.
    pub precision: Option<f64>,
    /// The share of what was to be found that was flagged; `None` if there was nothing.
    pub recall: Option<f64>,
    /// `2 found / (2 found + false alarms + missed)`; `None` if there was nothing to find and nothing was flagged.
    pub f1: Option<f64>,
}

impl Flagged {
    /// From counts.
    pub fn new(found: usize, false_alarms: usize, missed: usize) -> Self {
        let share = |part: usize, of: usize| (of > 0).then(|| part as f64 / of as f64);
        Self {
            precision: share(found, found + false_alarms),
            recall: share(found, found + missed),
            f1: share(2 * found, 2 * found + false_alarms + missed),
        }
    }

    /// Of single rows.
    pub fn points(anomalous: &[bool], flagged: &[bool]) -> Result<Self> {
        same_length(anomalous.len(), flagged.len())?;
        let count = |a: bool, f: bool| anomalous.iter().zip(flagged).filter(|&(&x, &y)| (x, y) == (a, f)).count();
        Ok(Self::new(count(true, true), count(false, true), count(true, false)))
    }
}

pub(super) fn same_length(rows: usize, other: usize) -> Result<()> {
    if rows == 0 || rows != other {
        return Err(Error::data(format!("{rows} rows, but {other} scores, flags or groups of them")));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
