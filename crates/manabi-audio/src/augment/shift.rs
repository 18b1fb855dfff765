//! Circular shift along time.

use crate::frontend::LogMel;

/// The map `frames` later; what leaves at the end comes in at the beginning.
pub fn shift(map: &mut LogMel, frames: usize) {
    let width = map.frames;
    let by = frames % width;
    map.values.chunks_exact_mut(width).for_each(|row| row.rotate_right(by));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_turn_changes_nothing() {
        let mut map = LogMel::new(2, 3, vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
        shift(&mut map, 1);
        assert_eq!(map.values, [3.0, 1.0, 2.0, 6.0, 4.0, 5.0]);
        shift(&mut map, 5);
        assert_eq!(map.values, [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    }
}
