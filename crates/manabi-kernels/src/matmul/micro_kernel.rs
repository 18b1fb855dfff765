//! The micro-kernel: a tile of C that fits the vector registers.
//!
//! A tile of `rows` x `columns` stays in registers while k runs: each step loads one row of B and spreads one word of A
//! over each register row. The sizes follow from the register file: 6 x 16 with the 16 registers of AVX2, 12 x 32 with
//! the 32 of AVX-512, 4 x 16 for whatever the compiler makes of plain Rust elsewhere (NEON included). Each element adds
//! its products in the order of k, whatever the tile, so that no result depends on how a product is cut.
//!
//! Factors in bf16: AVX512-BF16 multiplies two neighbours along k in one instruction, and takes numbers below 2⁻¹²⁶ for
//! zero; elsewhere the tiles of `f32` run on rounded numbers.

mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

use super::pack::Source;
use crate::Precision;

/// Where an operand's next elements are.
#[derive(Clone, Copy)]
pub(super) struct Operand {
    /// The first word.
    pub(super) data: *const f32,
    /// A: the step from row to row. B: not used, its columns are neighbours.
    pub(super) line: usize,
    /// The step from a word to the next along k.
    pub(super) depth: usize,
}

/// One tile's work: C = start + A B.
#[derive(Clone, Copy)]
pub(super) struct Tile {
    /// Words along k.
    pub(super) depth: usize,
    pub(super) a: Operand,
    pub(super) b: Operand,
    pub(super) c: *mut f32,
    /// The step from a row of C to the next.
    pub(super) row: usize,
    /// What C starts from and the step between its rows, 0 to take the same row for all; null for zeros.
    pub(super) start: *const f32,
    pub(super) start_row: usize,
}

/// The [`Words`](super::words::Words) of a kernel's panels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Numbers as they are.
    Floats,
    /// Numbers rounded to bf16.
    Rounded,
    /// Two bf16.
    Pairs,
}

/// How tiles are computed on one kind of processor.
#[derive(Clone, Copy)]
pub(super) struct MicroKernel {
    /// What it needs of the processor.
    #[cfg_attr(not(test), allow(dead_code))]
    pub(super) name: &'static str,
    /// The most rows of a tile.
    pub(super) rows: usize,
    /// The columns of a tile, no more and no fewer.
    pub(super) columns: usize,
    /// What the panels hold.
    pub(super) form: Form,
    /// The function for 1, 2, … `rows` rows, which needs what `name` says.
    run: &'static [unsafe fn(Tile)],
    /// Copies a source to panels of `rows` lines, and to panels of `columns` lines.
    panels: [Panels; 2],
}

/// [`Source::panels`] for one number of lines and one form.
type Panels = unsafe fn(Source, usize, &mut [f32]);

/// The largest tile, for buffers on the stack.
pub(super) const MOST: usize = 12 * 32;

impl MicroKernel {
    /// The best for this processor.
    pub(super) fn best(precision: Precision) -> Self {
        Self::found(precision).into_iter().flatten().next().unwrap_or(portable::kernel(precision))
    }

    /// Those that are made for this processor, the best first.
    fn found(precision: Precision) -> [Option<Self>; 3] {
        #[cfg(target_arch = "x86_64")]
        {
            x86::found(precision)
        }
        #[cfg(not(target_arch = "x86_64"))]
        {
            let _ = precision;
            [None; 3]
        }
    }

    /// All that this processor can run.
    #[cfg(test)]
    pub(super) fn all(precision: Precision) -> Vec<Self> {
        let portable = [Some(portable::kernel(precision)), (precision == Precision::Bf16).then_some(portable::PAIRS)];
        Self::found(precision).into_iter().chain(portable).flatten().collect()
    }

    /// Steps of k in a word.
    #[inline(always)]
    pub(super) fn steps(&self) -> usize {
        if self.form == Form::Pairs { 2 } else { 1 }
    }

    /// Words that hold `depth` steps of k.
    #[inline(always)]
    pub(super) fn words(&self, depth: usize) -> usize {
        depth.div_ceil(self.steps())
    }

    /// True where tiles may read a matrix that has not been copied.
    pub(super) fn reads_in_place(&self) -> bool {
        self.form == Form::Floats
    }

    /// Computes a tile of `rows` rows.
    ///
    /// # Safety
    /// `rows` is between 1 and `self.rows`, the operands hold `rows` x `depth` and `depth` x `self.columns` words of
    /// the kernel's form, `c` and a `start` that is not null as many elements, and nothing else uses the tile of C
    /// meanwhile.
    #[inline(always)]
    pub(super) unsafe fn run(&self, rows: usize, tile: Tile) {
        debug_assert!((1..=self.rows).contains(&rows));
        // SAFETY: `best` and `all` offer only what the processor has; the rest is what this function asks for.
        unsafe { self.run[rows - 1](tile) }
    }

    /// Copies lines of A to panels of `self.rows` lines, `size` words apart.
    ///
    /// # Safety
    /// As for [`Source::panels`].
    pub(super) unsafe fn left(&self, source: Source, size: usize, to: &mut [f32]) {
        // SAFETY: as for `run`.
        unsafe { self.panels[0](source, size, to) }
    }

    /// Copies lines of B to panels of `self.columns` lines, `size` words apart.
    ///
    /// # Safety
    /// As for [`Source::panels`].
    pub(super) unsafe fn right(&self, source: Source, size: usize, to: &mut [f32]) {
        // SAFETY: as for `run`.
        unsafe { self.panels[1](source, size, to) }
    }
}
