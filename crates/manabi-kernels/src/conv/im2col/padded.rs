//! The maps under a block as all taps read them: padded, and with the elements of a stride side by side.
//!
//! A row with stride s becomes s rows, phase p holding the elements p, p + s, p + 2s, … of the padded one. Whatever the
//! padding, stride and dilation, what lies under one tap at all positions is then a rectangle of whole rows.

use std::ops::Range;

use super::super::geometry::{Geometry, phases};
use super::{columns::Block, reach::Reach};

/// Elements that copies of rows may read and write beyond their ends.
pub(super) const SLACK: usize = 8;

/// Rows and columns of the padded map under a block, counted from the first that a tap reads.
pub(super) struct Padded {
    /// Rows that taps read and that are not padding, and the map's rows that lie there.
    rows: Vec<(usize, usize)>,
    height: usize,
    /// Elements of a phase.
    each: usize,
    stride: usize,
    /// Where in a row the elements of a phase start, and the columns of the map of which every `stride`-th is one.
    runs: Vec<(usize, Range<usize>)>,
    /// Columns of the map.
    size: usize,
    /// Where the first position's element lies for each tap, row by row, and the step to the next row of positions.
    pub(super) taps: Vec<usize>,
    pub(super) step: usize,
}

impl Padded {
    pub(super) fn new(g: &Geometry, block: &Block) -> Self {
        let down = Reach::new(&g.down, block.down.start, block.down.len());
        let across = Reach::new(&g.across, block.across.start, block.across.len());
        // One position reads no second phase of a stride that is longer than all.
        let stride = g.across.stride.min(across.length);
        let each = across.length.div_ceil(stride);
        let pitch = stride * each;
        let at = |x: usize| x % stride * each + x / stride;
        let taps_across = || (0..g.across.kernel).map(|tap| tap * across.dilation);
        let phases = phases(g.across.kernel, across.dilation, stride);
        let runs = across.pieces.iter().flat_map(|(first, columns)| {
            phases.iter().filter_map(move |phase| {
                let skip = (phase + stride - first % stride) % stride;
                (skip < columns.len()).then(|| (at(first + skip), columns.start + skip..columns.end))
            })
        });
        let rows = down.pieces.iter().flat_map(|(first, rows)| (*first..).zip(rows.clone()));
        let taps = (0..g.down.kernel).flat_map(|tap| taps_across().map(move |x| (tap, x)));
        Self {
            rows: rows.filter(|(y, _)| down.reads(&g.down, *y)).collect(),
            height: down.length,
            each,
            stride,
            runs: runs.collect(),
            size: g.across.size,
            taps: taps.map(|(tap, x)| tap * down.dilation * pitch + at(x)).collect(),
            step: g.down.stride * pitch,
        }
    }

    /// Elements of a padded map.
    pub(super) fn len(&self) -> usize {
        self.height * self.stride * self.each
    }

    /// Writes a map to a padded one; the padding is not touched.
    pub(super) fn fill(&self, map: &[f32], to: &mut [f32]) {
        for &(y, row) in &self.rows {
            let from = &map[row * self.size..][..self.size];
            let to = &mut to[y * self.stride * self.each..];
            for (start, columns) in &self.runs {
                let (to, from) = (&mut to[*start..], &from[columns.clone()]);
                match self.stride {
                    1 => to[..from.len()].copy_from_slice(from),
                    2 => {
                        let (pairs, last) = from.as_chunks::<2>();
                        to.iter_mut().zip(pairs).for_each(|(to, pair)| *to = pair[0]);
                        if let [last] = last {
                            to[pairs.len()] = *last;
                        }
                    }
                    stride => to.iter_mut().zip(from.iter().step_by(stride)).for_each(|(to, v)| *to = *v),
                }
            }
        }
    }

    /// Adds a padded map to a map.
    pub(super) fn add(&self, from: &[f32], map: &mut [f32]) {
        for &(y, row) in &self.rows {
            let to = &mut map[row * self.size..][..self.size];
            let from = &from[y * self.stride * self.each..];
            for (start, columns) in &self.runs {
                let (from, to) = (&from[*start..], &mut to[columns.clone()]);
                match self.stride {
                    1 => to.iter_mut().zip(from).for_each(|(to, v)| *to += v),
                    2 => {
                        let (pairs, last) = to.as_chunks_mut::<2>();
                        pairs.iter_mut().zip(from).for_each(|(pair, v)| pair[0] += v);
                        if let [last] = last {
                            *last += from[pairs.len()];
                        }
                    }
                    stride => to.iter_mut().step_by(stride).zip(from).for_each(|(to, v)| *to += v),
                }
            }
        }
    }
}
