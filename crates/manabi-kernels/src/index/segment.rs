//! Rows reduced by the segment that each belongs to: sum, mean, maximum, and the softmax within each segment.
//!
//! Shapes: x (E, ..), segments E numbers below `count`, in any order; the reductions give (count, ..), where a segment
//! without rows is zero, the softmax gives (E, ..). Messages of a graph's E edges go to its `count` nodes this way, nodes
//! to the graphs of a batch. Gradient of a sum: g[segments]; of a mean, that divided by the segment's number of rows.
//! Sorted and summed as in [`super::order`]; each task takes whole segments, or pieces of rows.

mod max;
mod softmax;

pub use max::segment_max;
pub use softmax::segment_softmax;

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Tensor, bail};

use super::check_ids;
use super::order::Groups;
use super::rows::copy_rows;
use crate::storage::{Forward, fast, slice, tensor_like, with};

/// The sum of the rows of `x` (E, ..) of each segment: (count, ..).
pub fn segment_sum(x: &Tensor, segments: &[u32], count: usize) -> Result<Tensor> {
    let d = check("segment_sum", x, segments, count)?;
    if !fast(&[x]) || segments.is_empty() || d == 0 {
        return plain_sum(x, segments, count);
    }
    x.contiguous()?.apply_op1(SegmentSum::new(segments, count, d, false))
}

/// The mean of the rows of `x` (E, ..) of each segment: (count, ..).
pub fn segment_mean(x: &Tensor, segments: &[u32], count: usize) -> Result<Tensor> {
    let d = check("segment_mean", x, segments, count)?;
    if !fast(&[x]) || segments.is_empty() || d == 0 {
        let mut sizes = vec![0f32; count];
        segments.iter().for_each(|s| sizes[*s as usize] += 1.0);
        let shares: Vec<f32> = sizes.iter().map(|n| 1.0 / n.max(1.0)).collect();
        let mut shape = vec![1; x.rank()];
        shape[0] = count;
        let shares = Tensor::from_vec(shares, shape, x.device())?.to_dtype(x.dtype())?;
        return plain_sum(x, segments, count)?.broadcast_mul(&shares);
    }
    x.contiguous()?.apply_op1(SegmentSum::new(segments, count, d, true))
}

/// Checks what all of them need, and returns the number of elements of a row.
fn check(op: &str, x: &Tensor, segments: &[u32], count: usize) -> Result<usize> {
    let Some((&rows, rest)) = x.dims().split_first() else { bail!("{op}: a scalar has no rows") };
    if rows != segments.len() {
        bail!("{op}: {rows} rows but {} segment numbers", segments.len())
    }
    check_ids(op, segments, count, "segment")?;
    Ok(rest.iter().product())
}

fn plain_sum(x: &Tensor, segments: &[u32], count: usize) -> Result<Tensor> {
    let mut dims = x.dims().to_vec();
    dims[0] = count;
    let zeros = Tensor::zeros(dims, x.dtype(), x.device())?;
    if zeros.elem_count() == 0 || segments.is_empty() {
        return Ok(zeros);
    }
    zeros.index_add(&Tensor::new(segments, x.device())?, &x.contiguous()?, 0)
}

struct SegmentSum {
    segments: Arc<[u32]>,
    groups: Groups,
    count: usize,
    d: usize,
    mean: bool,
}

impl SegmentSum {
    fn new(segments: &[u32], count: usize, d: usize, mean: bool) -> Self {
        Self { groups: Groups::new(segments, count), segments: segments.into(), count, d, mean }
    }

    /// Divides each row by the number of rows of its segment.
    fn divide(&self, rows: &mut [f32]) {
        for (id, row) in rows.chunks_exact_mut(self.d).enumerate() {
            let share = 1.0 / self.groups.of(id).len().max(1) as f32;
            row.iter_mut().for_each(|v| *v *= share);
        }
    }
}

impl CustomOp1 for SegmentSum {
    fn name(&self) -> &'static str {
        "manabi-segment-sum"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Forward {
        let x = slice(storage, layout, self.name())?;
        let mut y = vec![0f32; self.count * self.d];
        self.groups.add_rows(x, self.d, &mut y);
        if self.mean {
            self.divide(&mut y);
        }
        let mut dims = layout.dims().to_vec();
        dims[0] = self.count;
        Ok((CpuStorage::F32(y), dims.into()))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let gx = with(grad, |g| {
            if !self.mean {
                return Ok(copy_rows(g, self.d, &self.segments));
            }
            let mut g = g.to_vec();
            self.divide(&mut g);
            Ok(copy_rows(&g, self.d, &self.segments))
        })?;
        Ok(Some(tensor_like(gx, x)?))
    }
}

#[cfg(test)]
mod tests;
