//! Channel dropout: a sensor that says nothing. A dropped channel is its mean throughout, 0.

use manabi_core::rng::Rng;

use crate::series::Series;

/// Sets each channel to 0 with probability `p`; one always stays.
pub fn channel_dropout(series: &mut Series, p: f32, rng: &mut Rng) {
    let kept = rng.below(series.channels);
    for (channel, row) in series.rows_mut().enumerate() {
        if rng.chance(p) && channel != kept {
            row.iter_mut().filter(|v| !v.is_nan()).for_each(|v| *v = 0.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::testing::rng, *};

    #[test]
    fn channels_fall_silent_but_never_all() {
        for sample in 0..100 {
            let mut series = Series::new(3, 2, vec![1.0; 6]).unwrap();
            channel_dropout(&mut series, 0.9, &mut rng(sample));
            assert!(series.rows().any(|row| row == [1.0, 1.0]));
            assert!(series.rows().all(|row| row == [1.0, 1.0] || row == [0.0, 0.0]));
        }
    }
}
