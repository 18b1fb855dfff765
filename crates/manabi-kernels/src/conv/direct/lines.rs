//! Padded maps as lines.
//!
//! With stride s, element i of phase p is element i s + p of the padded axis; a tap k then lies in phase (k d) mod s, and
//! (k d) div s elements further on, for every position: what a tap reads are neighbours whatever the stride. The rows of
//! a phase lie one after the other, `columns` elements each, so that one number says how far a tap is from a position,
//! and positions count through the rows; those behind the end of a row are computed and left out.

use super::super::geometry::{Axis, Geometry, phases};

/// Lanes, to which loops over positions are rounded up.
pub(super) const L: usize = 16;

/// Where a tap is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tap {
    pub(super) phase: usize,
    pub(super) offset: usize,
}

/// The shape of the lines of one geometry.
pub(super) struct Lines {
    down: Axis,
    across: Axis,
    /// The phases that taps use, down and across.
    used: (Vec<usize>, Vec<usize>),
    rows: usize,
    /// Elements of a row.
    pub(super) columns: usize,
    /// The taps of one channel.
    pub(super) offsets: Vec<Tap>,
    /// The largest offset: zeros in front of a gradient.
    pub(super) margin: usize,
}

/// True if the lines of an axis are not much longer than its positions.
pub(super) fn near(a: Axis) -> bool {
    reach(a) <= 8 * a.positions + 64
}

/// Elements between a position and its furthest tap.
fn reach(a: Axis) -> usize {
    (a.kernel - 1) * a.dilation / a.stride
}

/// Elements of phase `phase` inside the input among the first `count`, and the input's element of the first.
fn inside(a: Axis, phase: usize, count: usize) -> (std::ops::Range<usize>, usize) {
    let first = a.padding.saturating_sub(phase).div_ceil(a.stride);
    let last = (a.size + a.padding).saturating_sub(phase).div_ceil(a.stride).min(count);
    (first.min(last)..last, (first * a.stride + phase).saturating_sub(a.padding))
}

impl Lines {
    pub(super) fn new(g: &Geometry) -> Self {
        let (down, across) = (g.down, g.across);
        let (rows, columns) = (down.positions + reach(down), across.positions + reach(across));
        let phases = |a: Axis| phases(a.kernel, a.dilation, a.stride);
        let used = (phases(down), phases(across));
        let find = |used: &[usize], phase: usize| used.iter().position(|p| *p == phase).unwrap_or(0);
        let mut offsets = Vec::with_capacity(down.kernel * across.kernel);
        for y in (0..down.kernel).map(|k| k * down.dilation) {
            for x in (0..across.kernel).map(|k| k * across.dilation) {
                let phase = find(&used.0, y % down.stride) * used.1.len() + find(&used.1, x % across.stride);
                offsets.push(Tap { phase, offset: y / down.stride * columns + x / across.stride });
            }
        }
        let margin = reach(down) * columns + reach(across);
        Self { down, across, used, rows, columns, offsets, margin }
    }

    /// Elements of an input map.
    pub(super) fn area(&self) -> usize {
        self.down.size * self.across.size
    }

    pub(super) fn phases(&self) -> usize {
        self.used.0.len() * self.used.1.len()
    }

    /// Elements of one phase.
    fn plane(&self) -> usize {
        self.rows * self.columns
    }

    /// Positions of one line, with those left out, in whole lanes.
    pub(super) fn outputs(&self) -> usize {
        ((self.down.positions - 1) * self.columns + self.across.positions).next_multiple_of(L)
    }

    /// Elements of one phase in whole lanes.
    pub(super) fn length(&self) -> usize {
        self.plane().next_multiple_of(L)
    }

    /// Elements that `channels` maps need.
    pub(super) fn space(&self, channels: usize) -> usize {
        channels * self.phases() * self.plane() + L
    }

    /// Elements that one map of gradients needs.
    pub(super) fn gradient(&self) -> usize {
        self.margin + self.length()
    }

    /// The distances of the taps of all `channels`, in the order of the weights.
    pub(super) fn taps(&self, channels: usize) -> Vec<usize> {
        let of = |c: usize| self.offsets.iter().map(move |t| (c * self.phases() + t.phase) * self.plane() + t.offset);
        (0..channels).flat_map(of).collect()
    }

    /// True if every element of the input lies in some phase that is used.
    pub(super) fn covers(&self) -> bool {
        self.down.stride == 1 && self.across.stride == 1
    }

    /// Lays out some maps.
    pub(super) fn spread(&self, maps: &[f32], space: &mut [f32]) {
        let (lines, tail) = space.split_at_mut(maps.len() / self.area() * self.phases() * self.plane());
        tail.fill(0.0);
        let each = self.phases() * self.plane();
        for (map, lines) in maps.chunks_exact(self.area()).zip(lines.chunks_exact_mut(each)) {
            for (phase, plane) in lines.chunks_exact_mut(self.plane()).enumerate() {
                let ((down, first_row), (across, first)) = self.of(phase);
                plane[..down.start * self.columns].fill(0.0);
                plane[down.end * self.columns..].fill(0.0);
                let rows = plane[down.start * self.columns..down.end * self.columns].chunks_exact_mut(self.columns);
                for (i, row) in rows.enumerate() {
                    let from = &map[(first_row + i * self.down.stride) * self.across.size..][..self.across.size];
                    row[..across.start].fill(0.0);
                    row[across.end..].fill(0.0);
                    let row = &mut row[across.clone()];
                    if row.is_empty() {
                    } else if self.across.stride == 1 {
                        row.copy_from_slice(&from[first..first + row.len()]);
                    } else {
                        for (to, v) in row.iter_mut().zip(from[first..].iter().step_by(self.across.stride)) {
                            *to = *v;
                        }
                    }
                }
            }
        }
    }

    /// Lays out the gradients of some output maps, with zeros between and around them.
    pub(super) fn spread_gradient(&self, grad: &[f32], space: &mut [f32]) {
        let positions = self.down.positions * self.across.positions;
        space.fill(0.0);
        for (grad, space) in grad.chunks_exact(positions).zip(space.chunks_exact_mut(self.gradient())) {
            let rows = space[self.margin..].chunks_mut(self.columns);
            for (from, to) in grad.chunks_exact(self.across.positions).zip(rows) {
                to[..from.len()].copy_from_slice(from);
            }
        }
    }

    /// Writes one phase back to where it came from in a map.
    pub(super) fn collect(&self, phase: usize, plane: &[f32], map: &mut [f32]) {
        let ((down, first_row), (across, first)) = self.of(phase);
        for (i, row) in plane.chunks_exact(self.columns).skip(down.start).take(down.len()).enumerate() {
            let to = &mut map[(first_row + i * self.down.stride) * self.across.size..][..self.across.size];
            let row = &row[across.clone()];
            if row.is_empty() {
            } else if self.across.stride == 1 {
                to[first..first + row.len()].copy_from_slice(row);
            } else {
                for (to, v) in to[first..].iter_mut().step_by(self.across.stride).zip(row) {
                    *to = *v;
                }
            }
        }
    }

    /// What of a phase lies inside the input, down and across.
    fn of(&self, phase: usize) -> ((std::ops::Range<usize>, usize), (std::ops::Range<usize>, usize)) {
        let (y, x) = (self.used.0[phase / self.used.1.len()], self.used.1[phase % self.used.1.len()]);
        (inside(self.down, y, self.rows), inside(self.across, x, self.columns))
    }
}
