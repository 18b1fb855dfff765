//! The honest baseline: what a recording sounds like on average, without any learning.

use manabi_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::{
    clip::Wave,
    frontend::{FrontEnd, LogMel, mfcc},
};

/// Which statistics the baseline is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RawFeatures {
    /// Mean and standard deviation over time of each log-mel bin.
    LogMel,
    /// Mean and standard deviation over time of 20 mel-frequency cepstral coefficients and of their differences from
    /// frame to frame: what speech and music software used before networks.
    Mfcc,
}

/// Coefficients of the MFCC baseline.
const COEFFICIENTS: usize = 20;
/// A recording is heard in pieces of this many samples, so that an hour takes no more memory than a minute.
const PIECE: usize = 1 << 20;

/// The features of the whole recording: `2 · bins` values, or 80 for MFCCs (fewer where there are fewer bins).
///
/// # Errors
/// If there is no sample.
pub fn raw_features(wave: &Wave, front: &FrontEnd, kind: RawFeatures) -> Result<Vec<f32>> {
    let mut rows: Vec<Moments> = Vec::new();
    for piece in wave.samples.chunks(PIECE) {
        let map = front.log_mel(piece)?;
        let map = match kind {
            RawFeatures::LogMel => map,
            RawFeatures::Mfcc => with_differences(&mfcc(&map, COEFFICIENTS)),
        };
        rows.resize(map.bins, Moments::default());
        rows.iter_mut().zip(map.rows()).for_each(|(m, row)| m.add(row));
    }
    if rows.is_empty() {
        return Err(Error::data("a recording of no samples has no features"));
    }
    Ok(rows.iter().map(Moments::mean).chain(rows.iter().map(Moments::deviation)).collect())
}

/// The rows, and below them their differences from each frame to the next (zero in the first).
fn with_differences(map: &LogMel) -> LogMel {
    let mut values = map.values.clone();
    for row in map.rows() {
        values.extend(std::iter::once(0.0).chain(row.windows(2).map(|w| w[1] - w[0])));
    }
    LogMel { bins: 2 * map.bins, frames: map.frames, values }
}

#[derive(Clone, Default)]
struct Moments {
    count: f64,
    sum: f64,
    square: f64,
}

impl Moments {
    fn add(&mut self, row: &[f32]) {
        self.count += row.len() as f64;
        for v in row {
            let v = f64::from(*v);
            self.sum += v;
            self.square += v * v;
        }
    }

    fn mean(&self) -> f32 {
        (self.sum / self.count) as f32
    }

    fn deviation(&self) -> f32 {
        let mean = self.sum / self.count;
        (self.square / self.count - mean * mean).max(0.0).sqrt() as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frontend::FrontEndConfig;

    #[test]
    fn features_have_one_length_whatever_the_recording() {
        let front = FrontEnd::new(&FrontEndConfig::default(), 8_000).unwrap();
        for length in [1, 100, 8_000] {
            let wave = Wave::new((0..length).map(|i| (i as f32 * 0.1).sin()).collect(), 8_000);
            for (kind, count) in [(RawFeatures::LogMel, 128), (RawFeatures::Mfcc, 80)] {
                let features = raw_features(&wave, &front, kind).unwrap();
                assert!(features.len() == count && features.iter().all(|v| v.is_finite()));
            }
        }
        assert!(raw_features(&Wave::new(vec![], 8_000), &front, RawFeatures::LogMel).is_err());
    }

    #[test]
    fn the_first_half_is_the_mean_and_the_second_the_deviation() {
        let front = FrontEnd::new(&FrontEndConfig::default(), 8_000).unwrap();
        let features = raw_features(&Wave::new(vec![0.0; 8_000], 8_000), &front, RawFeatures::LogMel).unwrap();
        assert!(features[..64].iter().all(|v| (v - front.silence()).abs() < 1e-4));
        assert!(features[64..].iter().all(|v| v.abs() < 1e-3));
        let d = with_differences(&LogMel::new(1, 3, vec![1.0, 4.0, 2.0]).unwrap());
        assert_eq!(d.values, [1.0, 4.0, 2.0, 0.0, 3.0, -2.0]);
    }
}
