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
use crate::vector::sum_by;

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
    let piece = |x: &[f32]| f64::from(sum_by(x.len(), |i| f(x[i])));
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
            *unit = sum_by(area, |i| g[i] * (x[i] - stat.0)) * stat.1;
            *sum = sum_by(area, |i| g[i]);
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
mod tests {
    use super::*;
    use crate::testing::{close, figures, finite_differences, flat, in_f64, same_gradients, sine, var, weighted};
    use candle_core::Device;
    use proptest::prelude::*;

    fn naive(x: &Tensor, groups: usize, gamma: &Tensor, beta: &Tensor) -> Tensor {
        let (n, c) = (x.dims()[0], x.dims()[1]);
        let rows = x.reshape((n, groups, ())).unwrap();
        let centred = rows.broadcast_sub(&rows.mean_keepdim(2).unwrap()).unwrap();
        let variance = centred.sqr().unwrap().mean_keepdim(2).unwrap();
        let unit = centred.broadcast_div(&(variance + 1e-5).unwrap().sqrt().unwrap()).unwrap();
        let affine = |t: &Tensor| t.reshape((1, c, 1)).unwrap();
        let y = unit.reshape((n, c, ())).unwrap().broadcast_mul(&affine(gamma)).unwrap();
        y.broadcast_add(&affine(beta)).unwrap().reshape(x.shape()).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn group_norm_agrees_with_its_definition(
            n in 1usize..6, groups in 1usize..6, each in 1usize..6, h in 1usize..9, w in 1usize..20, seed: u64,
        ) {
            let c = groups * each;
            // With a few values to a group the gradient is mostly rounding.
            prop_assume!(each * h * w > 3);
            let (x, gamma, beta) = (var(&[n, c, h, w], seed), var(&[c], seed ^ 1), var(&[c], seed ^ 2));
            let ours = || group_norm(&x, groups, &gamma, &beta, 1e-5).unwrap();
            same_gradients(&[&x, &gamma, &beta], ours, || naive(&x, groups, &gamma, &beta), 2e-3);
        }
    }

    #[test]
    fn the_gradients_of_group_norm_agree_with_finite_differences() {
        let (x, gamma, beta) = (var(&[2, 6, 5], 1), var(&[6], 2), var(&[6], 3));
        finite_differences(&[&x, &gamma, &beta], 3e-3, 2e-2, || group_norm(&x, 2, &gamma, &beta, 1e-5).unwrap());
        let x = var(&[3, 6], 1);
        finite_differences(&[&x, &gamma, &beta], 3e-3, 2e-2, || group_norm(&x, 1, &gamma, &beta, 1e-5).unwrap());
    }

    // x = sin(0.7 i) as (2, 4, 2), w = sin(0.7 i + 1), b = sin(0.7 i + 2) as (4), all requiring gradients;
    // y = F.group_norm(x, 2, w, b, eps=1e-5); (y * cos(arange(16)).reshape(2, 4, 2)).sum().backward()
    #[test]
    fn group_norm_has_pytorchs_figures() {
        let (x, gamma, beta) = (sine(&[2, 4, 2], 0.0), sine(&[4], 1.0), sine(&[4], 2.0));
        let y = group_norm(&x, 2, &gamma, &beta, 1e-5).unwrap();
        let value = [
            -0.47065088,
            0.95579267,
            1.3725994,
            1.0536203,
            0.78464425,
            -0.10430184,
            -0.8505246,
            -0.85937226, //
            -0.29571959,
            0.58279407,
            1.0652862,
            1.5943544,
            0.63848066,
            0.089908615,
            -0.84024519,
            -0.87260944,
        ];
        figures("value", &y, &value);
        let grads = weighted(&y).backward().unwrap();
        let gx = [
            -0.27590108,
            1.3470969,
            0.46366334,
            -1.5348594,
            -0.24518764,
            0.52849174,
            -0.09774527,
            -0.18555897, //
            0.46115997,
            -0.55262101,
            -0.63417244,
            0.72563338,
            -0.12935269,
            0.27641046,
            -0.2084859,
            0.061427951,
        ];
        figures("gx", grads.get(&x).unwrap(), &gx);
        figures("gγ", grads.get(&gamma).unwrap(), &[-1.0481758, -1.5563806, 0.6379202, -0.56932938]);
        figures("gβ", grads.get(&beta).unwrap(), &[0.48367202, -2.2407851, 1.3813194, 1.0911218]);
    }

    #[test]
    fn a_far_offset_does_not_harm_the_variance() {
        let x = var(&[2, 4, 33, 33], 3);
        let (gamma, beta) = (var(&[4], 1), var(&[4], 2));
        let near = group_norm(&x, 2, &gamma, &beta, 1e-5).unwrap();
        let far = group_norm(&(x.as_tensor() + 1024.0).unwrap(), 2, &gamma, &beta, 1e-5).unwrap();
        close("shifted", &far, &near, 2e-3);
    }

    #[test]
    fn other_types_and_strided_inputs_give_the_same() {
        let (x, gamma, beta) = (var(&[3, 5, 4], 1), var(&[4], 2), var(&[4], 3));
        let strided = x.transpose(1, 2).unwrap();
        let y = group_norm(&strided, 2, &gamma, &beta, 1e-5).unwrap();
        let dense = strided.contiguous().unwrap();
        close("strided", &y, &group_norm(&dense, 2, &gamma, &beta, 1e-5).unwrap(), 0.0);
        let exact = in_f64(|t| group_norm(&t[0], 2, &t[1], &t[2], 1e-5), &[&strided, &gamma, &beta]);
        close("in f64", &y, &exact, 1e-5);
    }

    #[test]
    fn only_what_tracks_gradients_gets_one() {
        let (x, gamma, beta) = (var(&[2, 4, 3], 1), var(&[4], 2), var(&[4], 3));
        let y = group_norm(&x.detach(), 2, &gamma, &beta.detach(), 1e-5).unwrap();
        let grads = y.sum_all().unwrap().backward().unwrap();
        assert!(grads.get(&gamma).is_some() && grads.get(&x).is_none() && grads.get(&beta).is_none());
    }

    #[test]
    fn groups_that_do_not_divide_the_channels_are_refused_and_nan_stays_in_its_group() {
        let (gamma, beta) = (var(&[6], 1), var(&[6], 2));
        let message = group_norm(&var(&[2, 6, 3], 1), 4, &gamma, &beta, 1e-5).unwrap_err().to_string();
        assert!(message.contains('6') && message.contains('4'), "{message}");
        assert!(group_norm(&var(&[2, 6, 3], 1), 0, &gamma, &beta, 1e-5).is_err());
        assert!(group_norm(&var(&[2, 6, 0], 1), 2, &gamma, &beta, 1e-5).is_err());
        assert!(group_norm(&var(&[6], 1), 2, &gamma, &beta, 1e-5).is_err());
        assert_eq!(group_norm(&var(&[0, 6, 2], 1), 2, &gamma, &beta, 1e-5).unwrap().dims(), [0, 6, 2]);
        let mut values = flat(&var(&[1, 6, 2], 1));
        values[0] = f32::NAN;
        let x = Tensor::from_vec(values, (1, 6, 2), &Device::Cpu).unwrap();
        let y = flat(&group_norm(&x, 2, &gamma, &beta, 1e-5).unwrap());
        assert!(y[..6].iter().all(|v| v.is_nan()) && y[6..].iter().all(|v| v.is_finite()), "{y:?}");
    }
}
