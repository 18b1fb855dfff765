//! Crop and resize: a stretch of the series, as long again as the whole.

use manabi_core::rng::Rng;

use super::resample::resize;
use crate::series::Series;

/// Cuts a random stretch of between `least` and all of the steps and spreads it over the same number of steps.
pub fn crop_resize(series: &mut Series, least: f32, rng: &mut Rng) {
    let length = series.length as f32;
    let width = (rng.range(least.min(1.0), 1.0) * length).clamp(1.0, length);
    let start = rng.range(0.0, 1.0) * (length - width);
    *series = resize(series, start, width, series.length);
}

/// A random stretch of `length` steps, as it is; all of a shorter series.
pub fn crop(series: &Series, length: usize, rng: &mut Rng) -> Series {
    let length = length.min(series.length);
    let start = rng.below(series.length - length + 1);
    let values = series.rows().flat_map(|row| row[start..start + length].iter().copied()).collect();
    Series { channels: series.channels, length, values }
}

#[cfg(test)]
mod tests {
    use super::{
        super::testing::{ramps, rng, together},
        *,
    };

    #[test]
    fn a_stretch_is_spread_over_all_steps() {
        for sample in 0..50 {
            let mut series = ramps(2, 50);
            crop_resize(&mut series, 0.4, &mut rng(sample));
            assert!(together(&series) && series.length == 50);
            let width = series.values[49] - series.values[0] + 1.0;
            assert!((19.0..=50.0).contains(&width), "{width}");
        }
    }

    #[test]
    fn a_crop_is_a_stretch_as_it_was() {
        let cut = crop(&ramps(2, 50), 10, &mut rng(1));
        assert!(together(&cut) && cut.length == 10);
        assert!(cut.values[..10].windows(2).all(|w| w[1] - w[0] == 1.0));
        assert_eq!(crop(&ramps(1, 5), 10, &mut rng(1)), ramps(1, 5));
    }
}
