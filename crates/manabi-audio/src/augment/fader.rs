//! Random linear fader (BYOL-A v2, arXiv:2204.07402): loudness rises or falls over the view.

use crate::frontend::LogMel;

/// Adds a line that runs from `head` in the first frame to `tail` in the last.
pub fn fader(map: &mut LogMel, head: f32, tail: f32) {
    let step = (tail - head) / map.frames.saturating_sub(1).max(1) as f32;
    for row in map.values.chunks_exact_mut(map.frames) {
        row.iter_mut().enumerate().for_each(|(t, v)| *v += head + step * t as f32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_runs_from_head_to_tail_in_every_bin() {
        let mut map = LogMel::new(2, 3, vec![0.0; 6]).unwrap();
        fader(&mut map, -1.0, 1.0);
        assert_eq!(map.values, [-1.0, 0.0, 1.0, -1.0, 0.0, 1.0]);
        let mut one = LogMel::new(1, 1, vec![0.0]).unwrap();
        fader(&mut one, 0.5, 1.0);
        assert_eq!(one.values, [0.5]);
    }
}
