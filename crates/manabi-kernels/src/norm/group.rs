//! Group normalisation, y = (x − μ) / √(σ² + ε) · γ + β over the channels of one group of one sample (Wu & He,
//! arXiv:1803.08494).
//!
//! Shapes: x (N, C, ..) with G groups of C / G neighbouring channels, γ and β (C). G = 1 normalises whole samples,
//! G = C each map. A group of a sample is one stretch of memory, which a task reads three times forward and twice
//! backward. Backward, with x̂ the normalised values and r their inverse deviation: gx = r (gγ − mean(gγ) − x̂ mean(gγ x̂));
//! each group leaves the sums of its channels, which are then added over the samples in order. Sums are `f32` over at
//! most one map and `f64` beyond.

use std::sync::OnceLock;

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Tensor, bail};
use rayon::prelude::*;

use super::column_sums;
use crate::memory::built;
use crate::storage::{Forward, PIECE, check_shape, fast, slice, tensor_like, with};
use crate::vector::{sum_over, sums_over};

/// Normalises each of `groups` groups of channels of each sample of `x` (N, C, ..), then scales channel by channel with
/// `gamma` (C) and shifts by `beta` (C).
pub fn group_norm(x: &Tensor, groups: usize, gamma: &Tensor, beta: &Tensor, eps: f64) -> Result<Tensor> {
    let [n, channels, ..] = *x.dims() else {
        bail!("group_norm: expected at least 2 dimensions, got {} in shape {:?}", x.rank(), x.dims())
    };
    let area: usize = x.dims()[2..].iter().product();
    if groups == 0 || channels % groups != 0 || channels * area == 0 {
        bail!("group_norm: {channels} channels of {area} values cannot be split into {groups} equal groups")
    }
    check_shape("group_norm", "gamma", gamma, &[channels])?;
    check_shape("group_norm", "beta", beta, &[channels])?;
    if !fast(&[x, gamma, beta]) {
        let rows = x.reshape((n, groups, channels / groups * area))?;
        let centred = rows.broadcast_sub(&rows.mean_keepdim(2)?)?;
        let variance = centred.sqr()?.mean_keepdim(2)?;
        let unit = centred.broadcast_div(&(variance + eps)?.sqrt()?)?.reshape((n, channels, area))?;
        let per_channel = |t: &Tensor| t.reshape((1, channels, 1));
        let y = unit.broadcast_mul(&per_channel(gamma)?)?.broadcast_add(&per_channel(beta)?)?;
        return y.reshape(x.shape());
    }
    let op = GroupNorm { each: channels / groups, area, eps, stats: OnceLock::new() };
    x.contiguous()?.apply_op3(&gamma.contiguous()?, &beta.contiguous()?, op)
}

struct GroupNorm {
    /// Channels of a group.
    each: usize,
    /// Values of a channel.
    area: usize,
    eps: f64,
    /// Mean and inverse deviation of each group of each sample.
    stats: OnceLock<Vec<(f32, f32)>>,
}

impl GroupNorm {
    /// Groups a task takes at once.
    fn at_once(&self) -> usize {
        (PIECE / (self.each * self.area)).max(1)
    }
}

/// The mean of `f` over the values of a group, by pieces of which each is summed in `f32`.
#[inline(always)]
fn mean_by(x: &[f32], f: impl Fn(f32) -> f32) -> f64 {
    let piece = |x: &[f32]| f64::from(sum_over([x], |[v]| f(v)));
    x.chunks(4096).map(piece).sum::<f64>() / x.len() as f64
}

wide! {
    fn forward(x: &[f32], area: usize, gamma: &[f32], beta: &[f32], eps: f64, y: &mut [f32]) -> (f32, f32) {
        let mean = mean_by(x, |v| v) as f32;
        let variance = mean_by(x, |v| (v - mean) * (v - mean));
        let scale = (1.0 / (variance + eps).sqrt()) as f32;
        let maps = x.chunks_exact(area).zip(y.chunks_exact_mut(area));
        for ((x, y), (gamma, beta)) in maps.zip(gamma.iter().zip(beta)) {
            let k = gamma * scale;
            for (y, x) in y.iter_mut().zip(x) {
                *y = (x - mean) * k + beta;
            }
        }
        (mean, scale)
    }

    /// Σ g x̂ and Σ g of each channel of a group.
    fn channel_sums(x: &[f32], grad: &[f32], area: usize, stat: (f32, f32), units: &mut [f32], sums: &mut [f32]) {
        let maps = x.chunks_exact(area).zip(grad.chunks_exact(area));
        for ((x, g), (unit, sum)) in maps.zip(units.iter_mut().zip(sums)) {
            [*unit, *sum] = sums_over([x, g], |[x, g]| [g * (x - stat.0), g]);
            *unit *= stat.1;
        }
    }

    fn backward_x(
        (x, grad): (&[f32], &[f32]),
        area: usize,
        gamma: &[f32],
        (mean, scale): (f32, f32),
        (units, sums): (&[f32], &[f32]),
        gx: &mut [f32],
    ) {
        let along = |sums: &[f32]| sums.iter().zip(gamma).map(|(s, k)| f64::from(*s) * f64::from(*k)).sum::<f64>();
        let first = (along(sums) / x.len() as f64) as f32;
        let second = (along(units) / x.len() as f64) as f32 * scale;
        let maps = x.chunks_exact(area).zip(grad.chunks_exact(area)).zip(gx.chunks_exact_mut(area));
        for (((x, g), gx), gamma) in maps.zip(gamma) {
            for i in 0..area {
                gx[i] = scale * (g[i] * gamma - first - (x[i] - mean) * second);
            }
        }
    }
}

/// The channels of group number `group` among those of all samples.
fn of_group(values: &[f32], group: usize, each: usize) -> &[f32] {
    let start = group * each % values.len();
    &values[start..start + each]
}

impl CustomOp3 for GroupNorm {
    fn name(&self) -> &'static str {
        "manabi-group-norm"
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
        s3: &CpuStorage,
        l3: &Layout,
    ) -> Forward {
        let name = self.name();
        let (x, gamma, beta) = (slice(s1, l1, name)?, slice(s2, l2, name)?, slice(s3, l3, name)?);
        let Self { each, area, .. } = *self;
        let mut stats = vec![(0f32, 0f32); x.len() / (each * area)];
        let fill = |y: &mut [f32]| {
            let rows = x.par_chunks(each * area).zip(y.par_chunks_mut(each * area)).zip(&mut stats);
            rows.enumerate().with_min_len(self.at_once()).for_each(|(row, ((x, y), stat))| {
                let (gamma, beta) = (of_group(gamma, row, each), of_group(beta, row, each));
                *stat = forward(x, area, gamma, beta, self.eps, y);
            });
        };
        // SAFETY: the groups cover x, and y has its length; each is written whole.
        let y = unsafe { built(x.len(), fill) };
        // The forward pass runs once for each instance.
        let _ = self.stats.set(stats);
        Ok((CpuStorage::F32(y), l1.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        gamma: &Tensor,
        beta: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let stats = self.stats.get().map_or(&[][..], |stats| stats);
        let Self { each, area, .. } = *self;
        let (channels, size) = (gamma.elem_count(), each * area);
        let (gx, units, sums) = with(x, |xs| {
            with(gamma, |gammas| {
                with(grad, |g| {
                    let (mut units, mut sums) = (vec![0f32; xs.len() / area], vec![0f32; xs.len() / area]);
                    let rows = xs.par_chunks(size).zip(g.par_chunks(size)).zip(stats);
                    rows.zip(units.par_chunks_mut(each).zip(sums.par_chunks_mut(each)))
                        .with_min_len(self.at_once())
                        .for_each(|(((x, g), stat), (units, sums))| channel_sums(x, g, area, *stat, units, sums));
                    let gx = x.track_op().then(|| {
                        let fill = |gx: &mut [f32]| {
                            let rows = xs.par_chunks(size).zip(g.par_chunks(size)).zip(stats);
                            rows.zip(units.par_chunks(each).zip(sums.par_chunks(each)))
                                .zip(gx.par_chunks_mut(size))
                                .enumerate()
                                .with_min_len(self.at_once())
                                .for_each(|(row, (((data, stat), sums), gx))| {
                                    backward_x(data, area, of_group(gammas, row, each), *stat, sums, gx);
                                });
                        };
                        // SAFETY: as in the forward pass.
                        unsafe { built(xs.len(), fill) }
                    });
                    Ok((gx, units, sums))
                })
            })
        })?;
        let gx = gx.map(|values| tensor_like(values, x)).transpose()?;
        let over_samples = |sums: &[f32], like: &Tensor| match like.track_op() {
            true => Ok(Some(tensor_like(column_sums(sums, channels), like)?)),
            false => Ok::<_, candle_core::Error>(None),
        };
        Ok((gx, over_samples(&units, gamma)?, over_samples(&sums, beta)?))
    }
}

#[cfg(test)]
mod tests;
