//! Output channels one block after the other: for few tiles and many channels.
//!
//! The patches of all images are transformed once, [A²][channels][tiles]. A task then takes a block of output channels:
//! it transforms their kernels, multiplies and transforms back; for the weights' gradient it transforms the gradients
//! of its channels and multiplies the patches with them. No sum depends on the number of threads.

use candle_core::Result;
use rayon::prelude::*;

use super::super::geometry::Geometry;
use super::tile::Tile;
use super::transforms::{Channels, Planes, Tiles, gradients, outputs, patches};
use super::weights::{Kernels, back, transform};
use crate::matmul::{Matrix, sgemm};
use crate::memory::{Scratch, build};
use crate::storage::Shared;

/// Output channels of a task: so few that the product reads the patches where they are.
const BLOCK: usize = 48;

/// Channels whose patches a task transforms.
const PATCHES: usize = 16;

fn blocks(channels: usize) -> impl IndexedParallelIterator<Item = Channels> {
    let each = channels.div_ceil(channels.div_ceil(BLOCK));
    let block = move |i: usize| Channels { range: i * each..((i + 1) * each).min(channels), of: channels };
    (0..channels.div_ceil(each)).into_par_iter().map(block)
}

/// Bᵀ d B of all images, [A²][channels][tiles].
fn all_patches<T: Tile<M, A>, const M: usize, const A: usize>(x: &[f32], channels: usize, tiles: Tiles) -> Scratch {
    let mut v = Scratch::new(A * A * channels * tiles.count());
    let data = Shared::new(&mut v);
    (0..channels.div_ceil(PATCHES)).into_par_iter().for_each(|i| {
        let part = Channels { range: i * PATCHES..((i + 1) * PATCHES).min(channels), of: channels };
        let planes = Planes { data, rows: channels, first: part.range.start };
        // SAFETY: each task writes the rows of its own channels.
        unsafe { patches::<T, M, A>(x, &part, tiles, planes) };
    });
    v
}

/// See [`super::convolve`].
pub(super) fn convolve<T: Tile<M, A>, const M: usize, const A: usize>(
    g: &Geometry,
    x: &[f32],
    w: &[f32],
    bias: Option<&[f32]>,
    turned: bool,
) -> Result<Vec<f32>> {
    let (from, to) = if turned { (g.co, g.ci) } else { (g.ci, g.co) };
    let kernels = Kernels::new(w, (g.co, g.ci), turned);
    let tiles = Tiles::new::<M>(g, g.n);
    let count = tiles.count();
    let v = all_patches::<T, M, A>(x, from, tiles);
    let fill = |y: &mut [f32]| {
        let y = Shared::new(y);
        blocks(to).try_for_each(|block| {
            let rows = block.range.len();
            let mut u = Scratch::new(A * A * rows * from);
            let mut m = Scratch::new(A * A * rows * count);
            for (i, c) in block.range.clone().enumerate() {
                transform::<T, M, A>(kernels, c, rows * from, &mut u[i * from..]);
            }
            for k in 0..A * A {
                let u = Matrix::rows(&u[k * rows * from..], from);
                let v = Matrix::rows(&v[k * from * count..], count);
                sgemm((rows, count, from), u, v, &mut m[k * rows * count..], count, false)?;
            }
            // SAFETY: each task writes its own channels.
            unsafe { outputs::<T, M, A>(&m, &block, tiles, bias, y) };
            Ok(())
        })
    };
    // SAFETY: the blocks cover all channels, and the tiles all elements of a map.
    unsafe { build(g.n * to * g.area(), fill) }
}

/// The gradient of the weights (Co, Ci, 3, 3).
pub(super) fn weight_gradient<T: Tile<M, A>, const M: usize, const A: usize>(
    g: &Geometry,
    x: &[f32],
    grad: &[f32],
) -> Result<Vec<f32>> {
    let tiles = Tiles::new::<M>(g, g.n);
    let count = tiles.count();
    let v = all_patches::<T, M, A>(x, g.ci, tiles);
    let fill = |gw: &mut [f32]| {
        let gw = Shared::new(gw);
        blocks(g.co).try_for_each(|block| {
            let rows = block.range.len();
            let mut m = Scratch::new(A * A * rows * count);
            // dU, turned: [A²][Ci][rows], so that neither factor has to be copied whole.
            let mut du = Scratch::new(A * A * g.ci * rows);
            let planes = Planes { data: Shared::new(&mut m), rows, first: 0 };
            // SAFETY: `m` is this task's.
            unsafe { gradients::<T, M, A>(grad, &block, tiles, planes) };
            for k in 0..A * A {
                let v = Matrix::rows(&v[k * g.ci * count..], count);
                let m = Matrix::rows(&m[k * rows * count..], count).t();
                sgemm((g.ci, rows, count), v, m, &mut du[k * g.ci * rows..], rows, false)?;
            }
            // SAFETY: the taps of this task's channels.
            let gw = unsafe { gw.at(block.range.start * 9 * g.ci, rows * 9 * g.ci) };
            for i in 0..g.ci {
                back::<T, M, A>(&du, (g.ci * rows, i * rows, rows), 9 * g.ci, &mut gw[9 * i..]);
            }
            Ok(())
        })
    };
    // SAFETY: the blocks cover all output channels, each with all its taps.
    unsafe { build(9 * g.co * g.ci, fill) }
}
