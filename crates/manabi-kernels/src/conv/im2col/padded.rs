//! The maps under a block as all taps read them: padded, and with the elements of a stride side by side.
//!
//! A row with stride s becomes s rows, phase p holding the elements p, p + s, p + 2s, … of the padded one. Whatever the
//! padding, stride and dilation, what lies under one tap at all positions is then a rectangle of whole rows.

use std::ops::Range;

use super::super::geometry::Geometry;
use super::columns::Block;

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
    /// The map's columns that lie here.
    columns: Range<usize>,
    /// For each phase that taps read: where in a row the map's elements start, and the first of them.
    phases: Vec<(usize, usize)>,
    /// Columns of the map.
    size: usize,
    /// Where the first position's element lies for each tap, row by row, and the step to the next row of positions.
    pub(super) taps: Vec<usize>,
    pub(super) step: usize,
}

impl Padded {
    pub(super) fn new(g: &Geometry, block: &Block) -> Self {
        let (down, across) = (&g.down, &g.across);
        let reach = |positions: usize, stride: usize, kernel: usize, dilation: usize| {
            (positions.max(1) - 1) * stride + (kernel - 1) * dilation + 1
        };
        let height = reach(block.down.len(), down.stride, down.kernel, down.dilation);
        let width = reach(block.across.len(), across.stride, across.kernel, across.dilation);
        // In padded coordinates.
        let (top, left) = (block.down.start * down.stride, block.across.start * across.stride);
        let read = |y: usize| {
            (0..down.kernel).map(|k| k * down.dilation).any(|k| y >= k && (y - k).is_multiple_of(down.stride))
        };
        let row = |y: usize| (top + y).checked_sub(down.padding).filter(|row| *row < down.size).map(|row| (y, row));
        let start = left.saturating_sub(across.padding).min(across.size);
        let end = (left + width).saturating_sub(across.padding).clamp(start, across.size);
        let (stride, each) = (across.stride, width.div_ceil(across.stride));
        let first = (start + across.padding).saturating_sub(left);
        let shift = |k: usize| (k * across.dilation % stride) * each + k * across.dilation / stride;
        let mut phases: Vec<usize> = (0..across.kernel).map(|k| k * across.dilation % stride).collect();
        phases.sort_unstable();
        phases.dedup();
        let elements = |phase: usize| {
            let skip = (phase + stride - first % stride) % stride;
            (phase * each + (first + skip) / stride, skip)
        };
        let pitch = stride * each;
        let tap = |ky: usize, kx: usize| ky * down.dilation * pitch + shift(kx);
        Self {
            rows: (0..height).filter(|y| read(*y)).filter_map(row).collect(),
            height,
            each,
            stride,
            columns: start..end,
            phases: phases.into_iter().map(elements).filter(|(_, skip)| start + skip < end).collect(),
            size: across.size,
            taps: (0..down.kernel * across.kernel).map(|t| tap(t / across.kernel, t % across.kernel)).collect(),
            step: down.stride * pitch,
        }
    }

    /// Elements of a padded map.
    pub(super) fn len(&self) -> usize {
        self.height * self.stride * self.each
    }

    /// Writes a map to a padded one; the padding is not touched.
    pub(super) fn fill(&self, map: &[f32], to: &mut [f32]) {
        for &(y, row) in &self.rows {
            let from = &map[row * self.size..][self.columns.clone()];
            let to = &mut to[y * self.stride * self.each..];
            for &(start, skip) in &self.phases {
                let (to, from) = (&mut to[start..], &from[skip..]);
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
            let to = &mut map[row * self.size..][self.columns.clone()];
            let from = &from[y * self.stride * self.each..];
            for &(start, skip) in &self.phases {
                let (from, to) = (&from[start..], &mut to[skip..]);
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
