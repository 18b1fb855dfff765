//! Rows of a map with the elements of a stride side by side.
//!
//! A kernel that moves by s reads every s-th element. Where each is read by several taps, the rows are taken apart once:
//! row y becomes s rows, phase p holding the elements p, p + s, p + 2s, …, so that what the taps then copy, or add up,
//! are neighbours.

use std::ops::Range;

use super::super::geometry::Geometry;
use super::columns::Block;

/// The rows of a map that a block reads, and how they lie once they are taken apart.
pub(super) struct Phases {
    rows: Range<usize>,
    /// Elements of a row of the map, and of a phase of it.
    size: usize,
    each: usize,
    stride: usize,
}

impl Phases {
    /// Of the maps under a block; `None` where neighbours are read, or each element by one tap.
    pub(super) fn new(g: &Geometry, block: &Block) -> Option<Self> {
        let (down, across) = (&g.down, &g.across);
        if across.stride == 1 || across.kernel * down.kernel.div_ceil(down.stride) <= across.stride {
            return None;
        }
        let reach = (down.kernel - 1) * down.dilation;
        let first = (block.down.start * down.stride).saturating_sub(down.padding).min(down.size);
        let end = ((block.down.end - 1) * down.stride + reach + 1).saturating_sub(down.padding).min(down.size);
        let each = across.size.div_ceil(across.stride);
        Some(Self { rows: first..end.max(first), size: across.size, each, stride: across.stride })
    }

    /// Elements of the rows once they are taken apart.
    pub(super) fn len(&self) -> usize {
        self.rows.len() * self.stride * self.each
    }

    /// Where element (y, x) of the map lies.
    pub(super) fn at(&self, y: usize, x: usize) -> usize {
        ((y - self.rows.start) * self.stride + x % self.stride) * self.each + x / self.stride
    }

    fn span(&self) -> Range<usize> {
        self.rows.start * self.size..self.rows.end * self.size
    }

    /// Takes the rows of a map apart.
    pub(super) fn split(&self, map: &[f32], to: &mut [f32]) {
        let rows = map[self.span()].chunks_exact(self.size);
        for (row, to) in rows.zip(to.chunks_exact_mut(self.stride * self.each)) {
            if self.stride == 2 {
                let (even, odd) = to.split_at_mut(self.each);
                let pairs = row.as_chunks::<2>();
                for ((even, odd), pair) in even.iter_mut().zip(odd.iter_mut()).zip(pairs.0) {
                    (*even, *odd) = (pair[0], pair[1]);
                }
                if let [last] = pairs.1 {
                    even[self.each - 1] = *last;
                }
                continue;
            }
            for (phase, to) in to.chunks_exact_mut(self.each).enumerate() {
                for (to, v) in to.iter_mut().zip(row[phase.min(self.size)..].iter().step_by(self.stride)) {
                    *to = *v;
                }
            }
        }
    }

    /// Adds rows that are taken apart to those of a map.
    pub(super) fn join(&self, from: &[f32], map: &mut [f32]) {
        let rows = map[self.span()].chunks_exact_mut(self.size);
        for (row, from) in rows.zip(from.chunks_exact(self.stride * self.each)) {
            if self.stride == 2 {
                let (even, odd) = from.split_at(self.each);
                let pairs = row.as_chunks_mut::<2>();
                for ((even, odd), pair) in even.iter().zip(odd).zip(pairs.0) {
                    pair[0] += even;
                    pair[1] += odd;
                }
                if let [last] = pairs.1 {
                    *last += even[self.each - 1];
                }
                continue;
            }
            for (phase, from) in from.chunks_exact(self.each).enumerate() {
                for (to, v) in row[phase.min(self.size)..].iter_mut().step_by(self.stride).zip(from) {
                    *to += v;
                }
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
        fn what_is_taken_apart_lies_where_it_is_said_to_and_is_joined_again(
            size in 1usize..40, stride in 2usize..6, first in 0usize..3, rows in 0usize..4,
        ) {
            let map: Vec<f32> = (0..(first + rows + 1) * size).map(|i| i as f32).collect();
            let phases = Phases { rows: first..first + rows, size, each: size.div_ceil(stride), stride };
            let mut apart = vec![f32::NAN; phases.len()];
            phases.split(&map, &mut apart);
            for y in first..first + rows {
                for x in 0..size {
                    prop_assert_eq!(apart[phases.at(y, x)], map[y * size + x]);
                }
            }
            let mut joined = vec![0f32; map.len()];
            phases.join(&apart, &mut joined);
            for (i, (joined, v)) in joined.iter().zip(&map).enumerate() {
                let inside = phases.rows.contains(&(i / size));
                prop_assert_eq!(*joined, if inside { *v } else { 0.0 });
            }
        }
    }
}
