//! The loops around the tiles: blocks of B for the shared cache, blocks of A for each core's own (Goto & van de Geijn,
//! 2008).
//!
//! All threads together copy a block of B into panels; then each takes some rows of A after the other, goes through k
//! in steps that fit its caches, copies A's part of a step, and runs the tiles, so that its part of C stays near until it is
//! done. Blocks of rows are many: a thread that is held up leaves its share to the others. Operands that are small, or
//! that already lie as the tiles want them, are read where they are, unless they are still to be rounded.

use rayon::prelude::*;

use super::{
    matrix::Matrix,
    micro_kernel::{MOST, MicroKernel, Operand, Tile},
    pack::{self, LINE, first_line},
    right::Right,
};
use crate::memory::Scratch;
use crate::storage::Shared;

/// The most words along k at once: a panel of B of this depth takes half of a first-level cache.
const DEPTH: usize = 320;

/// The most columns of B at once.
const COLUMNS: usize = 1024;

/// The most words of B at once: 2 MiB of the shared cache.
const SHARE: usize = 1 << 19;

/// The most rows of A at once: with `DEPTH` about half of a second-level cache.
const ROWS: usize = 144;

/// The fewest rows of A for which the panels of B are fetched gladly.
const FEW: usize = 64;

/// Multiplications below which threads cost more than they save.
const ALONE: usize = 1 << 18;

/// What the elements of the product start from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Start<'a> {
    /// Zero: C is overwritten.
    Zero,
    /// What C holds.
    Add,
    /// One value a column.
    Columns(&'a [f32]),
}

/// A product and where it goes.
#[derive(Clone, Copy)]
pub(super) struct Product<'a> {
    /// (M, N, K).
    pub(super) size: (usize, usize, usize),
    pub(super) a: Matrix<'a>,
    pub(super) b: Matrix<'a>,
    pub(super) c: Shared,
    /// The step from a row of C to the next.
    pub(super) row: usize,
    pub(super) start: Start<'a>,
    pub(super) after: Option<After<'a>>,
}

/// What happens to finished elements while they are in the cache: row, first column, and the neighbours in that row.
pub(crate) type After<'a> = &'a (dyn Fn(usize, usize, &mut [f32]) + Sync);

/// `total` in equal parts of at most `most`, rounded up to `unit`.
fn even(total: usize, most: usize, unit: usize) -> usize {
    total.div_ceil(total.div_ceil(most).max(1)).next_multiple_of(unit)
}

/// Computes the product, on all of rayon's threads with `parallel`.
///
/// # Safety
/// The matrices hold M x K and K x N elements, a start by columns N, C M rows of N elements `row` apart, initialised
/// where the product starts from them, and nothing else reads or writes C meanwhile.
pub(super) unsafe fn multiply(kernel: MicroKernel, p: &Product<'_>, parallel: bool) {
    let (m, n, k) = p.size;
    if m == 0 || n == 0 {
        return;
    }
    let threads = if parallel && m * n * k >= ALONE { rayon::current_num_threads() } else { 1 };
    let columns = even(n, COLUMNS, kernel.columns);
    // Cut between words.
    let steps = kernel.steps();
    let reach = even(k, SHARE / columns * steps, steps).max(steps);
    for column in (0..n).step_by(columns) {
        // A product over nothing is its start: one round without depth.
        for first in (0..k.max(1)).step_by(reach) {
            let block = Block {
                kernel,
                columns: (column, columns.min(n - column)),
                reach: (first, reach.min(k - first)),
                start: if first == 0 { p.start } else { Start::Add },
                after: if first + reach >= k { p.after } else { None },
            };
            // SAFETY: the blocks lie inside the product.
            unsafe { block.run(p, threads) };
        }
    }
}

/// Some columns and some steps of k of a product.
pub(super) struct Block<'a> {
    pub(super) kernel: MicroKernel,
    /// First, and how many.
    pub(super) columns: (usize, usize),
    /// First, and how many.
    pub(super) reach: (usize, usize),
    start: Start<'a>,
    after: Option<After<'a>>,
}

impl Block<'_> {
    /// # Safety
    /// As for [`multiply`].
    unsafe fn run(&self, p: &Product<'_>, threads: usize) {
        let (m, _, _) = p.size;
        // SAFETY: what this function asks of its caller.
        let right = unsafe { Right::new(self, p, threads) };
        // As many for each thread, and as even as whole tiles allow: all meet at the end of a block.
        let (tall, high) = (self.kernel.rows, m.div_ceil(self.kernel.rows));
        let parts = threads * m.div_ceil(threads * ROWS).max((m / threads / FEW).min(4));
        let edge = |i: usize| (i * high / parts * tall).min(m);
        // SAFETY: the blocks of rows are disjoint, and lie inside the product.
        let run = |i: usize| unsafe { self.rows(p, (edge(i), edge(i + 1) - edge(i)), &right) };
        match threads {
            1 => (0..parts).for_each(run),
            _ => (0..parts).into_par_iter().with_max_len(1).for_each(run),
        }
    }

    /// Rows `row..row + rows` of the block, step by step of k.
    ///
    /// # Safety
    /// As for [`multiply`]; no other task has these rows.
    unsafe fn rows(&self, p: &Product<'_>, (row, rows): (usize, usize), right: &Right<'_>) {
        let (first, reach) = self.reach;
        let steps = self.kernel.steps();
        let most = even(reach, DEPTH * steps, steps).max(steps);
        // Without depth nothing is read.
        let direct = reach == 0 || self.left_in_place(p);
        let size = rows.next_multiple_of(self.kernel.rows) * self.kernel.words(most);
        let mut space = Scratch::new(if direct { 0 } else { size + LINE });
        let aligned = first_line(&space);
        let left = if direct { &mut [][..] } else { &mut space[aligned..aligned + size] };
        for step in (0..reach.max(1)).step_by(most) {
            let depth = (first + step, most.min(reach - step));
            if !direct {
                // SAFETY: the rows lie inside the product, and `left` has whole panels for them.
                unsafe { pack::left(self.kernel, p.a, (row, rows), depth, left) };
            }
            let left = if direct { None } else { Some(&*left) };
            let start = if step == 0 { self.start } else { Start::Add };
            // SAFETY: what this function asks of its caller.
            unsafe { self.tiles(p, (row, rows), depth, start, left, right) };
        }
        if let Some(after) = self.after {
            let (column, columns) = self.columns;
            for row in row..row + rows {
                // SAFETY: the tiles have written all columns of the block in these rows, which are this task's.
                after(row, column, unsafe { p.c.at(row * p.row + column, columns) });
            }
        }
    }

    /// The tiles of some rows and one step of k; `left` holds the panels of A, or nothing to read A where it is.
    ///
    /// # Safety
    /// As for [`Self::rows`].
    unsafe fn tiles(
        &self,
        p: &Product<'_>,
        (row, rows): (usize, usize),
        (first, depth): (usize, usize),
        start: Start<'_>,
        left: Option<&[f32]>,
        right: &Right<'_>,
    ) {
        let (column, columns) = self.columns;
        let (tall, wide) = (self.kernel.rows, self.kernel.columns);
        let depth = self.kernel.words(depth);
        let mut edge = [0f32; MOST];
        for j in (0..columns).step_by(wide) {
            let width = wide.min(columns - j);
            let b = right.panel((column + j, j / wide), (first, first - self.reach.0));
            for i in (0..rows).step_by(tall) {
                let a = match left {
                    None => Operand { data: p.a.at(row + i, first), line: p.a.row_stride, depth: p.a.column_stride },
                    Some(left) => Operand { data: left[i * depth..].as_ptr(), line: 1, depth: tall },
                };
                let (height, at) = (tall.min(rows - i), (row + i) * p.row + column + j);
                let c = p.c.pointer(at);
                let (start, start_row) = match start {
                    Start::Zero => (std::ptr::null(), 0),
                    Start::Add => (c.cast_const(), p.row),
                    Start::Columns(values) => (values[column + j..].as_ptr(), 0),
                };
                let tile = Tile { depth, a, b, c, row: p.row, start, start_row };
                // SAFETY: the tile lies inside the product; one that does not is computed beside it, and only the part
                // inside is copied in and out.
                unsafe {
                    if width == wide {
                        self.kernel.run(height, tile);
                        continue;
                    }
                    if !start.is_null() {
                        for r in 0..height {
                            start.add(r * start_row).copy_to_nonoverlapping(edge[r * wide..].as_mut_ptr(), width);
                        }
                    }
                    let start = if start.is_null() { start } else { edge.as_ptr() };
                    let c = edge.as_mut_ptr();
                    self.kernel.run(height, Tile { c, row: wide, start, start_row: wide, ..tile });
                    for r in 0..height {
                        edge[r * wide..].as_ptr().copy_to_nonoverlapping(p.c.pointer(at + r * p.row), width);
                    }
                }
            }
        }
    }

    /// True where copying A costs more than reading it in strides.
    fn left_in_place(&self, p: &Product<'_>) -> bool {
        let narrow = self.columns.1 <= 8 * self.kernel.columns;
        self.kernel.reads_in_place() && narrow && (p.a.column_stride == 1 || p.a.row_stride == 1)
    }
}
