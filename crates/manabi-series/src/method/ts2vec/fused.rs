//! The hierarchical loss as one operation, on the CPU.
//!
//! Value and gradient are made together, scale by scale: a loss is asked for its gradient nearly always, and what both
//! need (products, exponentials) is then made once and never kept. Rows lie time stamp by time stamp, `(N, 2, T, D)`: the
//! `2T` rows of a series are one matrix, those of a time stamp are gathered into one.
//!
//! Of a set of rows `z`, with `P` the softmax of `z zᵀ` without its diagonal and `E` the partners:
//! `Σ_i −log P[i, pair(i)]` has the gradient `(P − E) z + (P − E)ᵀ z`. Sets are shared out among threads, each in the order of
//! its rows, so that no bit depends on the number of threads.

use std::sync::OnceLock;

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};
use manabi_kernels::{
    matmul::{Matrix, sgemm},
    memory::Scratch,
};
use rayon::prelude::*;

/// Rows whose products with all others are made at once.
const BLOCK: usize = 256;

/// Of `(N, D, T)` twice, with the share `alpha` of the loss between series.
pub(super) struct Hierarchical {
    alpha: f32,
    gradients: OnceLock<[Vec<f32>; 2]>,
}

impl Hierarchical {
    pub(super) fn new(alpha: f64) -> Self {
        Self { alpha: alpha as f32, gradients: OnceLock::new() }
    }
}

/// Sizes of one scale.
#[derive(Clone, Copy)]
struct Sizes {
    n: usize,
    t: usize,
    d: usize,
}

impl Sizes {
    /// Elements of both crops of a series.
    fn series(self) -> usize {
        2 * self.t * self.d
    }
}

impl CustomOp2 for Hierarchical {
    fn name(&self) -> &'static str {
        "manabi-hierarchical-contrast"
    }

    fn cpu_fwd(&self, s1: &CpuStorage, l1: &Layout, s2: &CpuStorage, l2: &Layout) -> Result<(CpuStorage, Shape)> {
        let (n, d, t) = l1.shape().dims3()?;
        let read = |storage, layout| elements(storage, layout, n * d * t);
        let (value, gradients) = loss(read(s1, l1)?, read(s2, l2)?, Sizes { n, t, d }, self.alpha)?;
        if self.gradients.set(gradients).is_err() {
            bail!("the hierarchical loss ran twice")
        }
        Ok((CpuStorage::F32(vec![value as f32]), ().into()))
    }

    fn bwd(&self, a: &Tensor, b: &Tensor, _: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let Some([ga, gb]) = self.gradients.get() else { bail!("the hierarchical loss has not run") };
        let factor = f64::from(grad.to_scalar::<f32>()?);
        let scaled = |values: &[f32], of: &Tensor| -> Result<Option<Tensor>> {
            if !of.track_op() {
                return Ok(None);
            }
            Ok(Some(Tensor::from_slice(values, of.shape(), of.device())?.affine(factor, 0.0)?))
        };
        Ok((scaled(ga, a)?, scaled(gb, b)?))
    }
}

fn elements<'a>(storage: &'a CpuStorage, layout: &Layout, count: usize) -> Result<&'a [f32]> {
    let all = storage.as_slice::<f32>()?;
    match layout.contiguous_offsets().and_then(|(start, end)| all.get(start..end)) {
        Some(values) if values.len() == count => Ok(values),
        _ => bail!("the hierarchical loss takes two contiguous tensors of one shape"),
    }
}

/// The loss, and its gradients for `a` and `b` `(N, D, T)`.
fn loss(a: &[f32], b: &[f32], top: Sizes, alpha: f32) -> Result<(f64, [Vec<f32>; 2])> {
    let map = top.t * top.d;
    let mut z = vec![0f32; top.n * top.series()];
    z.par_chunks_mut(map).enumerate().for_each(|(i, z)| {
        let from = if i % 2 == 0 { a } else { b };
        transpose(&from[i / 2 * map..][..map], top.d, top.t, z);
    });
    // Finest first.
    let (mut sizes, mut scales) = (vec![top], vec![z]);
    while let (Some(&last), Some(z)) = (sizes.last(), scales.last())
        && last.t > 1
    {
        let next = Sizes { t: last.t / 2, ..last };
        let coarser = coarser(z, last, next);
        sizes.push(next);
        scales.push(coarser);
    }
    let share = 1.0 / scales.len() as f32;
    let (mut total, mut above) = (0f64, Vec::new());
    for (z, &size) in scales.iter().zip(&sizes).rev() {
        let mut gradient = vec![0f32; z.len()];
        total += between_series(z, size, alpha * share, &mut gradient)?;
        total += between_times(z, size, (1.0 - alpha) * share, &mut gradient)?;
        if !above.is_empty() {
            finer(z, size, &above, &mut gradient);
        }
        above = gradient;
    }
    let mut gradients = [0, 1].map(|_| vec![0f32; top.n * map]);
    for (side, gradient) in gradients.iter_mut().enumerate() {
        gradient.par_chunks_mut(map).enumerate().for_each(|(n, to)| {
            transpose(&above[(2 * n + side) * map..][..map], top.t, top.d, to);
        });
    }
    Ok((total, gradients))
}

/// `(rows, columns)` → `(columns, rows)`, a square at a time.
fn transpose(from: &[f32], rows: usize, columns: usize, to: &mut [f32]) {
    const SIDE: usize = 16;
    for first in (0..rows).step_by(SIDE) {
        let high = SIDE.min(rows - first);
        for (column, to) in to.chunks_exact_mut(rows).enumerate() {
            let to = &mut to[first..first + high];
            let from = from[first * columns + column..].iter().step_by(columns);
            to.iter_mut().zip(from).for_each(|(to, v)| *to = *v);
        }
    }
}

/// The larger of each two neighbouring rows.
fn coarser(z: &[f32], size: Sizes, next: Sizes) -> Vec<f32> {
    let d = size.d;
    let mut out = vec![0f32; next.n * next.series()];
    out.par_chunks_mut(next.t * d).zip(z.par_chunks(size.t * d)).for_each(|(out, z)| {
        for (out, pair) in out.chunks_exact_mut(d).zip(z.chunks_exact(2 * d)) {
            let (first, second) = pair.split_at(d);
            for ((out, a), b) in out.iter_mut().zip(first).zip(second) {
                // NaN stays, so that divergence is seen.
                *out = if *b > *a || b.is_nan() { *b } else { *a };
            }
        }
    });
    out
}

/// Adds the gradient of the coarser rows to the one of the two rows that each came from.
fn finer(z: &[f32], size: Sizes, above: &[f32], gradient: &mut [f32]) {
    let (d, half) = (size.d, size.t / 2);
    let parts = gradient.par_chunks_mut(size.t * d).zip(z.par_chunks(size.t * d)).zip(above.par_chunks(half * d));
    parts.for_each(|((gradient, z), above)| {
        let pairs = gradient.chunks_exact_mut(2 * d).zip(z.chunks_exact(2 * d)).zip(above.chunks_exact(d));
        for ((gradient, pair), above) in pairs {
            let ((to_first, to_second), (first, second)) = (gradient.split_at_mut(d), pair.split_at(d));
            for i in 0..d {
                let second_won = second[i] > first[i] || second[i].is_nan();
                to_first[i] += if second_won { 0.0 } else { above[i] };
                to_second[i] += if second_won { above[i] } else { 0.0 };
            }
        }
    });
}

/// At each time stamp both crops of all series, `weight` times; adds to the gradient.
fn between_series(z: &[f32], size: Sizes, weight: f32, gradient: &mut [f32]) -> Result<f64> {
    let Sizes { n, t, d } = size;
    if n < 2 || weight == 0.0 {
        return Ok(0.0);
    }
    let rows = 2 * n;
    let scale = weight / (t * rows) as f32;
    let mut sets = vec![0f32; t * rows * d];
    let sums = sets.par_chunks_mut(rows * d).enumerate().map(|(at, to)| {
        let mut set = Scratch::new(rows * d);
        // Crop after crop, so that partners are half of the rows apart.
        for (i, row) in set.chunks_exact_mut(d).enumerate() {
            let from = (i % n * 2 + i / n) * t + at;
            row.copy_from_slice(&z[from * d..][..d]);
        }
        contrast(&set, d, scale, to)
    });
    let sums = sums.collect::<Result<Vec<f64>>>()?;
    gradient.par_chunks_mut(t * d).enumerate().for_each(|(map, to)| {
        let row = map / 2 + map % 2 * n;
        for (to, set) in to.chunks_exact_mut(d).zip(sets.chunks_exact(rows * d)) {
            to.iter_mut().zip(&set[row * d..][..d]).for_each(|(to, v)| *to += v);
        }
    });
    Ok(sums.iter().sum())
}

/// In each series the time stamps of both crops, `weight` times; adds to the gradient.
fn between_times(z: &[f32], size: Sizes, weight: f32, gradient: &mut [f32]) -> Result<f64> {
    if size.t < 2 || weight == 0.0 {
        return Ok(0.0);
    }
    let scale = weight / (size.n * 2 * size.t) as f32;
    let parts = gradient.par_chunks_mut(size.series()).zip(z.par_chunks(size.series()));
    let sums = parts.map(|(to, set)| contrast(set, size.d, scale, to)).collect::<Result<Vec<f64>>>()?;
    Ok(sums.iter().sum())
}

/// `scale · Σ_i −log P[i, pair(i)]` over the rows of `set`, partners half of them apart; adds to the gradient.
fn contrast(set: &[f32], d: usize, scale: f32, gradient: &mut [f32]) -> Result<f64> {
    let rows = set.len() / d;
    let mut total = 0f64;
    for first in (0..rows).step_by(BLOCK) {
        let count = BLOCK.min(rows - first);
        let own = &set[first * d..][..count * d];
        let mut weights = Scratch::new(count * rows);
        sgemm((count, rows, d), Matrix::rows(own, d), Matrix::rows(set, d).t(), &mut weights, rows, false)?;
        for (i, x) in weights.chunks_exact_mut(rows).enumerate() {
            let (at, pair) = (first + i, (first + i + rows / 2) % rows);
            let wanted = x[pair];
            x[at] = f32::NEG_INFINITY;
            let top = x.iter().fold(f32::NEG_INFINITY, |top, v| if *v <= top { top } else { *v });
            let mut sum = 0f32;
            for v in x.iter_mut() {
                *v = (*v - top).exp();
                sum += *v;
            }
            total += f64::from(top + sum.ln() - wanted);
            let factor = scale / sum;
            x.iter_mut().for_each(|v| *v *= factor);
            x[pair] -= scale;
        }
        let (weights, all) = (Matrix::rows(&weights, rows), Matrix::rows(set, d));
        sgemm((count, d, rows), weights, all, &mut gradient[first * d..][..count * d], d, true)?;
        sgemm((rows, d, count), weights.t(), Matrix::rows(own, d), gradient, d, true)?;
    }
    Ok(total * f64::from(scale))
}
