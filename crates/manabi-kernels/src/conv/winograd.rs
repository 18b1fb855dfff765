//! Winograd's F(4x4, 3x3) for 3x3 kernels with stride 1 and padding 1: a quarter of the multiplications.
//!
//! Each 4x4 tile of the output is Aᵀ [(G w Gᵀ) ⊙ (Bᵀ d B)] A, d being the 6x6 patch under it (Lavin & Gray, 2015). Summed
//! over channels, ⊙ becomes 36 matrix products of (Co x Ci) with (Ci x tiles). The input's gradient is the same
//! convolution of gY with the turned kernel; the weight's is Gᵀ [Σ (A gy Aᵀ) ⊙ (Bᵀ d B)] G. Sides that are not a
//! multiple of 4 are padded with zeros to whole tiles. The error is a few times that of the direct sum.
//!
//! Vector lanes are tiles: the k-th pixels of the patches of one row of tiles, over a set of images, lie side by side,
//! so that each step of a transform is one operation on neighbouring elements. V, M: [36][channels][tiles].

// Both indices of a tile are written out, as in the formulas.
#![allow(clippy::needless_range_loop)]

use candle_core::Result;
use rayon::prelude::*;

use super::{Geometry, Gradients, im2col};
use crate::matmul::{Matrix, sgemm};
use crate::memory::{Scratch, build, built};
use crate::storage::Shared;

/// Tiles that a transform takes at once.
const L: usize = 8;

/// Tiles of a set of images, about: enough for a wide product, few enough for the cache.
const TILES: usize = 128;

type Lanes = [f32; L];

/// The tiles of a set of images of one size.
#[derive(Clone, Copy)]
struct Tiles {
    h: usize,
    w: usize,
    /// Tiles down and across one image.
    down: usize,
    across: usize,
    images: usize,
    /// Tiles in a row of tiles of all images, rounded up to whole lanes.
    row: usize,
}

impl Tiles {
    fn new(g: &Geometry, images: usize) -> Self {
        let (down, across) = (g.h.div_ceil(4), g.w.div_ceil(4));
        Self { h: g.h, w: g.w, down, across, images, row: (images * across).next_multiple_of(L) }
    }

    fn count(&self) -> usize {
        self.down * self.row
    }
}

/// Images in a set: about `TILES` tiles, full lanes where that is possible, and a set for each thread.
fn set(g: &Geometry) -> usize {
    let (down, across) = (g.h.div_ceil(4), g.w.div_ceil(4));
    let whole = (1..=L).find(|images| images * across % L == 0).unwrap_or(1);
    let share = g.n.div_ceil(rayon::current_num_threads());
    (TILES / (down * across)).max(1).next_multiple_of(whole).min(share).max(1)
}

/// True if this is faster than the matrix of patches.
pub(super) fn applies(g: &Geometry) -> bool {
    let form = (g.kh, g.kw, g.stride, g.padding, g.dilation, g.groups) == (3, 3, 1, 1, 1, 1);
    form && g.ci >= 16 && g.co >= 16 && g.h.min(g.w) >= 4
}

/// The output, (N, Co, H, W).
pub(super) fn forward(g: &Geometry, x: &[f32], w: &[f32]) -> Result<Vec<f32>> {
    convolve(g, (g.ci, g.co), x, &weights(g, w, false))
}

/// The gradients of input and weights, where wanted.
pub(super) fn backward(g: &Geometry, x: &[f32], w: &[f32], grad: &[f32], wanted: (bool, bool)) -> Gradients {
    let gx = match wanted.0 {
        true => Some(convolve(g, (g.co, g.ci), grad, &weights(g, w, true))?),
        false => None,
    };
    let gw = match wanted.1 {
        true => Some(weight_gradient(g, x, grad)?),
        false => None,
    };
    Ok((gx, gw))
}

const G: [[f32; 3]; 6] = [
    [0.25, 0.0, 0.0],
    [-1.0 / 6.0, -1.0 / 6.0, -1.0 / 6.0],
    [-1.0 / 6.0, 1.0 / 6.0, -1.0 / 6.0],
    [1.0 / 24.0, 1.0 / 12.0, 1.0 / 6.0],
    [1.0 / 24.0, -1.0 / 12.0, 1.0 / 6.0],
    [0.0, 0.0, 1.0],
];

/// G w Gᵀ as [36][Co][Ci], or with `turned` kernels as [36][Ci][Co].
fn weights(g: &Geometry, w: &[f32], turned: bool) -> Vec<f32> {
    let (rows, columns) = if turned { (g.ci, g.co) } else { (g.co, g.ci) };
    let fill = |u: &mut [f32]| {
        let all = Shared::new(u);
        (0..rows).into_par_iter().for_each(|r| {
            let mut row = Scratch::new(36 * columns);
            for c in 0..columns {
                let (o, i) = if turned { (c, r) } else { (r, c) };
                let k = &w[(o * g.ci + i) * 9..][..9];
                let at = |y: usize, x: usize| if turned { k[8 - (y * 3 + x)] } else { k[y * 3 + x] };
                let half: [[f32; 3]; 6] =
                    std::array::from_fn(|a| std::array::from_fn(|x| (0..3).map(|y| G[a][y] * at(y, x)).sum()));
                for a in 0..6 {
                    for b in 0..6 {
                        row[(a * 6 + b) * columns + c] = (0..3).map(|x| half[a][x] * G[b][x]).sum();
                    }
                }
            }
            for (k, row) in row.chunks_exact(columns).enumerate() {
                // SAFETY: each task writes its own row of each of the 36 matrices.
                unsafe { all.at((k * rows + r) * columns, columns) }.copy_from_slice(row);
            }
        });
    };
    // SAFETY: the tasks cover all rows.
    unsafe { built(36 * rows * columns, fill) }
}

/// Convolves x (N, from, H, W) with the transformed kernels `u` [36][to][from].
fn convolve(g: &Geometry, (from, to): (usize, usize), x: &[f32], u: &[f32]) -> Result<Vec<f32>> {
    let (set, area) = (set(g), g.h * g.w);
    let fill = |y: &mut [f32]| {
        y.par_chunks_mut(set * to * area).zip(x.par_chunks(set * from * area)).try_for_each(|(y, x)| {
            let tiles = Tiles::new(g, y.len() / (to * area));
            let count = tiles.count();
            let mut v = Scratch::new(36 * from * count);
            let mut m = Scratch::new(36 * to * count);
            patches(x, from, tiles, &mut v);
            for k in 0..36 {
                let u = Matrix::rows(&u[k * to * from..], from);
                let v = Matrix::rows(&v[k * from * count..], count);
                sgemm((to, count, from), u, v, &mut m[k * to * count..], count, false)?;
            }
            outputs(&m, to, tiles, y);
            Ok(())
        })
    };
    // SAFETY: the sets cover all images, and the tiles of an image all its pixels.
    unsafe { build(g.n * to * area, fill) }
}

fn weight_gradient(g: &Geometry, x: &[f32], grad: &[f32]) -> Result<Vec<f32>> {
    let (set, area, pairs) = (set(g), g.h * g.w, g.co * g.ci);
    let sets = g.n.div_ceil(set);
    let workers = rayon::current_num_threads().min(sets);
    let mut partial = vec![0f32; workers * 36 * pairs];
    partial.par_chunks_mut(36 * pairs).enumerate().try_for_each(|(worker, du)| {
        for part in worker * sets / workers..(worker + 1) * sets / workers {
            let images = part * set..((part + 1) * set).min(g.n);
            let tiles = Tiles::new(g, images.len());
            let count = tiles.count();
            let mut v = Scratch::new(36 * g.ci * count);
            let mut m = Scratch::new(36 * g.co * count);
            patches(&x[images.start * g.ci * area..images.end * g.ci * area], g.ci, tiles, &mut v);
            gradients(&grad[images.start * g.co * area..images.end * g.co * area], g.co, tiles, &mut m);
            for k in 0..36 {
                let m = Matrix::rows(&m[k * g.co * count..], count);
                let v = Matrix::rows(&v[k * g.ci * count..], count).t();
                sgemm((g.co, g.ci, count), m, v, &mut du[k * pairs..(k + 1) * pairs], g.ci, true)?;
            }
        }
        Ok::<(), candle_core::Error>(())
    })?;
    let du = im2col::total(partial, 36 * pairs);
    let fill = |gw: &mut [f32]| {
        gw.par_chunks_mut(9 * g.ci).enumerate().for_each(|(o, gw)| {
            for (i, gw) in gw.chunks_exact_mut(9).enumerate() {
                let du = |a: usize, b: usize| du[(a * 6 + b) * pairs + o * g.ci + i];
                let half: [[f32; 6]; 3] =
                    std::array::from_fn(|y| std::array::from_fn(|b| (0..6).map(|a| G[a][y] * du(a, b)).sum()));
                for (j, gw) in gw.iter_mut().enumerate() {
                    *gw = (0..6).map(|b| half[j / 3][b] * G[b][j % 3]).sum();
                }
            }
        });
    };
    // SAFETY: each output channel's nine taps are written for every input channel.
    Ok(unsafe { built(9 * pairs, fill) })
}

/// Bᵀ d.
#[inline(always)]
fn input_step(d: [f32; 6]) -> [f32; 6] {
    let [d0, d1, d2, d3, d4, d5] = d;
    let (p, q) = (d4 - 4.0 * d2, d3 - 4.0 * d1);
    let (r, t) = (d4 - d2, 2.0 * (d3 - d1));
    [4.0 * d0 - 5.0 * d2 + d4, p + q, p - q, r + t, r - t, 4.0 * d1 - 5.0 * d3 + d5]
}

/// Aᵀ m.
#[inline(always)]
fn output_step(m: [f32; 6]) -> [f32; 4] {
    let [m0, m1, m2, m3, m4, m5] = m;
    let (a, b, c, d) = (m1 + m2, m1 - m2, m3 + m4, m3 - m4);
    [m0 + a + c, b + 2.0 * d, a + 4.0 * c, b + 8.0 * d + m5]
}

/// A y.
#[inline(always)]
fn gradient_step(y: [f32; 4]) -> [f32; 6] {
    let [y0, y1, y2, y3] = y;
    let (even, odd) = (y0 + y2, y1 + y3);
    let (even2, odd2) = (y0 + 4.0 * y2, 2.0 * y1 + 8.0 * y3);
    [y0, even + odd, even - odd, even2 + odd2, even2 - odd2, y3]
}

/// Loads `L` neighbours.
#[inline(always)]
fn load(from: &[f32], start: usize) -> Lanes {
    let mut lanes = [0.0; L];
    lanes.copy_from_slice(&from[start..start + L]);
    lanes
}

/// Applies a step to each lane of one line of a tile.
#[inline(always)]
fn step<const M: usize, const N: usize>(line: [Lanes; M], f: impl Fn([f32; M]) -> [f32; N]) -> [Lanes; N] {
    let mut out = [[0.0; L]; N];
    for l in 0..L {
        let values = f(std::array::from_fn(|i| line[i][l]));
        for n in 0..N {
            out[n][l] = values[n];
        }
    }
    out
}

/// Lays out one channel's maps as [rows][WIDTH][tiles of a row]: pixel `first + 4 tile + j` of each row.
#[inline(always)]
fn lay_out<const WIDTH: usize>(maps: &[f32], channels: usize, c: usize, s: Tiles, line: &mut [f32], out: &mut [f32]) {
    let edge = (WIDTH - 4) / 2;
    let rows = 4 * s.down + 2 * edge;
    for r in 0..rows {
        let out = &mut out[r * WIDTH * s.row..][..WIDTH * s.row];
        if r < edge || r >= s.h + edge {
            out.fill(0.0);
            continue;
        }
        for q in 0..s.images {
            let row = &maps[((q * channels + c) * s.h + r - edge) * s.w..][..s.w];
            // What lies outside the map in `line` stays zero.
            line[edge..edge + s.w].copy_from_slice(row);
            for j in 0..WIDTH {
                let to = &mut out[j * s.row + q * s.across..][..s.across];
                for (to, pixel) in to.iter_mut().zip(line[j..].iter().step_by(4)) {
                    *to = *pixel;
                }
            }
        }
        for j in 0..WIDTH {
            out[j * s.row + s.images * s.across..(j + 1) * s.row].fill(0.0);
        }
    }
}

wide! {
    /// Bᵀ d B of all tiles: x (images, channels, H, W) to v [36][channels][tiles].
    fn patches(x: &[f32], channels: usize, s: Tiles, v: &mut [f32]) {
        let mut line = Scratch::zeros(4 * s.across + 2);
        let mut space = Scratch::new((4 * s.down + 2) * 6 * s.row);
        let count = s.count();
        for c in 0..channels {
            lay_out::<6>(x, channels, c, s, &mut line, &mut space);
            for ty in 0..s.down {
                for lane in (0..s.row).step_by(L) {
                    let mut half = [[[0.0; L]; 6]; 6];
                    for j in 0..6 {
                        let column = std::array::from_fn(|i| load(&space, ((4 * ty + i) * 6 + j) * s.row + lane));
                        let column = step(column, input_step);
                        for i in 0..6 {
                            half[i][j] = column[i];
                        }
                    }
                    for i in 0..6 {
                        let row = step(half[i], input_step);
                        for j in 0..6 {
                            let at = ((i * 6 + j) * channels + c) * count + ty * s.row + lane;
                            v[at..at + L].copy_from_slice(&row[j]);
                        }
                    }
                }
            }
        }
    }

    /// A gy Aᵀ of all tiles: gy (images, channels, H, W) to m [36][channels][tiles].
    fn gradients(gy: &[f32], channels: usize, s: Tiles, m: &mut [f32]) {
        let mut line = Scratch::zeros(4 * s.across);
        let mut space = Scratch::new(4 * s.down * 4 * s.row);
        let count = s.count();
        for c in 0..channels {
            lay_out::<4>(gy, channels, c, s, &mut line, &mut space);
            for ty in 0..s.down {
                for lane in (0..s.row).step_by(L) {
                    let mut half = [[[0.0; L]; 4]; 6];
                    for j in 0..4 {
                        let column = std::array::from_fn(|i| load(&space, ((4 * ty + i) * 4 + j) * s.row + lane));
                        let column = step(column, gradient_step);
                        for i in 0..6 {
                            half[i][j] = column[i];
                        }
                    }
                    for i in 0..6 {
                        let row = step(half[i], gradient_step);
                        for j in 0..6 {
                            let at = ((i * 6 + j) * channels + c) * count + ty * s.row + lane;
                            m[at..at + L].copy_from_slice(&row[j]);
                        }
                    }
                }
            }
        }
    }

    /// Aᵀ m A of all tiles: m [36][channels][tiles] to y (images, channels, H, W).
    fn outputs(m: &[f32], channels: usize, s: Tiles, y: &mut [f32]) {
        let count = s.count();
        for c in 0..channels {
            for ty in 0..s.down {
                let rows = (s.h - 4 * ty).min(4);
                for lane in (0..s.row).step_by(L) {
                    let mut half = [[[0.0; L]; 6]; 4];
                    for j in 0..6 {
                        let at = |i: usize| ((i * 6 + j) * channels + c) * count + ty * s.row + lane;
                        let column = step(std::array::from_fn(|i| load(m, at(i))), output_step);
                        for i in 0..4 {
                            half[i][j] = column[i];
                        }
                    }
                    let mut tile = [[0.0; 16]; L];
                    for i in 0..4 {
                        let row = step(half[i], output_step);
                        for j in 0..4 {
                            for l in 0..L {
                                tile[l][i * 4 + j] = row[j][l];
                            }
                        }
                    }
                    for (l, tile) in tile.iter().enumerate().take((s.images * s.across).saturating_sub(lane)) {
                        let (q, tx) = ((lane + l) / s.across, (lane + l) % s.across);
                        let start = ((q * channels + c) * s.h + 4 * ty) * s.w + 4 * tx;
                        let width = (s.w - 4 * tx).min(4);
                        for i in 0..rows {
                            let to = &mut y[start + i * s.w..][..width];
                            if width == 4 {
                                to.copy_from_slice(&tile[i * 4..i * 4 + 4]);
                            } else {
                                to.copy_from_slice(&tile[i * 4..i * 4 + width]);
                            }
                        }
                    }
                }
            }
        }
    }
}
