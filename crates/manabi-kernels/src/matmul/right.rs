//! The block of B that all threads read: panels where they are, then copied ones.

use rayon::prelude::*;

use super::{
    blocked::{Block, Product},
    matrix::Matrix,
    micro_kernel::Operand,
    pack::{self, LINE, first_line},
};
use crate::memory::Scratch;

/// Elements of B that tiles read in strides faster than they are copied.
const SMALL: usize = 1 << 14;

/// Panels of as many columns as a tile has.
pub(super) struct Right<'a> {
    b: Matrix<'a>,
    /// Panels that are read where they are, before those that are copied.
    direct: usize,
    space: Scratch,
    /// Where the copied panels start in `space`.
    first: usize,
    /// The step from one to the next.
    size: usize,
    columns: usize,
    steps: usize,
}

impl<'a> Right<'a> {
    /// Copies what is to be copied, on as many threads.
    ///
    /// # Safety
    /// The block lies inside the product, whose B holds its elements.
    pub(super) unsafe fn new(block: &Block<'_>, p: &Product<'a>, threads: usize) -> Self {
        let ((column, columns), (_, reach), wide) = (block.columns, block.reach, block.kernel.columns);
        // Read where it is: all panels but a last one that is not whole.
        let direct = if Self::in_place(block, p) { columns / wide } else { 0 };
        let copied = columns.div_ceil(wide) - direct;
        // A line between panels: at distances of a power of two they would push each other out of the caches.
        let size = wide * block.kernel.words(reach) + LINE;
        let mut space = Scratch::new(copied * size + LINE);
        let first = first_line(&space);
        let panels = &mut space[first..first + copied * size];
        if copied * reach > 0 {
            let each = if threads == 1 { copied } else { copied.div_ceil(4 * threads) };
            let pack = |(i, to): (usize, &mut [f32])| {
                let first = (direct + i * each) * wide;
                let part = (column + first, (each * wide).min(columns - first));
                // SAFETY: the part lies inside the block, and `to` has whole panels for it.
                unsafe { pack::right(block.kernel, p.b, part, block.reach, size, to) };
            };
            match threads {
                1 => panels.chunks_mut(each * size).enumerate().for_each(pack),
                _ => panels.par_chunks_mut(each * size).enumerate().for_each(pack),
            }
        }
        Self { b: p.b, direct, space, first, size, columns: wide, steps: block.kernel.steps() }
    }

    /// True where copying B costs more than reading it in strides.
    fn in_place(block: &Block<'_>, p: &Product<'_>) -> bool {
        let (m, _, _) = p.size;
        let small = m <= 4 * block.kernel.rows || block.columns.1 * block.reach.1 <= SMALL;
        block.kernel.reads_in_place() && p.b.column_stride == 1 && small
    }

    /// A panel, whose first column is `column`, from the k-th row of B on, which is the `step`-th of the block.
    #[inline(always)]
    pub(super) fn panel(&self, (column, panel): (usize, usize), (k, step): (usize, usize)) -> Operand {
        match panel.checked_sub(self.direct) {
            None => Operand { data: self.b.at(k, column), line: 0, depth: self.b.row_stride },
            Some(i) => {
                let at = self.first + i * self.size + step / self.steps * self.columns;
                Operand { data: self.space[at..].as_ptr(), line: 0, depth: self.columns }
            }
        }
    }
}
