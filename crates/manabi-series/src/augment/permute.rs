//! Permutation: the series is cut into segments, which change places (Um et al., ICMI 2017).
//!
//! All channels are cut and moved alike. TS-TCC's published code takes channel 0's values for every channel (its issue
//! 17); a test here holds each channel to its own.

use manabi_core::rng::Rng;

use crate::series::Series;

/// Cuts into 2 to `most` segments of random lengths and puts them into another order.
pub fn permute(series: &mut Series, most: usize, rng: &mut Rng) {
    let most = most.min(series.length);
    if most < 2 {
        return;
    }
    let count = 2 + rng.below(most - 1);
    // Distinct inner borders.
    let mut borders: Vec<usize> =
        rng.permutation(series.length - 1).into_iter().take(count - 1).map(|b| b + 1).collect();
    borders.sort_unstable();
    let edges: Vec<usize> = std::iter::once(0).chain(borders).chain([series.length]).collect();
    let mut order = rng.permutation(count);
    if order.is_sorted() {
        // The one order that changes nothing.
        order.rotate_left(1);
    }
    let segments: Vec<(usize, usize)> = order.iter().map(|s| (edges[*s], edges[s + 1])).collect();
    rearrange(series, &segments);
}

/// Puts the stretches `segments` of every channel one behind the other.
pub fn rearrange(series: &mut Series, segments: &[(usize, usize)]) {
    let length = segments.iter().map(|(from, to)| to - from).sum();
    let mut values = Vec::with_capacity(series.channels * length);
    for row in series.rows() {
        segments.iter().for_each(|(from, to)| values.extend_from_slice(&row[*from..*to]));
    }
    (series.values, series.length) = (values, length);
}

#[cfg(test)]
mod tests {
    use super::{
        super::testing::{ramps, rng, together},
        *,
    };

    #[test]
    fn every_channel_keeps_its_own_values_and_all_move_alike() {
        for sample in 0..50 {
            let before = ramps(3, 40);
            let mut series = before.clone();
            permute(&mut series, 5, &mut rng(sample));
            assert_ne!(series, before);
            assert!(together(&series));
            for (old, new) in before.rows().zip(series.rows()) {
                let mut sorted = new.to_vec();
                sorted.sort_by(f32::total_cmp);
                assert_eq!(sorted, old);
            }
        }
    }

    #[test]
    fn a_series_too_short_to_be_cut_stays() {
        let mut series = ramps(2, 1);
        permute(&mut series, 5, &mut rng(0));
        assert_eq!(series, ramps(2, 1));
    }
}
