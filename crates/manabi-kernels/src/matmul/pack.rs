//! Copies of blocks of A and B in the order in which tiles read them.
//!
//! A panel of A holds `lines` rows, a panel of B `lines` columns; both lie as [k][line], one panel after the other, in
//! [`Words`] of one or two steps of k. The last panel is filled up with zeros, so that a tile may load whole rows, and an
//! odd k with a zero to a pair. Where the source runs along the lines, rows of it are copied, to several panels in turn;
//! where it runs along k, blocks of 8 x 8 numbers are turned in registers.
//!
//! Everything is inlined into the functions of a [`MicroKernel`], which are compiled for its processor.

use super::{matrix::Matrix, micro_kernel::MicroKernel, words::Words};
use crate::vector::prefetch_line;

/// Panels that are filled side by side, so that the source is read along its rows.
const ABREAST: usize = 8;

/// Both sides of a block that is turned at once.
pub(super) const TURN: usize = 8;

/// Rows that are asked for ahead of their turn.
const AHEAD: usize = 8;

/// Elements of a cache line.
pub(super) const LINE: usize = 16;

/// Copies number `j` of line `i` to `to + j * row + i`, for at most `TURN` lines of `TURN` numbers, `line` apart: the
/// arguments are the source, `line`, how many lines, `to` and `row`.
///
/// Its caller vouches that the source holds the lines, and `to` all that is written.
pub(super) type Turn = unsafe fn(*const f32, usize, usize, *mut f32, usize);

/// Lines and depths of a source: line `l` at depth `k` is at `l * line + k * step`.
#[derive(Clone, Copy)]
pub(super) struct Source {
    from: *const f32,
    line: usize,
    step: usize,
    count: usize,
    depth: usize,
}

impl Source {
    /// Copies all to panels of `LINES`, `size` words apart.
    ///
    /// # Safety
    /// The source holds what it says, `to` a panel for each `LINES` lines or part of them, each of at least `LINES` times
    /// the depth in words, and the processor has what `turn` needs.
    #[inline(always)]
    pub(super) unsafe fn panels<const LINES: usize, W: Words>(self, turn: Turn, size: usize, to: &mut [f32]) {
        let whole = self.count / LINES;
        let (full, rest) = to.split_at_mut(whole * size);
        // SAFETY: what this function asks of its caller.
        unsafe {
            if self.line == 1 {
                for (i, to) in full.chunks_mut(ABREAST * size).enumerate() {
                    self.rows::<LINES, W>(i * ABREAST * LINES, size, to);
                }
            } else {
                for (i, to) in full.chunks_exact_mut(size).enumerate() {
                    self.turned::<LINES, W>(turn, i * LINES, to);
                }
            }
            if self.count > whole * LINES {
                rest.fill(0.0);
                for (w, to) in rest.chunks_exact_mut(LINES).enumerate().take(self.depth.div_ceil(W::STEPS)) {
                    for (l, to) in to.iter_mut().enumerate().take(self.count - whole * LINES) {
                        *to = self.word::<W>(whole * LINES + l, w * W::STEPS);
                    }
                }
            }
        }
    }

    #[inline(always)]
    fn at(self, line: usize, k: usize) -> *const f32 {
        self.from.wrapping_add(line * self.line + k * self.step)
    }

    /// The word of a line from depth `k` on.
    #[inline(always)]
    unsafe fn word<W: Words>(self, line: usize, k: usize) -> f32 {
        // SAFETY: the caller vouches for the line and the depth; the next is read where it is one.
        unsafe {
            let next = if W::STEPS == 2 && k + 1 < self.depth { *self.at(line, k + 1) } else { 0.0 };
            W::word(*self.at(line, k), next)
        }
    }

    /// Some panels from line `first` on, of lines that are neighbours.
    #[inline(always)]
    unsafe fn rows<const LINES: usize, W: Words>(self, first: usize, size: usize, to: &mut [f32]) {
        let wide = to.len() / size.max(1) * LINES;
        let nothing = [0f32; LINES];
        for (w, k) in (0..self.depth).step_by(W::STEPS).enumerate() {
            // Short pieces of long rows: the processor does not see by itself what comes next.
            for k in k..k + W::STEPS {
                (0..wide).step_by(LINE).for_each(|l| prefetch_line(self.at(first + l, k + AHEAD)));
            }
            let paired = W::STEPS == 2 && k + 1 < self.depth;
            for (i, to) in to.chunks_exact_mut(size).enumerate() {
                let from = |k| self.at(first + i * LINES, k).cast::<[f32; LINES]>();
                let next = if paired { from(k + 1) } else { &raw const nothing };
                // SAFETY: the panels are whole, so that the source has `LINES` neighbours for each at depth `k`, and at
                // the next where there is one.
                let (row, next) = unsafe { (from(k).read_unaligned(), next.read_unaligned()) };
                // In pieces that fit registers whatever `LINES` is.
                let piece = if LINES.is_multiple_of(16) { 16 } else { 4 };
                let to = to[w * LINES..(w + 1) * LINES].chunks_mut(piece);
                for ((to, row), next) in to.zip(row.chunks(piece)).zip(next.chunks(piece)) {
                    words_of::<W>(row, next, to);
                }
            }
        }
    }

    /// The panel from line `first` on, of lines that lie apart.
    #[inline(always)]
    unsafe fn turned<const LINES: usize, W: Words>(self, turn: Turn, first: usize, to: &mut [f32]) {
        let words = self.depth.div_ceil(W::STEPS);
        let whole = if self.step == 1 { self.depth / W::STEPS / TURN * TURN } else { 0 };
        let lines = TURN.min(LINES);
        for w in (0..whole).step_by(TURN) {
            for l in (0..LINES).step_by(lines) {
                let count = lines.min(LINES - l);
                let to = &mut to[w * LINES + l..(w + TURN - 1) * LINES + LINES.min(l + lines)];
                // SAFETY: the source has these lines and depths, and what is written to reaches from the first element to
                // the last.
                unsafe {
                    let turn = |k, to: *mut f32, row| turn(self.at(first + l, k), self.line, count, to, row);
                    if W::SAME {
                        turn(w, to.as_mut_ptr(), LINES);
                        continue;
                    }
                    let mut block = [[0f32; TURN]; 2 * TURN];
                    for (part, block) in block.chunks_exact_mut(TURN).enumerate().take(W::STEPS) {
                        turn(w * W::STEPS + part * TURN, block.as_mut_ptr().cast(), TURN);
                    }
                    for (to, rows) in to.chunks_mut(LINES).zip(block.chunks_exact(W::STEPS)) {
                        let mut words = [0f32; TURN];
                        words_of::<W>(&rows[0], &rows[W::STEPS - 1], &mut words);
                        match to.first_chunk_mut() {
                            Some(to) if count == TURN => *to = words,
                            _ => to.iter_mut().zip(words).take(count).for_each(|(to, word)| *to = word),
                        }
                    }
                }
            }
        }
        for w in whole..words {
            for l in 0..LINES {
                // SAFETY: as above.
                to[w * LINES + l] = unsafe { self.word::<W>(first + l, w * W::STEPS) };
            }
        }
    }
}

/// The words of lines whose numbers at one step of k are `first`, and at the next `second`.
#[inline(always)]
fn words_of<W: Words>(first: &[f32], second: &[f32], to: &mut [f32]) {
    for ((to, first), second) in to.iter_mut().zip(first).zip(second) {
        *to = W::word(*first, *second);
    }
}

/// Rows and depths (first and how many) of A, in panels of as many rows as a tile has.
///
/// # Safety
/// The matrix holds them, and `to` the rows rounded up to whole panels, times the depth in words.
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
    unsafe { kernel.left(source, kernel.rows * kernel.words(depth), to) }
}

/// Columns and depths (first and how many) of B, in panels of as many columns as a tile has, `size`
/// words apart.
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
    unsafe { kernel.right(source, size, to) }
}

/// Where the first cache line of a buffer starts that has `LINE` elements more than it needs.
pub(super) fn first_line(space: &[f32]) -> usize {
    space.as_ptr().align_offset(4 * LINE).min(LINE)
}

#[cfg(test)]
mod tests {
    use super::super::{
        micro_kernel::Form,
        words::{Pairs, Rounded},
    };
    use super::*;
    use crate::Precision;
    use crate::testing::numbers;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn panels_hold_the_words_of_their_lines_and_zeros_beside_them(
            lines in 1usize..150, depth in 1usize..50, gap in 0usize..3, along in any::<bool>(), seed: u64,
        ) {
            // Lines that are neighbours, or each on its own along k.
            let (line, step) = if along { (1, lines + gap) } else { (depth + gap, 1) };
            let data = numbers((lines + gap) * (depth + gap), seed, 1.0);
            let at = |l: usize, k: usize| if l < lines && k < depth { data[l * line + k * step] } else { 0.0 };
            for kernel in [Precision::F32, Precision::Bf16].into_iter().flat_map(MicroKernel::all) {
                let matrix = Matrix { data: &data, row_stride: line, column_stride: step };
                for (wide, is_left) in [(kernel.rows, true), (kernel.columns, false)] {
                    let size = wide * kernel.words(depth);
                    let mut panels = vec![f32::NAN; lines.div_ceil(wide) * size];
                    // SAFETY: the matrix holds lines x depth elements, and the panels have room for them.
                    unsafe {
                        match is_left {
                            true => left(kernel, matrix, (0, lines), (0, depth), &mut panels),
                            false => right(kernel, matrix.t(), (0, lines), (0, depth), size, &mut panels),
                        }
                    }
                    for (i, word) in panels.iter().enumerate() {
                        let (l, w) = (i / size * wide + i % wide, i % size / wide);
                        let expected = match kernel.form {
                            Form::Floats => at(l, w),
                            Form::Rounded => Rounded::word(at(l, w), 0.0),
                            Form::Pairs => Pairs::word(at(l, 2 * w), at(l, 2 * w + 1)),
                        };
                        prop_assert_eq!(word.to_bits(), expected.to_bits(), "{}: line {}, word {}", kernel.name, l, w);
                    }
                }
            }
        }
    }
}
