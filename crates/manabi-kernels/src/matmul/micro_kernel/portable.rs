//! Tiles in plain Rust, for processors without a tile of their own.

use super::{super::pack::TURN, MicroKernel, Tile};

/// 4 x 16.
pub(in crate::matmul) const PORTABLE: MicroKernel = MicroKernel {
    name: "nothing",
    rows: 4,
    columns: COLUMNS,
    run: &[tile::<1>, tile::<2>, tile::<3>, tile::<4>],
    turn,
};

const COLUMNS: usize = 16;

/// # Safety
/// As for [`MicroKernel::run`].
unsafe fn tile<const M: usize>(t: Tile) {
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
                let a = *t.a.data.add(i * t.a.line + k * t.a.depth);
                for (sum, b) in sums.iter_mut().zip(&b) {
                    *sum += a * b;
                }
            }
        }
        for (i, sums) in sums.iter().enumerate() {
            t.c.add(i * t.row).cast::<[f32; COLUMNS]>().write_unaligned(*sums);
        }
    }
}

/// # Safety
/// As for [`MicroKernel::turn`].
unsafe fn turn(from: *const f32, line: usize, count: usize, to: *mut f32, row: usize) {
    for i in 0..count {
        for j in 0..TURN {
            // SAFETY: the caller vouches for `count` lines of `TURN` elements on both sides.
            unsafe { *to.add(j * row + i) = *from.add(i * line + j) };
        }
    }
}
