//! Softmax among the rows of each segment, column by column: the attention of a node over its edges (Veličković et al.,
//! arXiv:1710.10903).
//!
//! Shapes: x and y (E, ..), as (E,) or (E, heads). y = e^(x − m) / Σ e^(x − m), with the maximum m and the sum those of the
//! row's segment; gradient y (g − s), with s = Σ y g over the segment. Each way one exponential an element at most, and
//! one ordered sum; each task takes pieces of rows.

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Tensor};
use rayon::prelude::*;

use super::super::order::Groups;
use super::max::largest;
use super::{check, plain_sum};
use crate::memory::built;
use crate::storage::{Forward, fast, slice, tensor_like, with};
use crate::vector::exp;

/// The softmax of `x` (E, ..) over the rows of each segment: (E, ..).
pub fn segment_softmax(x: &Tensor, segments: &[u32], count: usize) -> Result<Tensor> {
    let d = check("segment_softmax", x, segments, count)?;
    if segments.is_empty() || d == 0 {
        return Ok(x.clone());
    }
    if !fast(&[x]) {
        let index = Tensor::new(segments, x.device())?;
        let top = super::segment_max(&x.detach(), segments, count)?;
        let e = (x - top.index_select(&index, 0)?)?.exp()?;
        return &e / plain_sum(&e, segments, count)?.index_select(&index, 0)?;
    }
    let op = SegmentSoftmax { groups: Groups::new(segments, count), segments: segments.into(), count, d };
    x.contiguous()?.apply_op1(op)
}

struct SegmentSoftmax {
    groups: Groups,
    segments: Arc<[u32]>,
    count: usize,
    d: usize,
}

/// Rows a task takes at once.
const ROWS: usize = 1024;

wide! {
    fn exponentials(x: &[f32], segments: &[u32], tops: &[f32], d: usize, y: &mut [f32]) {
        for ((x, y), segment) in x.chunks_exact(d).zip(y.chunks_exact_mut(d)).zip(segments) {
            let top = &tops[*segment as usize * d..][..d];
            for i in 0..d {
                y[i] = x[i] - top[i];
            }
        }
        // A loop of its own: over rows of one or a few elements it would not be vectorised.
        for v in y {
            *v = exp(*v);
        }
    }

    fn divide(y: &mut [f32], segments: &[u32], sums: &[f32], d: usize) {
        for (y, segment) in y.chunks_exact_mut(d).zip(segments) {
            let sum = &sums[*segment as usize * d..][..d];
            for i in 0..d {
                y[i] /= sum[i];
            }
        }
    }

    fn product(y: &[f32], grad: &[f32], out: &mut [f32]) {
        for ((out, y), g) in out.iter_mut().zip(y).zip(grad) {
            *out = y * g;
        }
    }

    /// y g − y s, from y g.
    fn finish(y: &[f32], segments: &[u32], sums: &[f32], d: usize, gx: &mut [f32]) {
        for ((y, gx), segment) in y.chunks_exact(d).zip(gx.chunks_exact_mut(d)).zip(segments) {
            let sum = &sums[*segment as usize * d..][..d];
            for i in 0..d {
                gx[i] -= y[i] * sum[i];
            }
        }
    }
}

impl SegmentSoftmax {
    fn sums(&self, x: &[f32]) -> Vec<f32> {
        let mut sums = vec![0f32; self.count * self.d];
        self.groups.add_rows(x, self.d, &mut sums);
        sums
    }
}

impl CustomOp1 for SegmentSoftmax {
    fn name(&self) -> &'static str {
        "manabi-segment-softmax"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Forward {
        let x = slice(storage, layout, self.name())?;
        let d = self.d;
        let tops = largest(&self.groups, self.count, x, d).0;
        let fill = |y: &mut [f32]| {
            let pieces = y.par_chunks_mut(ROWS * d).zip(x.par_chunks(ROWS * d)).zip(self.segments.par_chunks(ROWS));
            pieces.for_each(|((y, x), segments)| exponentials(x, segments, &tops, d, y));
        };
        // SAFETY: there is a row of the output for each segment number, and each is written whole before it is read.
        let mut y = unsafe { built(x.len(), fill) };
        let sums = self.sums(&y);
        let pieces = y.par_chunks_mut(ROWS * d).zip(self.segments.par_chunks(ROWS));
        pieces.for_each(|(y, segments)| divide(y, segments, &sums, d));
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }

    fn bwd(&self, _: &Tensor, y: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let d = self.d;
        let gx = with(y, |y| {
            with(grad, |g| {
                let fill = |gx: &mut [f32]| {
                    let pieces = gx.par_chunks_mut(ROWS * d).zip(y.par_chunks(ROWS * d)).zip(g.par_chunks(ROWS * d));
                    pieces.for_each(|((gx, y), g)| product(y, g, gx));
                };
                // SAFETY: the pieces cover the output, and each is written whole.
                let mut gx = unsafe { built(y.len(), fill) };
                let sums = self.sums(&gx);
                let pieces =
                    gx.par_chunks_mut(ROWS * d).zip(y.par_chunks(ROWS * d)).zip(self.segments.par_chunks(ROWS));
                pieces.for_each(|((gx, y), segments)| finish(y, segments, &sums, d, gx));
                Ok(gx)
            })
        })?;
        Ok(Some(tensor_like(gx, y)?))
    }
}
