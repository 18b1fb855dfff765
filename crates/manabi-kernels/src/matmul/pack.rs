//! Copies of blocks of A and B in the order in which tiles read them.
//!
//! A panel of A holds `lines` rows, a panel of B `lines` columns; both lie as [k][line], one panel after the other. The
//! last panel is filled up with zeros, so that a tile may load whole rows. Where the source runs along the lines, rows
//! of it are copied, to several panels in turn; where it runs along k, blocks of 8 x 8 are turned in registers.

use super::{matrix::Matrix, micro_kernel::MicroKernel};

/// Panels that are filled side by side, so that the source is read along its rows.
const ABREAST: usize = 8;

/// Both sides of a block that is turned at once.
pub(super) const TURN: usize = 8;

/// Rows that are asked for ahead of their turn.
const AHEAD: usize = 8;

/// Elements of a cache line.
pub(super) const LINE: usize = 16;

/// Asks for the cache line of an address, which need not exist.
#[inline(always)]
fn prefetch(address: *const f32) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch reads nothing, and no address makes it fault; every x86-64 has it.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(address.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}

/// Lines and depths of a source: line `l` at depth `k` is at `l * line + k * step`.
#[derive(Clone, Copy)]
struct Source {
    from: *const f32,
    line: usize,
    step: usize,
    count: usize,
    depth: usize,
}

impl Source {
    /// Copies all to panels of `LINES`, `size` elements apart.
    ///
    /// # Safety
    /// The source holds what it says, and `to` a panel for each `LINES` lines or part of them, each
    /// of at least `LINES` times `depth` elements.
    unsafe fn panels<const LINES: usize>(self, kernel: MicroKernel, size: usize, to: &mut [f32]) {
        let whole = self.count / LINES;
        let (full, rest) = to.split_at_mut(whole * size);
        // SAFETY: what this function asks of its caller.
        unsafe {
            if self.line == 1 {
                for (i, to) in full.chunks_mut(ABREAST * size).enumerate() {
                    self.rows::<LINES>(i * ABREAST * LINES, size, to);
                }
            } else {
                for (i, to) in full.chunks_exact_mut(size).enumerate() {
                    self.turned::<LINES>(kernel, i * LINES, to);
                }
            }
            if self.count > whole * LINES {
                rest.fill(0.0);
                for (k, to) in rest.chunks_exact_mut(LINES).enumerate().take(self.depth) {
                    for (l, to) in to.iter_mut().enumerate().take(self.count - whole * LINES) {
                        *to = *self.at(whole * LINES + l, k);
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn at(self, line: usize, k: usize) -> *const f32 {
        self.from.wrapping_add(line * self.line + k * self.step)
    }

    /// Some panels from line `first` on, of lines that are neighbours.
    unsafe fn rows<const LINES: usize>(self, first: usize, size: usize, to: &mut [f32]) {
        let wide = to.len() / size.max(1) * LINES;
        for k in 0..self.depth {
            let mut from = self.at(first, k);
            // Short pieces of long rows: the processor does not see by itself what comes next.
            (0..wide).step_by(LINE).for_each(|l| prefetch(self.at(first + l, k + AHEAD)));
            for to in to.chunks_exact_mut(size) {
                // SAFETY: the panels are whole, so that the source has `LINES` neighbours for each.
                let row = unsafe { from.cast::<[f32; LINES]>().read_unaligned() };
                to[k * LINES..(k + 1) * LINES].copy_from_slice(&row);
                from = from.wrapping_add(LINES);
            }
        }
    }

    /// The panel from line `first` on, of lines that lie apart.
    unsafe fn turned<const LINES: usize>(self, kernel: MicroKernel, first: usize, to: &mut [f32]) {
        let whole = if self.step == 1 { self.depth / TURN * TURN } else { 0 };
        let lines = TURN.min(LINES);
        for k in (0..whole).step_by(TURN) {
            for l in (0..LINES).step_by(lines) {
                let to = &mut to[k * LINES + l..(k + TURN - 1) * LINES + LINES.min(l + lines)];
                // SAFETY: the source has these lines and depths, and `to` reaches from the first element to the last.
                unsafe { kernel.turn(self.at(first + l, k), self.line, lines.min(LINES - l), to.as_mut_ptr(), LINES) };
            }
        }
        for k in whole..self.depth {
            for l in 0..LINES {
                // SAFETY: as above.
                to[k * LINES + l] = unsafe { *self.at(first + l, k) };
            }
        }
    }

    /// # Safety
    /// As for [`Self::panels`].
    unsafe fn copy(self, kernel: MicroKernel, lines: usize, size: usize, to: &mut [f32]) {
        // SAFETY: what this function asks of its caller.
        unsafe {
            match lines {
                4 => self.panels::<4>(kernel, size, to),
                6 => self.panels::<6>(kernel, size, to),
                12 => self.panels::<12>(kernel, size, to),
                16 => self.panels::<16>(kernel, size, to),
                32 => self.panels::<32>(kernel, size, to),
                _ => unreachable!("no tile has {lines} lines"),
            }
        }
    }
}

/// Rows and depths (first and how many) of A, in panels of as many rows as a tile has.
///
/// # Safety
/// The matrix holds them, and `to` the rows rounded up to whole panels, times the depth.
pub(super) unsafe fn left(
    kernel: MicroKernel,
    a: Matrix<'_>,
    rows: (usize, usize),
    (k, depth): (usize, usize),
    to: &mut [f32],
) {
    let from = a.at(rows.0, k);
    let source = Source { from, line: a.row_stride, step: a.column_stride, count: rows.1, depth };
    // SAFETY: what this function asks of its caller.
    unsafe { source.copy(kernel, kernel.rows, kernel.rows * depth, to) }
}

/// Columns and depths (first and how many) of B, in panels of as many columns as a tile has, `size`
/// elements apart.
///
/// # Safety
/// As for [`left`].
pub(super) unsafe fn right(
    kernel: MicroKernel,
    b: Matrix<'_>,
    columns: (usize, usize),
    (k, depth): (usize, usize),
    size: usize,
    to: &mut [f32],
) {
    let from = b.at(k, columns.0);
    let source = Source { from, line: b.column_stride, step: b.row_stride, count: columns.1, depth };
    // SAFETY: what this function asks of its caller.
    unsafe { source.copy(kernel, kernel.columns, size, to) }
}
