//! One sample: some channels over some steps of time, with gaps where nothing was measured.

use manabi_core::{Error, Result};

/// Values `(C, L)`, channel after channel; `NaN` is a missing value.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// Number of channels `C`.
    pub channels: usize,
    /// Number of steps `L`.
    pub length: usize,
    /// `C · L` values, channel-major.
    pub values: Vec<f32>,
}

impl Series {
    /// Checks that there is a value for each channel and step, and at least one.
    pub fn new(channels: usize, length: usize, values: Vec<f32>) -> Result<Self> {
        if channels == 0 || length == 0 || channels.checked_mul(length) != Some(values.len()) {
            let found = values.len();
            return Err(Error::data(format!("a series of {channels} channels and {length} steps of {found} values")));
        }
        Ok(Self { channels, length, values })
    }

    /// From rows of one value a channel, as a table holds them.
    pub fn from_rows(channels: usize, rows: &[f32]) -> Result<Self> {
        let length = rows.len() / channels.max(1);
        let mut values = Vec::with_capacity(rows.len());
        for channel in 0..channels {
            values.extend(rows.iter().skip(channel).step_by(channels));
        }
        Self::new(channels, length, values)
    }

    /// The channels, each a slice of `L` values.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.values.chunks_exact(self.length.max(1))
    }

    /// The same, to be changed.
    pub fn rows_mut(&mut self) -> impl ExactSizeIterator<Item = &mut [f32]> {
        self.values.chunks_exact_mut(self.length.max(1))
    }

    /// How many values are missing.
    pub fn missing(&self) -> usize {
        self.values.iter().filter(|v| v.is_nan()).count()
    }

    /// For each step 1 if any channel was measured, else 0.
    pub fn seen(&self) -> Vec<f32> {
        let mut seen = vec![0.0; self.length];
        for row in self.rows() {
            for (seen, value) in seen.iter_mut().zip(row) {
                if !value.is_nan() {
                    *seen = 1.0;
                }
            }
        }
        seen
    }

    /// Fills missing values of each channel linearly between its neighbours, and evenly at the ends.
    /// A channel of which nothing was measured stays missing.
    pub fn interpolate(&mut self) {
        self.rows_mut().for_each(interpolate);
    }

    /// `length` steps: cut at the end, or extended by missing values.
    pub fn padded(&self, length: usize) -> Self {
        let mut values = Vec::with_capacity(self.channels * length);
        for row in self.rows() {
            values.extend(row.iter().copied().chain(std::iter::repeat(f32::NAN)).take(length));
        }
        Self { channels: self.channels, length, values }
    }
}

fn interpolate(row: &mut [f32]) {
    let mut last: Option<(usize, f32)> = None;
    for at in 0..row.len() {
        let value = row[at];
        if value.is_nan() {
            continue;
        }
        match last {
            None => row[..at].fill(value),
            Some((from, start)) => {
                let width = (at - from) as f32;
                for (step, gap) in row[from + 1..at].iter_mut().enumerate() {
                    *gap = start + (value - start) * (step + 1) as f32 / width;
                }
            }
        }
        last = Some((at, value));
    }
    if let Some((from, value)) = last {
        row[from + 1..].fill(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const N: f32 = f32::NAN;

    #[test]
    fn rows_of_a_table_become_channels() {
        let series = Series::from_rows(2, &[1.0, 10.0, 2.0, 20.0, 3.0, 30.0]).unwrap();
        assert_eq!((series.channels, series.length), (2, 3));
        assert_eq!(series.values, [1.0, 2.0, 3.0, 10.0, 20.0, 30.0]);
        assert!(Series::from_rows(0, &[]).is_err() && Series::new(2, 2, vec![0.0; 3]).is_err());
    }

    #[test]
    fn a_step_is_seen_if_any_channel_was_measured() {
        let series = Series::new(2, 3, vec![N, 1.0, N, N, 2.0, 3.0]).unwrap();
        assert_eq!(series.seen(), [0.0, 1.0, 1.0]);
        assert_eq!(series.missing(), 3);
    }

    #[test]
    fn gaps_are_filled_linearly_between_neighbours_and_evenly_at_the_ends() {
        let mut series = Series::new(2, 6, vec![N, 1.0, N, N, 4.0, N, N, N, N, N, N, N]).unwrap();
        series.interpolate();
        assert_eq!(series.values[..6], [1.0, 1.0, 2.0, 3.0, 4.0, 4.0]);
        assert!(series.values[6..].iter().all(|v| v.is_nan()));
    }

    #[test]
    fn padding_extends_every_channel_by_missing_values() {
        let padded = Series::new(2, 2, vec![1.0, 2.0, 3.0, 4.0]).unwrap().padded(3);
        assert_eq!((padded.values[0], padded.values[3], padded.length), (1.0, 3.0, 3));
        assert!(padded.values[2].is_nan() && padded.values[5].is_nan());
        assert_eq!(padded.padded(1).values, [1.0, 3.0]);
    }
}
