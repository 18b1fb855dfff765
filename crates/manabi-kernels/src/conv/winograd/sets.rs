//! Sets of images one after the other, each transformed, multiplied and transformed back by one thread.

use candle_core::Result;
use rayon::prelude::*;

use super::super::{geometry::Geometry, im2col};
use super::tile::Tile;
use super::transforms::{Channels, L, Planes, Tiles, gradients, outputs, patches};
use super::weights::{Kernels, back, transform};
use crate::matmul::{Matrix, sgemm};
use crate::memory::{Scratch, build, built};
use crate::storage::Shared;

/// Tiles of a set of images, about: enough for a wide product, few enough for the cache.
const TILES: usize = 128;

/// Images in a set: about `TILES` tiles, full lanes where that is possible, and a set for each thread.
fn set<const M: usize>(g: &Geometry) -> usize {
    let (down, across) = (g.down.size.div_ceil(M), g.across.size.div_ceil(M));
    let whole = (1..=L).find(|images| images * across % L == 0).unwrap_or(1);
    let share = g.n.div_ceil(rayon::current_num_threads());
    (TILES / (down * across)).max(1).next_multiple_of(whole).min(share).max(1)
}

/// All transformed kernels, [A²][rows][columns].
fn kernels<T: Tile<M, A>, const M: usize, const A: usize>(w: Kernels<'_>, rows: usize) -> Vec<f32> {
    let columns = w.columns;
    let fill = |u: &mut [f32]| {
        let all = Shared::new(u);
        (0..rows).into_par_iter().for_each(|r| {
            let mut row = Scratch::new(A * A * columns);
            transform::<T, M, A>(w, r, columns, &mut row);
            for (k, row) in row.chunks_exact(columns).enumerate() {
                // SAFETY: each task writes its own row of each of the matrices.
                unsafe { all.at((k * rows + r) * columns, columns) }.copy_from_slice(row);
            }
        });
    };
    // SAFETY: the tasks cover all rows.
    unsafe { built(A * A * rows * columns, fill) }
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
    let u = kernels::<T, M, A>(Kernels::new(w, (g.co, g.ci), turned), to);
    let (set, area) = (set::<M>(g), g.area());
    let fill = |y: &mut [f32]| {
        y.par_chunks_mut(set * to * area).zip(x.par_chunks(set * from * area)).try_for_each(|(y, x)| {
            let tiles = Tiles::new::<M>(g, y.len() / (to * area));
            let count = tiles.count();
            let mut v = Scratch::new(A * A * from * count);
            let mut m = Scratch::new(A * A * to * count);
            let planes = Planes { data: Shared::new(&mut v), rows: from, first: 0 };
            // SAFETY: `v` is this task's.
            unsafe { patches::<T, M, A>(x, &Channels::all(from), tiles, planes) };
            for k in 0..A * A {
                let u = Matrix::rows(&u[k * to * from..], from);
                let v = Matrix::rows(&v[k * from * count..], count);
                sgemm((to, count, from), u, v, &mut m[k * to * count..], count, false)?;
            }
            // SAFETY: and so are these images.
            unsafe { outputs::<T, M, A>(&m, &Channels::all(to), tiles, bias, Shared::new(y)) };
            Ok(())
        })
    };
    // SAFETY: the sets cover all images, and the tiles of an image all its elements.
    unsafe { build(g.n * to * area, fill) }
}

/// The gradient of the weights (Co, Ci, 3, 3).
pub(super) fn weight_gradient<T: Tile<M, A>, const M: usize, const A: usize>(
    g: &Geometry,
    x: &[f32],
    grad: &[f32],
) -> Result<Vec<f32>> {
    let (set, area, pairs) = (set::<M>(g), g.area(), g.co * g.ci);
    let sets = g.n.div_ceil(set);
    let workers = rayon::current_num_threads().min(sets);
    let mut partial = vec![0f32; workers * A * A * pairs];
    partial.par_chunks_mut(A * A * pairs).enumerate().try_for_each(|(worker, du)| {
        for part in worker * sets / workers..(worker + 1) * sets / workers {
            let images = part * set..((part + 1) * set).min(g.n);
            let tiles = Tiles::new::<M>(g, images.len());
            let count = tiles.count();
            let mut v = Scratch::new(A * A * g.ci * count);
            let mut m = Scratch::new(A * A * g.co * count);
            let x = &x[images.start * g.ci * area..images.end * g.ci * area];
            let grad = &grad[images.start * g.co * area..images.end * g.co * area];
            let planes = |data: &mut [f32], rows| Planes { data: Shared::new(data), rows, first: 0 };
            // SAFETY: `v` and `m` are this task's.
            unsafe {
                patches::<T, M, A>(x, &Channels::all(g.ci), tiles, planes(&mut v, g.ci));
                gradients::<T, M, A>(grad, &Channels::all(g.co), tiles, planes(&mut m, g.co));
            }
            for k in 0..A * A {
                let m = Matrix::rows(&m[k * g.co * count..], count);
                let v = Matrix::rows(&v[k * g.ci * count..], count).t();
                sgemm((g.co, g.ci, count), m, v, &mut du[k * pairs..(k + 1) * pairs], g.ci, true)?;
            }
        }
        Ok::<(), candle_core::Error>(())
    })?;
    let du = im2col::total(partial, A * A * pairs);
    let fill = |gw: &mut [f32]| {
        let row = |(o, gw): (usize, &mut [f32])| back::<T, M, A>(&du, (pairs, o * g.ci, g.ci), 9, gw);
        gw.par_chunks_mut(9 * g.ci).enumerate().for_each(row);
    };
    // SAFETY: each output channel's nine taps are written for every input channel.
    Ok(unsafe { built(9 * pairs, fill) })
}
