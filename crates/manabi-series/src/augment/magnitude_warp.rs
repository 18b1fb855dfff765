//! Magnitude warping: a smooth gain that wanders around 1, one for each channel (Um et al., ICMI 2017).

use manabi_core::rng::Rng;

use super::curve::smooth;
use crate::series::Series;

/// Knots of the curve of gains.
const KNOTS: usize = 4;

/// Multiplies each channel by a smooth curve of mean 1 and deviation `sigma`.
pub fn magnitude_warp(series: &mut Series, sigma: f32, rng: &mut Rng) {
    let length = series.length;
    for row in series.rows_mut() {
        let gains = smooth(length, KNOTS, sigma, rng);
        row.iter_mut().zip(gains).for_each(|(v, gain)| *v *= 1.0 + gain);
    }
}

#[cfg(test)]
mod tests {
    use super::{super::testing::rng, *};

    #[test]
    fn the_gain_is_smooth_and_differs_between_channels() {
        let mut series = Series::new(2, 64, vec![1.0; 128]).unwrap();
        magnitude_warp(&mut series, 0.2, &mut rng(0));
        let (a, b) = series.values.split_at(64);
        assert!(a != b && a.windows(2).all(|w| (w[1] - w[0]).abs() < 0.1) && a.iter().any(|v| *v != 1.0));
    }
}
