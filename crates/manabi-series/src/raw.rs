//! The honest baseline: statistics of each channel that an engineer would compute first.
//!
//! For each channel [`FIGURES`] numbers: mean, standard deviation, smallest, largest, skewness, excess kurtosis, rate
//! of crossings of the mean, autocorrelation at five lags, and the share of the energy in eight bands of the spectrum,
//! each twice as wide as the one below. Missing values are left out, or interpolated where order matters; a channel of
//! which nothing was measured is zero throughout.

use crate::{augment::Spectrum, series::Series};

/// Lags of the autocorrelation, in steps.
const LAGS: [usize; 5] = [1, 2, 4, 8, 16];
/// Bands of the spectrum.
const BANDS: usize = 8;
/// Numbers a channel.
pub const FIGURES: usize = 7 + LAGS.len() + BANDS;

/// `channels · FIGURES` finite numbers.
pub fn raw_features(series: &Series, channels: usize) -> Vec<f32> {
    let mut filled = series.clone();
    filled.interpolate();
    let spectrum = Spectrum::new(series.length);
    let mut features = Vec::with_capacity(channels * FIGURES);
    for (row, filled) in series.rows().zip(filled.rows()).take(channels) {
        features.extend(figures(row, filled, &spectrum).map(|v| if v.is_finite() { v as f32 } else { 0.0 }));
    }
    features.resize(channels * FIGURES, 0.0);
    features
}

/// The numbers of one channel: `row` as it is, `filled` without gaps.
fn figures(row: &[f32], filled: &[f32], spectrum: &Spectrum) -> [f64; FIGURES] {
    let mut figures = [0.0; FIGURES];
    let present: Vec<f64> = row.iter().filter(|v| !v.is_nan()).map(|v| f64::from(*v)).collect();
    if present.is_empty() {
        return figures;
    }
    let count = present.len() as f64;
    let mean = present.iter().sum::<f64>() / count;
    let moment = |power: i32| present.iter().map(|v| (v - mean).powi(power)).sum::<f64>() / count;
    let variance = moment(2);
    // Below this share of the level a deviation is rounding.
    let flat = variance.sqrt() <= 1e-6 * mean.abs().max(f64::MIN_POSITIVE);
    let centred: Vec<f64> = filled.iter().map(|v| f64::from(*v) - mean).collect();
    figures[0] = mean;
    figures[1] = variance.sqrt();
    figures[2] = present.iter().copied().fold(f64::INFINITY, f64::min);
    figures[3] = present.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if flat {
        return figures;
    }
    figures[4] = moment(3) / variance.powf(1.5);
    figures[5] = moment(4) / variance.powi(2) - 3.0;
    let crossings = centred.windows(2).filter(|w| (w[0] < 0.0) != (w[1] < 0.0)).count();
    figures[6] = crossings as f64 / (centred.len().max(2) - 1) as f64;
    let energy: f64 = centred.iter().map(|v| v * v).sum();
    for (figure, lag) in figures[7..].iter_mut().zip(LAGS) {
        *figure = centred.iter().zip(centred.iter().skip(lag)).map(|(a, b)| a * b).sum::<f64>() / energy;
    }
    bands(&centred, spectrum, &mut figures[7 + LAGS.len()..]);
    figures
}

/// The share of the energy in each band; the highest band is the upper half of the spectrum, the one below it the
/// quarter below, and so on, and the lowest is what is left.
fn bands(centred: &[f64], spectrum: &Spectrum, shares: &mut [f64]) {
    let row: Vec<f32> = centred.iter().map(|v| *v as f32).collect();
    let power: Vec<f64> = spectrum.of(&row).iter().skip(1).map(|c| f64::from(c.norm_sqr())).collect();
    let total: f64 = power.iter().sum();
    if total <= 0.0 {
        return;
    }
    let mut end = power.len();
    for (band, share) in shares.iter_mut().enumerate().rev() {
        let start = if band == 0 { 0 } else { end / 2 };
        *share = power[start..end].iter().sum::<f64>() / total;
        end = start;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // python3, by the definitions (population moments, products at a lag over the sum of squares):
    // x = [math.sin(2 * math.pi * i / 8) + 0.1 * (i % 3) for i in range(64)]
    // mean, std, min, max -> 0.0984375, 0.7124827, -1.0, 1.2; skewness, kurtosis -> 0.0126365, -1.4504505
    // crossings -> 0.2539683; lags 1 and 2 -> 0.6891497, 0.0080727
    const EXPECTED: [f32; 9] =
        [0.098_437_5, 0.712_482_7, -1.0, 1.2, 0.012_636_5, -1.450_450_5, 0.253_968_3, 0.689_149_7, 0.008_072_7];

    #[test]
    fn figures_of_a_wave_are_those_of_their_definitions() {
        let wave = |i: usize| (std::f64::consts::TAU * i as f64 / 8.0).sin() + 0.1 * (i % 3) as f64;
        let series = Series::new(1, 64, (0..64).map(|i| wave(i) as f32).collect()).unwrap();
        let found = raw_features(&series, 1);
        for (at, (found, expected)) in found.iter().zip(EXPECTED).enumerate() {
            assert!((found - expected).abs() < 1e-4, "figure {at}: {found} instead of {expected}");
        }
        let shares: f32 = found[12..].iter().sum();
        assert!((shares - 1.0).abs() < 1e-5);
    }

    #[test]
    fn constant_and_missing_channels_give_plain_zeros() {
        let series = Series::new(2, 40, [vec![5.0; 40], vec![f32::NAN; 40]].concat()).unwrap();
        let found = raw_features(&series, 2);
        assert_eq!(found[..4], [5.0, 0.0, 5.0, 5.0]);
        assert!(found[4..].iter().all(|v| *v == 0.0));
    }

    proptest! {
        #[test]
        fn the_length_is_always_the_same_and_all_is_finite(
            values in proptest::collection::vec(prop_oneof![Just(f32::NAN), -1e30f32..1e30], 1..120),
            channels in 1usize..4,
        ) {
            let length = values.len() / channels;
            prop_assume!(length > 0);
            let series = Series::new(channels, length, values[..channels * length].to_vec()).unwrap();
            let found = raw_features(&series, 3);
            prop_assert_eq!(found.len(), 3 * FIGURES);
            prop_assert!(found.iter().all(|v| v.is_finite()));
        }
    }
}
