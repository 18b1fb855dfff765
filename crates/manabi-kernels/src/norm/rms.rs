//! Root-mean-square normalisation, y = x / √(mean(x²) + ε) · γ over the last dimension (Zhang & Sennrich,
//! arXiv:1910.07467).
//!
//! Shapes: x (.., D), γ (D). Forward one pass over the rows, each read twice from the first-level cache. Backward, with
//! r the inverse root and x̂ = x r: gx = r (gγ − x̂ mean(gγ x̂)), gγ = Σ g x̂ over rows. Each task takes 64 rows; the sums
//! over rows go by those blocks, in order.

use std::sync::OnceLock;

use candle_core::{CpuStorage, CustomOp2, D, Layout, Result, Tensor};
use rayon::prelude::*;

use super::{ROWS, column_sums};
use crate::memory::built;
use crate::storage::{Forward, check_shape, fast, last_dim, slice, tensor_like, with};
use crate::vector::sum_over;

/// Divides each row of `x` (.., D) by its root mean square, then scales by `gamma` (D).
pub fn rms_norm(x: &Tensor, gamma: &Tensor, eps: f64) -> Result<Tensor> {
    let d = last_dim("rms_norm", x)?;
    check_shape("rms_norm", "gamma", gamma, &[d])?;
    if !fast(&[x, gamma]) {
        let root = (x.sqr()?.mean_keepdim(D::Minus1)? + eps)?.sqrt()?;
        return x.broadcast_div(&root)?.broadcast_mul(gamma);
    }
    let op = RmsNorm { eps: eps as f32, scales: OnceLock::new() };
    x.contiguous()?.apply_op2(&gamma.contiguous()?, op)
}

struct RmsNorm {
    eps: f32,
    /// The inverse root mean square of each row.
    scales: OnceLock<Vec<f32>>,
}

wide! {
    fn forward(x: &[f32], gamma: &[f32], eps: f32, y: &mut [f32], scales: &mut [f32]) {
        let d = gamma.len();
        for ((x, y), scale) in x.chunks_exact(d).zip(y.chunks_exact_mut(d)).zip(scales) {
            let square = sum_over([x], |[x]| x * x) / d as f32;
            *scale = 1.0 / (square + eps).sqrt();
            for ((y, x), gamma) in y.iter_mut().zip(x).zip(gamma) {
                *y = x * *scale * gamma;
            }
        }
    }

    fn backward_x(x: &[f32], gamma: &[f32], grad: &[f32], scales: &[f32], gx: &mut [f32]) {
        let d = gamma.len();
        let rows = x.chunks_exact(d).zip(grad.chunks_exact(d)).zip(gx.chunks_exact_mut(d)).zip(scales);
        for (((x, g), gx), &scale) in rows {
            let along = sum_over([x, g, gamma], |[x, g, gamma]| g * gamma * (x * scale)) / d as f32;
            for (((gx, x), g), gamma) in gx.iter_mut().zip(x).zip(g).zip(gamma) {
                *gx = scale * (g * gamma - x * scale * along);
            }
        }
    }

    fn backward_gamma(x: &[f32], grad: &[f32], scales: &[f32], g_gamma: &mut [f32]) {
        let d = g_gamma.len();
        for ((x, g), &scale) in x.chunks_exact(d).zip(grad.chunks_exact(d)).zip(scales) {
            for ((g_gamma, x), g) in g_gamma.iter_mut().zip(x).zip(g) {
                *g_gamma += g * (x * scale);
            }
        }
    }
}

impl CustomOp2 for RmsNorm {
    fn name(&self) -> &'static str {
        "manabi-rms-norm"
    }

    fn cpu_fwd(&self, s1: &CpuStorage, l1: &Layout, s2: &CpuStorage, l2: &Layout) -> Forward {
        let (x, gamma) = (slice(s1, l1, self.name())?, slice(s2, l2, self.name())?);
        let d = gamma.len();
        let mut scales = vec![0f32; x.len() / d];
        let fill = |y: &mut [f32]| {
            let pieces = x.par_chunks(d * ROWS).zip(y.par_chunks_mut(d * ROWS)).zip(scales.par_chunks_mut(ROWS));
            pieces.for_each(|((x, y), scales)| forward(x, gamma, self.eps, y, scales));
        };
        // SAFETY: the pieces cover x, and y has its length; each row is written whole.
        let y = unsafe { built(x.len(), fill) };
        // The forward pass runs once for each instance.
        let _ = self.scales.set(scales);
        Ok((CpuStorage::F32(y), l1.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, gamma: &Tensor, _: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let scales = self.scales.get().map_or(&[][..], |scales| scales);
        let d = gamma.elem_count();
        let (gx, g_gamma) = with(x, |xs| {
            with(gamma, |gammas| {
                with(grad, |g| {
                    let gx = x.track_op().then(|| {
                        let fill = |gx: &mut [f32]| {
                            let pieces = xs.par_chunks(d * ROWS).zip(g.par_chunks(d * ROWS));
                            let pieces = pieces.zip(gx.par_chunks_mut(d * ROWS)).zip(scales.par_chunks(ROWS));
                            pieces.for_each(|(((x, g), gx), scales)| backward_x(x, gammas, g, scales, gx));
                        };
                        // SAFETY: as in the forward pass.
                        unsafe { built(xs.len(), fill) }
                    });
                    let g_gamma = gamma.track_op().then(|| {
                        let mut sums = vec![0f32; xs.len().div_ceil(d * ROWS) * d];
                        let pieces = xs.par_chunks(d * ROWS).zip(g.par_chunks(d * ROWS)).zip(scales.par_chunks(ROWS));
                        let pieces = pieces.zip(sums.par_chunks_mut(d));
                        pieces.for_each(|(((x, g), scales), sums)| backward_gamma(x, g, scales, sums));
                        column_sums(&sums, d)
                    });
                    Ok((gx, g_gamma))
                })
            })
        })?;
        let tensor = |values: Option<Vec<f32>>, like| values.map(|v| tensor_like(v, like)).transpose();
        Ok((tensor(gx, x)?, tensor(g_gamma, gamma)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{close, figures, finite_differences, flat, in_f64, same_gradients, sine, var, weighted};
    use candle_core::{Device, Var};
    use proptest::prelude::*;

    fn naive(x: &Tensor, gamma: &Tensor) -> Tensor {
        let root = (x.sqr().unwrap().mean_keepdim(D::Minus1).unwrap() + 1e-5).unwrap().sqrt().unwrap();
        x.broadcast_div(&root).unwrap().broadcast_mul(gamma).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20))]

        #[test]
        fn rms_norm_agrees_with_its_definition(n in 1usize..150, t in 1usize..4, d in 1usize..70, seed: u64) {
            let (x, gamma) = (var(&[n, t, d], seed), var(&[d], seed ^ 1));
            // A row of almost nothing has a gradient of almost 1 / √ε, which is mostly rounding.
            let smallest = flat(&x.sqr().unwrap().mean(D::Minus1).unwrap()).into_iter().fold(1.0, f32::min);
            prop_assume!(smallest > 1e-3);
            same_gradients(&[&x, &gamma], || rms_norm(&x, &gamma, 1e-5).unwrap(), || naive(&x, &gamma), 1e-3);
        }
    }

    #[test]
    fn the_gradients_of_rms_norm_agree_with_finite_differences() {
        let (x, gamma) = (var(&[6, 9], 1), var(&[9], 2));
        finite_differences(&[&x, &gamma], 3e-3, 2e-2, || rms_norm(&x, &gamma, 1e-5).unwrap());
    }

    // x = sin(0.7 i) as (2, 3), w = sin(0.7 i + 1) as (3), both requiring gradients;
    // y = F.rms_norm(x, (3,), w, eps=1e-3); (y * cos(arange(6)).reshape(2, 3)).sum().backward()
    #[test]
    fn rms_norm_has_pytorchs_figures() {
        let (x, gamma) = (sine(&[2, 3], 0.0), sine(&[3], 1.0));
        let y = rms_norm(&x, &gamma, 1e-3).unwrap();
        figures("value", &y, &[0.0, 0.93883, 0.978196, 1.268679, 0.580217, -0.413844]);
        let grads = weighted(&y).backward().unwrap();
        let gx = [1.236598, 0.740934, -0.484151, 0.083415, -0.535123, -0.290517];
        figures("gx", grads.get(&x).unwrap(), &gx);
        figures("gγ", grads.get(&gamma).unwrap(), &[-1.492603, 0.129073, -0.776452]);
    }

    #[test]
    fn other_types_and_strided_inputs_give_the_same() {
        let (x, gamma) = (var(&[9, 6], 1), var(&[9], 2));
        let strided = x.t().unwrap();
        let y = rms_norm(&strided, &gamma, 1e-5).unwrap();
        close("strided", &y, &rms_norm(&strided.contiguous().unwrap(), &gamma, 1e-5).unwrap(), 0.0);
        close("in f64", &y, &in_f64(|t| rms_norm(&t[0], &t[1], 1e-5), &[&strided, &gamma]), 1e-5);
    }

    #[test]
    fn only_what_tracks_gradients_gets_one() {
        let (x, gamma) = (var(&[4, 5], 1), var(&[5], 2));
        let grads = rms_norm(&x.detach(), &gamma, 1e-5).unwrap().sum_all().unwrap().backward().unwrap();
        assert!(grads.get(&gamma).is_some() && grads.get(&x).is_none());
        let frozen = gamma.detach();
        let grads = rms_norm(&x, &frozen, 1e-5).unwrap().sum_all().unwrap().backward().unwrap();
        assert!(grads.get(&x).is_some() && grads.get(&frozen).is_none());
    }

    #[test]
    fn nan_stays_in_its_row_and_bad_shapes_are_refused() {
        let x = Var::new(&[[f32::NAN, 1.0], [3.0, 4.0]], &Device::Cpu).unwrap();
        let gamma = Tensor::ones(2, candle_core::DType::F32, &Device::Cpu).unwrap();
        let y = flat(&rms_norm(&x, &gamma, 0.0).unwrap());
        assert!(y[0].is_nan() && y[1].is_nan() && (y[3] - 4.0 / 12.5f32.sqrt()).abs() < 1e-6, "{y:?}");
        let message = rms_norm(&x, &var(&[3], 1), 0.0).unwrap_err().to_string();
        assert!(message.contains("[3]") && message.contains("[2]"), "{message}");
        assert!(rms_norm(&var(&[2, 0], 1), &var(&[0], 1), 0.0).is_err());
        assert_eq!(rms_norm(&var(&[0, 2], 1), &gamma, 0.0).unwrap().dims(), [0, 2]);
    }
}
