//! Values between steps: linear, and careful with what is missing.

use crate::series::Series;

/// The value of `row` at `place`; of two neighbours of which one is missing the nearer decides.
pub fn at(row: &[f32], place: f32) -> f32 {
    let Some(last) = row.len().checked_sub(1) else { return f32::NAN };
    let place = place.clamp(0.0, last as f32);
    let from = (place as usize).min(last);
    let to = (from + 1).min(last);
    let (t, a, b) = (place - from as f32, row[from], row[to]);
    if a.is_nan() || b.is_nan() {
        return if t < 0.5 { a } else { b };
    }
    a + (b - a) * t
}

/// The series read at `places`, the same for all channels.
pub fn read(series: &Series, places: &[f32]) -> Series {
    let values = series.rows().flat_map(|row| places.iter().map(move |p| at(row, *p))).collect();
    Series { channels: series.channels, length: places.len(), values }
}

/// The steps `start .. start + width` spread over `length` steps. Where several steps fall into one, their mean is
/// taken: no high frequency folds into a low one.
pub fn resize(series: &Series, start: f32, width: f32, length: usize) -> Series {
    let ratio = width / length.max(1) as f32;
    if ratio <= 1.0 {
        let scale = if length > 1 { (width - 1.0).max(0.0) / (length - 1) as f32 } else { 0.0 };
        let places: Vec<f32> = (0..length).map(|i| start + i as f32 * scale).collect();
        return read(series, &places);
    }
    let mean = |row: &[f32], step: usize| {
        let from = (start + step as f32 * ratio) as usize;
        let to = ((start + (step + 1) as f32 * ratio).ceil() as usize).clamp(from + 1, row.len().max(from + 1));
        let present = row.iter().take(to).skip(from).filter(|v| !v.is_nan());
        let (sum, count) = present.fold((0.0, 0u32), |(s, n), v| (s + v, n + 1));
        if count == 0 { f32::NAN } else { sum / count as f32 }
    };
    let values = series.rows().flat_map(|row| (0..length).map(move |step| mean(row, step))).collect();
    Series { channels: series.channels, length, values }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        super::testing::{ramps, together},
        *,
    };

    #[test]
    fn values_between_steps_are_linear_and_missing_ones_stay_near() {
        let row = [0.0, 2.0, f32::NAN, 6.0];
        assert_eq!(
            [at(&row, 0.5), at(&row, 1.4), at(&row, 2.6), at(&row, 9.0), at(&row, -1.0)],
            [1.0, 2.0, 6.0, 6.0, 0.0]
        );
        assert!(at(&row, 1.6).is_nan() && at(&[], 0.0).is_nan());
    }

    #[test]
    fn shrinking_takes_means() {
        let series = Series::new(1, 6, vec![1.0, 3.0, f32::NAN, 5.0, 7.0, 9.0]).unwrap();
        assert_eq!(resize(&series, 0.0, 6.0, 3).values, [2.0, 5.0, 8.0]);
        assert_eq!(resize(&series, 4.0, 2.0, 3).values, [7.0, 8.0, 9.0]);
    }

    proptest! {
        #[test]
        fn every_size_is_reached_with_all_channels_alike(
            length in 1usize..60, start in 0.0f32..20.0, width in 1.0f32..30.0, to in 1usize..60,
        ) {
            let series = ramps(2, length);
            let found = resize(&series, start, width, to);
            prop_assert_eq!((found.length, found.values.len()), (to, 2 * to));
            if start + width <= length as f32 {
                prop_assert!(together(&found) && found.missing() == 0);
            }
        }
    }
}
