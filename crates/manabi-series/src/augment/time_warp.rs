//! Time warping: time runs faster here and slower there, all channels alike (Um et al., ICMI 2017).

use manabi_core::rng::Rng;

use super::{curve::smooth, resample::read};
use crate::series::Series;

/// Knots of the curve of speeds.
const KNOTS: usize = 4;

/// Warps time with speeds whose logarithm has deviation `sigma`; beginning and end stay where they are.
pub fn time_warp(series: &mut Series, sigma: f32, rng: &mut Rng) {
    if series.length < 3 {
        return;
    }
    let speeds = smooth(series.length - 1, KNOTS, sigma, rng).into_iter().map(f32::exp);
    let mut place = 0.0;
    let mut places = vec![0.0];
    places.extend(speeds.map(|speed| {
        place += speed;
        place
    }));
    let scale = (series.length - 1) as f32 / place;
    places.iter_mut().for_each(|p| *p *= scale);
    *series = read(series, &places);
}

#[cfg(test)]
mod tests {
    use super::{
        super::testing::{ramps, rng, together},
        *,
    };

    #[test]
    fn time_never_runs_back_and_ends_stay() {
        for sample in 0..50 {
            let mut series = ramps(3, 64);
            time_warp(&mut series, 0.4, &mut rng(sample));
            assert!(together(&series));
            let row = &series.values[..64];
            assert!(row[0] == 0.0 && (row[63] - 63.0).abs() < 1e-3);
            assert!(row.windows(2).all(|w| w[1] >= w[0]));
            assert!(row.iter().enumerate().any(|(i, v)| (v - i as f32).abs() > 0.3));
        }
    }
}
