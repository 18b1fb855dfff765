//! Time and frequency masks (SpecAugment, Park et al., arXiv:1904.08779).

use manabi_core::rng::Rng;

use crate::frontend::LogMel;

/// Fills one random band of up to `share` of the bins with `value`.
pub fn bins(map: &mut LogMel, share: f32, value: f32, rng: &mut Rng) {
    let (start, count) = span(map.bins, share, rng);
    map.values[start * map.frames..(start + count) * map.frames].fill(value);
}

/// Fills one random stretch of up to `share` of the frames with `value`.
pub fn frames(map: &mut LogMel, share: f32, value: f32, rng: &mut Rng) {
    let (start, count) = span(map.frames, share, rng);
    map.values.chunks_exact_mut(map.frames).for_each(|row| row[start..start + count].fill(value));
}

/// Start and length of a random stretch: the length is uniform from nothing to `share` of `total`.
fn span(total: usize, share: f32, rng: &mut Rng) -> (usize, usize) {
    let count = rng.below((total as f32 * share) as usize + 1).min(total);
    (rng.below(total - count + 1), count)
}

#[cfg(test)]
mod tests {
    use super::{
        super::testing::{ramp, rng},
        *,
    };

    #[test]
    fn masks_hide_whole_rows_and_columns_up_to_their_share() {
        let (mut widest, mut highest) = (0, 0);
        for sample in 0..300 {
            let mut map = ramp(20, 30);
            bins(&mut map, 0.3, 99.0, &mut rng(sample));
            let rows = map.rows().filter(|r| r.iter().all(|v| *v == 99.0)).count();
            assert_eq!(map.values.iter().filter(|v| **v == 99.0).count(), rows * 30);
            let mut map = ramp(20, 30);
            frames(&mut map, 0.5, 99.0, &mut rng(sample));
            let columns = map.rows().next().unwrap().iter().filter(|v| **v == 99.0).count();
            assert_eq!(map.values.iter().filter(|v| **v == 99.0).count(), columns * 20);
            (highest, widest) = (highest.max(rows), widest.max(columns));
        }
        assert_eq!((highest, widest), (6, 15));
        let mut map = ramp(2, 2);
        bins(&mut map, 0.0, 99.0, &mut rng(0));
        assert_eq!(map, ramp(2, 2));
    }
}
