//! Batch normalisation, y = (x − μ) / √(σ² + ε) · γ + β for each channel, with an optional ReLU behind it.
//!
//! Shapes: x (N, C, H, W) or (N, C), γ and β (C). In training μ and σ² are those of the batch and take part in the
//! gradient; in evaluation they are constants. Forward reads x twice and writes y; backward reads x, y and g twice and
//! writes gx. σ² is the biased variance, also in [`BatchStats`]; running statistics are the caller's.

use std::sync::{Arc, OnceLock};

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Tensor, bail};

use super::channels::{self, Dims, Setting};
use crate::memory::built;
use crate::storage::{Forward, check_shape, fast, slice, tensor_like, wanted, with};

/// Statistics of one batch, without gradient.
#[derive(Clone, Debug)]
pub struct BatchStats {
    /// Mean of each channel (C).
    pub mean: Tensor,
    /// Biased variance of each channel (C).
    pub var: Tensor,
    /// Values that each of them is made of: N · H · W.
    pub count: usize,
}

/// Normalises each channel by the statistics of the batch, and returns these too.
pub fn batch_norm(x: &Tensor, gamma: &Tensor, beta: &Tensor, eps: f64, relu: bool) -> Result<(Tensor, BatchStats)> {
    let dims = dims(x, gamma, beta)?;
    let count = dims.n * dims.s;
    if count == 0 {
        bail!("batch_norm: no values in a batch of shape {:?}", x.dims())
    }
    if !fast(&[x, gamma, beta]) {
        let mean = over_batch(x)?;
        let centred = x.broadcast_sub(&mean)?;
        let var = over_batch(&centred.sqr()?)?;
        let y = finish(&centred, &var, gamma, beta, eps, relu)?;
        let flat = |t: Tensor| t.flatten_all().map(|t| t.detach());
        return Ok((y, BatchStats { mean: flat(mean)?, var: flat(var)?, count }));
    }
    let stats = Arc::new(OnceLock::new());
    let op = BatchNorm { dims, eps, relu, fixed: false, stats: stats.clone() };
    let y = x.contiguous()?.apply_op3(&gamma.contiguous()?, &beta.contiguous()?, op)?;
    let Some((mean, var)) = stats.get() else { bail!("batch_norm: the forward pass left no statistics") };
    let tensor = |values: &Vec<f32>| Tensor::from_slice(values, dims.c, x.device());
    Ok((y, BatchStats { mean: tensor(mean)?, var: tensor(var)?, count }))
}

/// Normalises each channel by the given `mean` and `var` (C), which are constants.
pub fn batch_norm_eval(
    x: &Tensor,
    mean: &Tensor,
    var: &Tensor,
    gamma: &Tensor,
    beta: &Tensor,
    eps: f64,
    relu: bool,
) -> Result<Tensor> {
    let dims = dims(x, gamma, beta)?;
    check_shape("batch_norm", "the mean", mean, &[dims.c])?;
    check_shape("batch_norm", "the variance", var, &[dims.c])?;
    if !fast(&[x, gamma, beta, mean, var]) {
        let centred = x.broadcast_sub(&per_channel(&mean.detach(), x)?)?;
        return finish(&centred, &per_channel(&var.detach(), x)?, gamma, beta, eps, relu);
    }
    let values = |t: &Tensor| with(t, |v| Ok(v.to_vec()));
    let stats = Arc::new(OnceLock::from((values(mean)?, values(var)?)));
    let op = BatchNorm { dims, eps, relu, fixed: true, stats };
    x.contiguous()?.apply_op3(&gamma.contiguous()?, &beta.contiguous()?, op)
}

fn dims(x: &Tensor, gamma: &Tensor, beta: &Tensor) -> Result<Dims> {
    let dims = match *x.dims() {
        [n, c] => Dims { n, c, s: 1 },
        [n, c, h, w] => Dims { n, c, s: h * w },
        _ => bail!("batch_norm: expected 2 or 4 dimensions, got {} in shape {:?}", x.rank(), x.dims()),
    };
    check_shape("batch_norm", "gamma", gamma, &[dims.c])?;
    check_shape("batch_norm", "beta", beta, &[dims.c])?;
    Ok(dims)
}

/// A vector (C) in a shape that broadcasts over `x`.
fn per_channel(v: &Tensor, x: &Tensor) -> Result<Tensor> {
    if x.rank() == 4 { v.reshape((1, (), 1, 1)) } else { v.reshape((1, ())) }
}

/// The mean over all dimensions but the second, which are kept.
fn over_batch(x: &Tensor) -> Result<Tensor> {
    if x.rank() == 4 { x.mean_keepdim((0, 2, 3)) } else { x.mean_keepdim(0) }
}

fn finish(centred: &Tensor, var: &Tensor, gamma: &Tensor, beta: &Tensor, eps: f64, relu: bool) -> Result<Tensor> {
    let unit = centred.broadcast_div(&(var + eps)?.sqrt()?)?;
    let y = unit.broadcast_mul(&per_channel(gamma, centred)?)?.broadcast_add(&per_channel(beta, centred)?)?;
    if relu { crate::activation::relu(&y) } else { Ok(y) }
}

struct BatchNorm {
    dims: Dims,
    eps: f64,
    relu: bool,
    /// The statistics are constants, set before the forward pass.
    fixed: bool,
    /// Mean and biased variance of each channel.
    stats: Arc<OnceLock<(Vec<f32>, Vec<f32>)>>,
}

impl BatchNorm {
    fn setting<'a>(&'a self, gamma: &'a [f32], beta: &'a [f32]) -> Setting<'a> {
        let constants = self.stats.get().filter(|_| self.fixed);
        let fixed = constants.map(|(mean, var)| (&mean[..], &var[..]));
        Setting { dims: self.dims, gamma, beta, eps: self.eps, relu: self.relu, fixed }
    }
}

impl CustomOp3 for BatchNorm {
    fn name(&self) -> &'static str {
        "manabi-batch-norm"
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
        let setting = self.setting(gamma, beta);
        let mut stats = None;
        // SAFETY: the tasks cover all channels, and each writes all positions of its own.
        let y = unsafe { built(x.len(), |y| stats = Some(channels::forward(x, setting, y))) };
        if let Some(stats) = stats.filter(|_| !self.fixed) {
            // The forward pass runs once for each instance.
            let _ = self.stats.set(stats);
        }
        Ok((CpuStorage::F32(y), l1.shape().clone()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        gamma: &Tensor,
        beta: &Tensor,
        y: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let Some((mean, var)) = self.stats.get() else { bail!("batch_norm: backward before forward") };
        // Constant statistics pass nothing on: then the sums are the parameters' alone.
        let sums = gamma.track_op() || beta.track_op() || !self.fixed;
        let (gx, g_gamma, g_beta) = with(x, |xs| {
            with(y, |y| {
                with(grad, |g| {
                    with(gamma, |gamma| {
                        let setting = self.setting(gamma, &[]);
                        let mut grads = (Vec::new(), Vec::new());
                        let mut run = |gx: Option<&mut [f32]>| {
                            grads = channels::backward((xs, y, g), (mean, var), setting, sums, gx)
                        };
                        // SAFETY: as in the forward pass.
                        let gx = x.track_op().then(|| unsafe { built(xs.len(), |gx| run(Some(gx))) });
                        if gx.is_none() {
                            run(None);
                        }
                        Ok((gx, grads.0, grads.1))
                    })
                })
            })
        })?;
        let gx = gx.map(|values| tensor_like(values, x)).transpose()?;
        Ok((gx, wanted(g_gamma, gamma)?, wanted(g_beta, beta)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{close, finite_differences, flat, same_gradients, var};
    use candle_core::DType;
    use proptest::prelude::*;

    fn naive(x: &Tensor, gamma: &Tensor, beta: &Tensor, relu: bool) -> Tensor {
        let centred = x.broadcast_sub(&over_batch(x).unwrap()).unwrap();
        let var = over_batch(&centred.sqr().unwrap()).unwrap();
        finish(&centred, &var, gamma, beta, 1e-5, relu).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn batch_norm_agrees_with_its_definition(
            n in 2usize..9, c in 1usize..90, h in 1usize..9, w in 1usize..9, relu: bool, flat: bool, seed: u64,
        ) {
            let shape = if flat { vec![n * h * w, c] } else { vec![n, c, h, w] };
            // With two or three values the gradient is all rounding.
            prop_assume!(n * h * w > 3);
            let (x, gamma, beta) = (var(&shape, seed), var(&[c], seed ^ 1), var(&[c], seed ^ 2));
            let ours = || batch_norm(&x, &gamma, &beta, 1e-5, relu).unwrap().0;
            same_gradients(&[&x, &gamma, &beta], ours, || naive(&x, &gamma, &beta, relu), 2e-3);
        }

        #[test]
        fn evaluation_agrees_with_its_definition(
            n in 1usize..5, c in 1usize..40, h in 1usize..6, relu: bool, seed: u64,
        ) {
            let (x, gamma, beta) = (var(&[n, c, h, h], seed), var(&[c], seed ^ 1), var(&[c], seed ^ 2));
            let (mean, spread) = (var(&[c], seed ^ 3), var(&[c], seed ^ 4));
            let variance = (spread.sqr().unwrap() + 0.1).unwrap();
            let ours = || batch_norm_eval(&x, &mean, &variance, &gamma, &beta, 1e-5, relu).unwrap();
            let plain = || {
                let centred = x.broadcast_sub(&per_channel(&mean, &x).unwrap()).unwrap();
                finish(&centred, &per_channel(&variance, &x).unwrap(), &gamma, &beta, 1e-5, relu).unwrap()
            };
            same_gradients(&[&x, &gamma, &beta], ours, plain, 1e-4);
        }
    }

    #[test]
    fn the_gradients_of_batch_norm_agree_with_finite_differences() {
        for shape in [vec![3, 4, 3, 5], vec![3, 4, 1, 2], vec![9, 4]] {
            let (x, gamma, beta) = (var(&shape, 1), var(&[4], 2), var(&[4], 3));
            let ours = || batch_norm(&x, &gamma, &beta, 1e-5, false).unwrap().0;
            finite_differences(&[&x, &gamma, &beta], 3e-3, 2e-2, ours);
            let (mean, variance) = (gamma.zeros_like().unwrap(), gamma.ones_like().unwrap());
            let eval = || batch_norm_eval(&x, &mean, &variance, &gamma, &beta, 1e-5, false).unwrap();
            finite_differences(&[&x, &gamma, &beta], 3e-3, 2e-2, eval);
        }
    }

    #[test]
    fn statistics_survive_a_far_offset() {
        for shape in [vec![64, 2, 4, 4], vec![512, 2]] {
            let x = var(&shape, 5);
            let (gamma, beta) = (var(&[2], 1), var(&[2], 2));
            let far = (x.as_tensor() + 4096.0).unwrap();
            let (_, near_stats) = batch_norm(&x, &gamma, &beta, 1e-5, false).unwrap();
            let (_, far_stats) = batch_norm(&far, &gamma, &beta, 1e-5, false).unwrap();
            // The inputs themselves are rounded to 1/2048.
            close("variance", &far_stats.var, &near_stats.var, 1e-3);
            assert_eq!(far_stats.count, x.elem_count() / 2);
        }
    }

    #[test]
    fn the_composition_gives_the_same_values_and_statistics() {
        let (x, gamma, beta) = (var(&[3, 4, 5, 2], 1), var(&[4], 2), var(&[4], 3));
        let (y, stats) = batch_norm(&x, &gamma, &beta, 1e-5, true).unwrap();
        let wide = |t: &Tensor| t.to_dtype(DType::F64).unwrap();
        let back = |t: &Tensor| t.to_dtype(DType::F32).unwrap();
        let (y64, stats64) = batch_norm(&wide(&x), &wide(&gamma), &wide(&beta), 1e-5, true).unwrap();
        close("value", &y, &back(&y64), 1e-5);
        close("mean", &stats.mean, &back(&stats64.mean), 1e-5);
        close("variance", &stats.var, &back(&stats64.var), 1e-5);
    }

    #[test]
    fn a_nan_passes_through_so_that_divergence_is_seen() {
        let x = Tensor::new(&[[1f32], [f32::NAN]], &candle_core::Device::Cpu).unwrap();
        let one = Tensor::new(&[1f32], &candle_core::Device::Cpu).unwrap();
        assert!(flat(&batch_norm(&x, &one, &one, 1e-5, true).unwrap().0)[1].is_nan());
    }
}
