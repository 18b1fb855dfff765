//! Mean and standard deviation of each channel, from training rows only; or of each window by itself.

use manabi_core::{Error, Result, data::Source};
use rayon::prelude::*;

use crate::series::Series;

/// At most this many rows are looked at, evenly spread.
const MAX_ROWS: usize = 10_000;
/// A channel whose deviation is below this share of its level is constant: `f32` holds seven digits.
const CONSTANT: f64 = 1e-6;

/// Mean and standard deviation of each channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Statistics {
    /// One mean a channel.
    pub mean: Vec<f32>,
    /// One standard deviation a channel; 0 where the channel is constant.
    pub std: Vec<f32>,
}

/// Count, mean and sum of squared distances from it, which can be joined without loss (Chan, Golub & LeVeque 1983).
#[derive(Clone, Copy, Debug, Default)]
struct Moments {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Moments {
    fn of(values: &[f32]) -> Self {
        let present = || values.iter().filter(|v| !v.is_nan()).map(|v| f64::from(*v));
        let count = present().count() as f64;
        if count == 0.0 {
            return Self::default();
        }
        let mean = present().sum::<f64>() / count;
        Self { count, mean, squares: present().map(|v| (v - mean).powi(2)).sum() }
    }

    fn join(self, other: Self) -> Self {
        let count = self.count + other.count;
        if count == 0.0 {
            return self;
        }
        let apart = other.mean - self.mean;
        Self {
            count,
            mean: self.mean + apart * other.count / count,
            squares: self.squares + other.squares + apart * apart * self.count * other.count / count,
        }
    }

    /// Mean, and the deviation or 0.
    fn finish(self) -> (f32, f32) {
        let std = (self.squares / self.count.max(1.0)).sqrt();
        (self.mean as f32, if std <= CONSTANT * self.mean.abs() { 0.0 } else { std as f32 })
    }
}

/// Up to `limit` of `rows`, evenly spread.
pub(crate) fn spread(rows: &[usize], limit: usize) -> impl Iterator<Item = usize> + '_ {
    let count = rows.len().min(limit);
    (0..count).map(move |i| rows[i * rows.len() / count])
}

impl Statistics {
    /// The statistics of the rows `train`. Missing values do not count.
    ///
    /// # Errors
    /// If there is no row, or their channels differ.
    pub fn of(source: &dyn Source<Series>, train: &[usize], channels: usize) -> Result<Self> {
        let rows: Vec<usize> = spread(train, MAX_ROWS).collect();
        if rows.is_empty() {
            return Err(Error::data("there is no training row to take mean and deviation from"));
        }
        let parts: Vec<Vec<Moments>> = rows
            .par_iter()
            .map(|row| {
                let series = source.load(*row)?;
                if series.channels != channels {
                    return Err(Error::data(format!(
                        "a series of {} channels among series of {channels}",
                        series.channels
                    )));
                }
                Ok(series.rows().map(Moments::of).collect())
            })
            .collect::<Result<_>>()?;
        let joined = |channel: usize| {
            parts.iter().filter_map(|p| p.get(channel)).fold(Moments::default(), |sum, m| sum.join(*m)).finish()
        };
        let (mean, std) = (0..channels).map(joined).unzip();
        Ok(Self { mean, std })
    }

    /// `(value − mean) / std` in each channel, 0 where the channel is constant; missing values stay missing.
    pub fn apply(&self, series: &mut Series) {
        for ((row, mean), std) in series.rows_mut().zip(&self.mean).zip(&self.std) {
            shift(row, *mean, *std);
        }
    }
}

/// The same with each channel's own mean and deviation within the window.
pub fn by_window(series: &mut Series) {
    for row in series.rows_mut() {
        let (mean, std) = Moments::of(row).finish();
        shift(row, mean, std);
    }
}

fn shift(row: &mut [f32], mean: f32, std: f32) {
    let scale = if std > 0.0 { 1.0 / std } else { 0.0 };
    for value in row.iter_mut() {
        *value = (*value - mean) * scale;
    }
}

#[cfg(test)]
mod tests {
    use manabi_core::data::{Entry, Listing, MemorySource};

    use super::*;

    fn source(rows: &[&[f32]], channels: usize) -> MemorySource<Series> {
        let series = rows.iter().map(|v| Series::new(channels, v.len() / channels, v.to_vec()).unwrap()).collect();
        let entries = (0..rows.len()).map(|i| Entry::new(i.to_string(), "")).collect();
        MemorySource::new(Listing { entries, ..Listing::default() }, series).unwrap()
    }

    #[test]
    fn statistics_come_from_the_training_rows_alone_and_missing_values_do_not_count() {
        let source = source(&[&[0.0, f32::NAN, 7.0, 7.0], &[2.0, 4.0, 7.0, 7.0], &[99.0, 99.0, 1.0, 2.0]], 2);
        let s = Statistics::of(&source, &[0, 1], 2).unwrap();
        // python3: statistics.mean([0, 2, 4]), statistics.pstdev([0, 2, 4]) -> 2, 1.632993161855452
        assert_eq!(s.mean, [2.0, 7.0]);
        assert!((s.std[0] - 1.632_993_2).abs() < 1e-6 && s.std[1] == 0.0);
        assert!(Statistics::of(&source, &[], 2).is_err() && Statistics::of(&source, &[0], 3).is_err());
    }

    #[test]
    fn a_constant_channel_becomes_zero_and_a_missing_value_stays_missing() {
        let statistics = Statistics { mean: vec![2.0, 7.0], std: vec![2.0, 0.0] };
        let mut series = Series::new(2, 2, vec![4.0, f32::NAN, 7.5, 7.0]).unwrap();
        statistics.apply(&mut series);
        assert_eq!((series.values[0], series.values[2], series.values[3]), (1.0, 0.0, 0.0));
        assert!(series.values[1].is_nan());
    }

    #[test]
    fn small_deviations_upon_a_high_level_are_not_lost() {
        let rows: Vec<f32> = (0..100).map(|i| 100_000.0 + (i % 2) as f32).collect();
        let s = Statistics::of(&source(&[&rows, &rows], 1), &[0, 1], 1).unwrap();
        assert!((s.std[0] - 0.5).abs() < 1e-6, "{}", s.std[0]);
    }

    #[test]
    fn a_window_by_itself_has_mean_zero_and_deviation_one() {
        let mut series = Series::new(2, 4, vec![1.0, 3.0, 1.0, 3.0, 5.0, 5.0, 5.0, f32::NAN]).unwrap();
        by_window(&mut series);
        assert_eq!(series.values[..7], [-1.0, 1.0, -1.0, 1.0, 0.0, 0.0, 0.0]);
    }
}
