//! Convolution as a matrix product: the patches under all positions become the columns of a matrix.
//!
//! For each group of channels, Y = W · columns(X) with columns (Ci · Kh · Kw, positions), gW = gY · columns(X)ᵀ, and
//! gX adds up Wᵀ · gY where the patches came from. Several small images share one matrix, so that the product is wide
//! enough; each task takes such a set of images. Weight gradients are added up in one buffer a thread over fixed ranges
//! of images, then over the threads in order.

use std::ops::Range;

use candle_core::Result;
use rayon::prelude::*;

use super::{Geometry, Gradients};
use crate::matmul::{Matrix, gemm};
use crate::memory::{Scratch, build};
use crate::storage::Shared;

/// Columns that make a product wide enough.
const WIDE: usize = 512;

impl Geometry {
    fn positions(&self) -> usize {
        self.oh * self.ow
    }

    /// A 1 x 1 kernel on every pixel: the image is its own matrix of columns.
    fn pointwise(&self) -> bool {
        (self.kh, self.kw, self.stride, self.padding) == (1, 1, 1, 0)
    }

    /// Images that share one matrix.
    fn set(&self) -> usize {
        if self.pointwise() && self.positions() >= 32 { 1 } else { (WIDE / self.positions()).clamp(1, self.n) }
    }

    fn sets(&self) -> usize {
        self.n.div_ceil(self.set())
    }

    fn images(&self, set: usize) -> Range<usize> {
        set * self.set()..((set + 1) * self.set()).min(self.n)
    }

    /// Output positions whose tap `k` falls inside a side of `size` pixels, and the pixel of the first.
    fn inside(&self, k: usize, size: usize, positions: usize) -> (Range<usize>, usize) {
        let offset = k * self.dilation;
        let first = self.padding.saturating_sub(offset).div_ceil(self.stride);
        let last = (size + self.padding).saturating_sub(offset).div_ceil(self.stride).min(positions);
        (first.min(last)..last, (first * self.stride + offset).saturating_sub(self.padding))
    }
}

/// The output, (N, Co, H', W').
pub(super) fn forward(g: &Geometry, x: &[f32], w: &[f32]) -> Result<Vec<f32>> {
    let (positions, taps, per_group) = (g.positions(), g.taps(), g.co / g.groups);
    let fill = |y: &mut [f32]| {
        y.par_chunks_mut(g.set() * g.output()).enumerate().try_for_each(|(set, y)| {
            let images = g.images(set);
            let width = images.len() * positions;
            let mut space = Scratch::new(if g.pointwise() && images.len() == 1 { 0 } else { taps * width });
            let mut product = Scratch::new(if images.len() == 1 { 0 } else { per_group * width });
            for group in 0..g.groups {
                let columns = columns(g, x, images.clone(), group, &mut space);
                let w = Matrix::rows(&w[group * per_group * taps..], taps);
                let (size, columns) = ((per_group, width, taps), Matrix::rows(columns, width));
                if images.len() == 1 {
                    gemm(g.precision, size, w, columns, &mut y[group * per_group * positions..], width, false)?;
                    continue;
                }
                gemm(g.precision, size, w, columns, &mut product, width, false)?;
                for (image, y) in y.chunks_exact_mut(g.output()).enumerate() {
                    for c in 0..per_group {
                        let from = &product[c * width + image * positions..][..positions];
                        y[(group * per_group + c) * positions..][..positions].copy_from_slice(from);
                    }
                }
            }
            Ok(())
        })
    };
    // SAFETY: the chunks cover the output; in each, every group writes all positions of its channels.
    unsafe { build(g.n * g.output(), fill) }
}

/// The gradients of input and weights, where wanted.
pub(super) fn backward(g: &Geometry, x: &[f32], w: &[f32], grad: &[f32], wanted: (bool, bool)) -> Gradients {
    let workers = rayon::current_num_threads().min(g.sets());
    let mut partial = vec![0f32; if wanted.1 { workers * w.len() } else { 0 }];
    let mut run = |gx: &mut [f32]| {
        let (gx, gw) = (Shared::new(gx), Shared::new(&mut partial));
        (0..workers).into_par_iter().try_for_each(|worker| {
            // SAFETY: each worker has its own weight gradient.
            let gw = wanted.1.then(|| unsafe { gw.at(worker * w.len(), w.len()) });
            let mut gw = gw;
            for set in worker * g.sets() / workers..(worker + 1) * g.sets() / workers {
                let images = g.images(set);
                // SAFETY: each set belongs to one worker, and its images to one set.
                let gx = wanted.0.then(|| unsafe { gx.at(images.start * g.image(), images.len() * g.image()) });
                backward_set(g, (x, w, grad), images, gx, gw.as_deref_mut())?;
            }
            Ok::<(), candle_core::Error>(())
        })
    };
    let gx = match wanted.0 {
        // SAFETY: the sets cover all images, and `backward_set` writes all of its own.
        true => Some(unsafe { build(x.len(), &mut run) }?),
        false => {
            run(&mut [])?;
            None
        }
    };
    Ok((gx, wanted.1.then(|| total(partial, w.len()))))
}

/// The sum of the workers' gradients, which lie one after the other.
pub(super) fn total(mut partial: Vec<f32>, len: usize) -> Vec<f32> {
    let (sum, others) = partial.split_at_mut(len);
    for other in others.chunks_exact(len) {
        for (a, b) in sum.iter_mut().zip(other) {
            *a += b;
        }
    }
    partial.truncate(len);
    partial
}

fn backward_set(
    g: &Geometry,
    (x, w, grad): (&[f32], &[f32], &[f32]),
    images: Range<usize>,
    mut gx: Option<&mut [f32]>,
    mut gw: Option<&mut [f32]>,
) -> Result<()> {
    let (positions, taps, per_group) = (g.positions(), g.taps(), g.co / g.groups);
    let width = images.len() * positions;
    let direct = g.pointwise() && images.len() == 1;
    let mut space = Scratch::new(if direct { 0 } else { taps * width });
    let mut turned = Scratch::new(if images.len() == 1 { 0 } else { per_group * width });
    for group in 0..g.groups {
        let grad = &grad[images.start * g.output()..images.end * g.output()];
        let gy = if images.len() == 1 {
            &grad[group * per_group * positions..][..per_group * width]
        } else {
            for (image, grad) in grad.chunks_exact(g.output()).enumerate() {
                for c in 0..per_group {
                    let from = &grad[(group * per_group + c) * positions..][..positions];
                    turned[c * width + image * positions..][..positions].copy_from_slice(from);
                }
            }
            &turned[..]
        };
        let gy = Matrix::rows(gy, width);
        let weights = group * per_group * taps..(group + 1) * per_group * taps;
        if let Some(gw) = gw.as_deref_mut() {
            let columns = Matrix::rows(columns(g, x, images.clone(), group, &mut space), width);
            gemm(g.precision, (per_group, taps, width), gy, columns.t(), &mut gw[weights.clone()], taps, true)?;
        }
        if let Some(gx) = gx.as_deref_mut() {
            let w = Matrix::rows(&w[weights], taps).t();
            if direct {
                gemm(g.precision, (taps, width, per_group), w, gy, &mut gx[group * taps * positions..], width, false)?;
            } else {
                gemm(g.precision, (taps, width, per_group), w, gy, &mut space, width, false)?;
                add_back(g, &space, images.len(), group, gx);
            }
        }
    }
    Ok(())
}

/// The matrix of patches of a group of channels: the image itself where it is one already, else in `space`.
fn columns<'a>(g: &Geometry, x: &'a [f32], images: Range<usize>, group: usize, space: &'a mut [f32]) -> &'a [f32] {
    let channels = g.ci / g.groups;
    if g.pointwise() && images.len() == 1 {
        return &x[images.start * g.image() + group * channels * g.positions()..][..channels * g.positions()];
    }
    let (positions, area) = (g.positions(), g.h * g.w);
    let width = images.len() * positions;
    for (row, out) in space.chunks_exact_mut(width).enumerate() {
        let (c, ky, kx) = (row / (g.kh * g.kw), row / g.kw % g.kh, row % g.kw);
        let (across, first_x) = g.inside(kx, g.w, g.ow);
        let (down, first_y) = g.inside(ky, g.h, g.oh);
        for (image, out) in images.clone().zip(out.chunks_exact_mut(positions)) {
            let map = &x[image * g.image() + (group * channels + c) * area..][..area];
            out[..down.start * g.ow].fill(0.0);
            out[down.end * g.ow..].fill(0.0);
            for oy in down.clone() {
                let from = &map[(first_y + (oy - down.start) * g.stride) * g.w..][..g.w];
                let out = &mut out[oy * g.ow..][..g.ow];
                out[..across.start].fill(0.0);
                out[across.end..].fill(0.0);
                let out = &mut out[across.clone()];
                if out.is_empty() {
                } else if g.stride == 1 {
                    out.copy_from_slice(&from[first_x..first_x + out.len()]);
                } else {
                    for (out, v) in out.iter_mut().zip(from[first_x..].iter().step_by(g.stride)) {
                        *out = *v;
                    }
                }
            }
        }
    }
    space
}

/// Adds the patches up where they came from; the first group of channels of a set clears the images before.
fn add_back(g: &Geometry, columns: &[f32], images: usize, group: usize, gx: &mut [f32]) {
    let (positions, area, channels) = (g.positions(), g.h * g.w, g.ci / g.groups);
    if group == 0 {
        gx.fill(0.0);
    }
    for (row, from) in columns.chunks_exact(images * positions).enumerate() {
        let (c, ky, kx) = (row / (g.kh * g.kw), row / g.kw % g.kh, row % g.kw);
        let (across, first_x) = g.inside(kx, g.w, g.ow);
        let (down, first_y) = g.inside(ky, g.h, g.oh);
        for (gx, from) in gx.chunks_exact_mut(g.image()).zip(from.chunks_exact(positions)) {
            let map = &mut gx[(group * channels + c) * area..][..area];
            for oy in down.clone() {
                let to = &mut map[(first_y + (oy - down.start) * g.stride) * g.w..][..g.w];
                let from = &from[oy * g.ow..][..g.ow][across.clone()];
                if from.is_empty() {
                } else if g.stride == 1 {
                    for (to, v) in to[first_x..].iter_mut().zip(from) {
                        *to += v;
                    }
                } else {
                    for (to, v) in to[first_x..].iter_mut().step_by(g.stride).zip(from) {
                        *to += v;
                    }
                }
            }
        }
    }
}
