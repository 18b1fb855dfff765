//! Positions sorted by the number that they carry, and the sums of the rows of each number.
//!
//! A counting sort: two passes over the numbers and one over the counts, serial, as the sums that follow move D times as
//! much. The rows of a number are added in the order of their positions; where they are more than [`LONG`] (one segment
//! for a whole graph, the most frequent word), by blocks of that length, whose sums are then added in order. Neither
//! depends on the number of threads.

use rayon::prelude::*;

/// Rows of one number that a single task takes.
pub(super) const LONG: usize = 1024;

/// Numbers a task takes at once.
pub(super) const AT_ONCE: usize = 8;

/// The positions of each number.
pub(super) struct Groups {
    /// Where each number starts in `positions`, and the end.
    starts: Vec<u32>,
    positions: Vec<u32>,
}

impl Groups {
    /// Sorts the positions of `ids`, which are below `count`.
    pub(super) fn new(ids: &[u32], count: usize) -> Self {
        let mut starts = vec![0u32; count + 1];
        for id in ids {
            starts[*id as usize + 1] += 1;
        }
        for i in 0..count {
            starts[i + 1] += starts[i];
        }
        let mut next = starts.clone();
        let mut positions = vec![0u32; ids.len()];
        for (position, id) in ids.iter().enumerate() {
            let place = &mut next[*id as usize];
            positions[*place as usize] = position as u32;
            *place += 1;
        }
        Self { starts, positions }
    }

    /// The positions of number `id`, ascending.
    pub(super) fn of(&self, id: usize) -> &[u32] {
        &self.positions[self.starts[id] as usize..self.starts[id + 1] as usize]
    }

    /// Adds to each row of `out` (count, D) the rows of `x` at its positions.
    pub(super) fn add_rows(&self, x: &[f32], d: usize, out: &mut [f32]) {
        out.par_chunks_mut(d * AT_ONCE).enumerate().for_each(|(piece, out)| {
            for (i, out) in out.chunks_exact_mut(d).enumerate() {
                let positions = self.of(piece * AT_ONCE + i);
                if positions.len() <= LONG {
                    add(x, d, positions, out);
                    continue;
                }
                let block = |positions: &[u32]| {
                    let mut sums = vec![0f32; d];
                    add(x, d, positions, &mut sums);
                    sums
                };
                let blocks: Vec<Vec<f32>> = positions.par_chunks(LONG).map(block).collect();
                blocks.iter().for_each(|sums| add(sums, d, &[0], out));
            }
        });
    }
}

wide! {
    /// `out` = Σ weight · x[row] over the terms `(row, weight)`, in their order.
    pub(super) fn weighted_sum(x: &[f32], d: usize, terms: impl Iterator<Item = (u32, f32)>, out: &mut [f32]) {
        out.fill(0.0);
        for (row, weight) in terms {
            for (sum, v) in out.iter_mut().zip(&x[row as usize * d..][..d]) {
                *sum += weight * v;
            }
        }
    }

    /// Adds the rows of `x` at `positions` to `out`.
    fn add(x: &[f32], d: usize, positions: &[u32], out: &mut [f32]) {
        for position in positions {
            let row = &x[*position as usize * d..][..d];
            for (sum, v) in out.iter_mut().zip(row) {
                *sum += v;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_position_is_in_the_group_of_its_number_in_ascending_order(
            picks in prop::collection::vec(0u32..1000, 0..300), count in 1u32..40,
        ) {
            let ids: Vec<u32> = picks.iter().map(|p| p % count).collect();
            let groups = Groups::new(&ids, count as usize);
            for id in 0..count {
                let expected: Vec<u32> = (0..ids.len() as u32).filter(|i| ids[*i as usize] == id).collect();
                prop_assert_eq!(groups.of(id as usize), &expected[..]);
            }
        }
    }

    #[test]
    fn a_group_of_many_blocks_has_the_sum_of_its_rows() {
        let n = 3 * LONG + 7;
        let x: Vec<f32> = (0..2 * n).map(|i| (i % 5) as f32).collect();
        let ids: Vec<u32> = (0..n).map(|i| u32::from(i % 100 == 3)).collect();
        let mut out = vec![1.0; 4];
        Groups::new(&ids, 2).add_rows(&x, 2, &mut out);
        let sum = |id: u32, column: usize| {
            let rows = (0..n).filter(|i| ids[*i] == id);
            1.0 + rows.map(|i| x[2 * i + column]).sum::<f32>()
        };
        // Whole numbers of this size are exact.
        assert_eq!(out, [sum(0, 0), sum(0, 1), sum(1, 0), sum(1, 1)]);
    }
}
