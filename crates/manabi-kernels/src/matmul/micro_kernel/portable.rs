//! Tiles in plain Rust, for processors without a tile of their own.

use super::{
    super::{
        pack::{Source, TURN},
        words::{Floats, Rounded, Words},
    },
    Form, MicroKernel, Tile,
};
use crate::Precision;

/// 4 x 16.
pub(super) const fn kernel(precision: Precision) -> MicroKernel {
    let run: &[unsafe fn(Tile)] = &[tile::<1>, tile::<2>, tile::<3>, tile::<4>];
    let (name, form, panels): (_, _, [super::Panels; 2]) = match precision {
        Precision::F32 => ("nothing", Form::Floats, [panels::<4, Floats>, panels::<COLUMNS, Floats>]),
        Precision::Bf16 => ("nothing, rounded", Form::Rounded, [panels::<4, Rounded>, panels::<COLUMNS, Rounded>]),
    };
    MicroKernel { name, rows: 4, columns: COLUMNS, form, run, panels }
}

const COLUMNS: usize = 16;

/// # Safety
/// As for [`MicroKernel::run`].
unsafe fn tile<const M: usize>(t: Tile) {
    // SAFETY: what this function asks of its caller.
    unsafe {
        words::<M>(t, |sum, a, b| {
            for (sum, b) in sum.iter_mut().zip(b) {
                *sum += a * b;
            }
        });
    }
}

/// The tile, where `add` adds the products of a word of A with a row of B.
///
/// # Safety
/// As for [`MicroKernel::run`].
#[inline(always)]
unsafe fn words<const M: usize>(t: Tile, add: impl Fn(&mut [f32; COLUMNS], f32, &[f32; COLUMNS])) {
    let mut sums = [[0f32; COLUMNS]; M];
    // SAFETY: the caller vouches for `M` rows and `depth` columns of A, `depth` rows of `COLUMNS` elements of B, and
    // tiles of M x COLUMNS behind `start` and `c`; the addresses below stay inside them.
    unsafe {
        if !t.start.is_null() {
            for (i, sums) in sums.iter_mut().enumerate() {
                *sums = t.start.add(i * t.start_row).cast::<[f32; COLUMNS]>().read_unaligned();
            }
        }
        for k in 0..t.depth {
            let b = t.b.data.add(k * t.b.depth).cast::<[f32; COLUMNS]>().read_unaligned();
            for (i, sums) in sums.iter_mut().enumerate() {
                add(sums, *t.a.data.add(i * t.a.line + k * t.a.depth), &b);
            }
        }
        for (i, sums) in sums.iter().enumerate() {
            t.c.add(i * t.row).cast::<[f32; COLUMNS]>().write_unaligned(*sums);
        }
    }
}

/// # Safety
/// As for [`Source::panels`].
unsafe fn panels<const LINES: usize, W: Words>(source: Source, size: usize, to: &mut [f32]) {
    // SAFETY: what this function asks of its caller.
    unsafe { source.panels::<LINES, W>(turn, size, to) }
}

/// # Safety
/// As for [`super::super::pack::Turn`].
unsafe fn turn(from: *const f32, line: usize, count: usize, to: *mut f32, row: usize) {
    for i in 0..count {
        for j in 0..TURN {
            // SAFETY: the caller vouches for `count` lines of `TURN` elements on both sides.
            unsafe { *to.add(j * row + i) = *from.add(i * line + j) };
        }
    }
}

/// What the tile of AVX512-BF16 does, so that its panels and blocks are tested on every processor.
#[cfg(test)]
pub(super) const PAIRS: MicroKernel = MicroKernel {
    name: "nothing, pairs",
    form: Form::Pairs,
    run: &[pairs::<1>, pairs::<2>, pairs::<3>, pairs::<4>],
    panels: [panels::<4, super::super::words::Pairs>, panels::<COLUMNS, super::super::words::Pairs>],
    ..kernel(Precision::Bf16)
};

/// # Safety
/// As for [`MicroKernel::run`].
#[cfg(test)]
unsafe fn pairs<const M: usize>(t: Tile) {
    let halves = |word: f32| [word.to_bits() << 16, word.to_bits() & 0xffff_0000].map(f32::from_bits);
    // SAFETY: what this function asks of its caller.
    unsafe {
        words::<M>(t, |sum, a, b| {
            let [first, second] = halves(a);
            for (sum, b) in sum.iter_mut().zip(b.map(halves)) {
                *sum += first * b[0];
                *sum += second * b[1];
            }
        });
    }
}
