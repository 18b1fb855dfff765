//! The micro-kernel: a tile of C that fits the vector registers.
//!
//! A tile of `rows` x `columns` stays in registers while k runs: each step loads one row of B and spreads one element of
//! A over each register row. The sizes follow from the register file: 6 x 16 with the 16 registers of AVX2, 12 x 32 with
//! the 32 of AVX-512, 4 x 16 for whatever the compiler makes of plain Rust elsewhere (NEON included). Each element adds
//! its products in the order of k, whatever the tile, so that no result depends on how a product is cut.

mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

/// Where an operand's next elements are.
#[derive(Clone, Copy)]
pub(super) struct Operand {
    /// The first element.
    pub(super) data: *const f32,
    /// A: the step from row to row. B: not used, its columns are neighbours.
    pub(super) line: usize,
    /// The step from k to k + 1.
    pub(super) depth: usize,
}

/// One tile's work: C = start + A B.
#[derive(Clone, Copy)]
pub(super) struct Tile {
    /// Products that each element adds up.
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
    /// The function for 1, 2, … `rows` rows, which needs what `name` says.
    run: &'static [unsafe fn(Tile)],
    /// Turns a block, see [`MicroKernel::turn`].
    turn: unsafe fn(*const f32, usize, usize, *mut f32, usize),
}

/// The largest tile, for buffers on the stack.
pub(super) const MOST: usize = 12 * 32;

impl MicroKernel {
    /// The best for this processor.
    pub(super) fn best() -> Self {
        let [avx512, avx2] = Self::found();
        avx512.or(avx2).unwrap_or(portable::PORTABLE)
    }

    /// Those with 512-bit and with 256-bit registers, where the processor has all that they use.
    fn found() -> [Option<Self>; 2] {
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma");
            let avx512 = avx2 && std::is_x86_feature_detected!("avx512f");
            [avx512.then_some(x86::AVX512), avx2.then_some(x86::AVX2)]
        }
        #[cfg(not(target_arch = "x86_64"))]
        [None, None]
    }

    /// All that this processor can run.
    #[cfg(test)]
    pub(super) fn all() -> Vec<Self> {
        Self::found().into_iter().flatten().chain([portable::PORTABLE]).collect()
    }

    /// Computes a tile of `rows` rows.
    ///
    /// # Safety
    /// `rows` is between 1 and `self.rows`, the operands hold `rows` x `depth` and `depth` x `self.columns` elements,
    /// `c` and a `start` that is not null that many, and nothing else uses the tile of C meanwhile.
    #[inline(always)]
    pub(super) unsafe fn run(&self, rows: usize, tile: Tile) {
        debug_assert!((1..=self.rows).contains(&rows));
        // SAFETY: `best` and `all` offer only what the processor has; the rest is what this function asks for.
        unsafe { self.run[rows - 1](tile) }
    }

    /// Copies element `j` of line `i` to `to + j * row + i`, for `count` lines of `TURN` elements, `line` apart.
    ///
    /// # Safety
    /// `count` is at most `TURN`, the source holds the lines, and `to` all that is written.
    #[inline(always)]
    pub(super) unsafe fn turn(&self, from: *const f32, line: usize, count: usize, to: *mut f32, row: usize) {
        // SAFETY: as for `run`.
        unsafe { (self.turn)(from, line, count, to, row) }
    }
}
