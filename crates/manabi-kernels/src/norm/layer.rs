//! Layer normalisation, y = (x − μ) / √(σ² + ε) · γ + β over the last dimension.
//!
//! Shapes: x (.., D), γ and β (D). One pass over the rows, each read three times from the first-level cache; backward
//! gx = r (gγ − mean(gγ) − x̂ mean(gγ x̂)) with x̂ the normalised row and r its inverse deviation.

use std::sync::OnceLock;

use candle_core::{CpuStorage, CustomOp3, D, Layout, Result, Tensor};
use rayon::prelude::*;

use super::{ROWS, column_sums};
use crate::memory::built;
use crate::storage::{Forward, check_shape, fast, last_dim, slice, tensor_like, wanted, with};
use crate::vector::sum_by;

/// Normalises the last dimension of `x` (.., D), then scales by `gamma` (D) and shifts by `beta` (D).
pub fn layer_norm(x: &Tensor, gamma: &Tensor, beta: &Tensor, eps: f64) -> Result<Tensor> {
    let d = last_dim("layer_norm", x)?;
    check_shape("layer_norm", "gamma", gamma, &[d])?;
    check_shape("layer_norm", "beta", beta, &[d])?;
    if !fast(&[x, gamma, beta]) {
        let centred = x.broadcast_sub(&x.mean_keepdim(D::Minus1)?)?;
        let variance = centred.sqr()?.mean_keepdim(D::Minus1)?;
        let unit = centred.broadcast_div(&(variance + eps)?.sqrt()?)?;
        return unit.broadcast_mul(gamma)?.broadcast_add(beta);
    }
    let op = LayerNorm { eps: eps as f32, rows: OnceLock::new() };
    x.contiguous()?.apply_op3(&gamma.contiguous()?, &beta.contiguous()?, op)
}

struct LayerNorm {
    eps: f32,
    /// Mean and inverse deviation of each row.
    rows: OnceLock<Vec<(f32, f32)>>,
}

wide! {
    fn forward(x: &[f32], gamma: &[f32], beta: &[f32], eps: f32, y: &mut [f32], stats: &mut [(f32, f32)]) {
        let d = gamma.len();
        let rows = x.chunks_exact(d).zip(y.chunks_exact_mut(d)).zip(stats);
        for ((x, y), stat) in rows {
            let mean = sum_by(d, |i| x[i]) / d as f32;
            let variance = sum_by(d, |i| (x[i] - mean) * (x[i] - mean)) / d as f32;
            let scale = 1.0 / (variance + eps).sqrt();
            *stat = (mean, scale);
            for i in 0..d {
                y[i] = (x[i] - mean) * scale * gamma[i] + beta[i];
            }
        }
    }

    fn backward_x(x: &[f32], gamma: &[f32], grad: &[f32], stats: &[(f32, f32)], gx: &mut [f32]) {
        let d = gamma.len();
        let rows = x.chunks_exact(d).zip(grad.chunks_exact(d)).zip(gx.chunks_exact_mut(d)).zip(stats);
        for (((x, g), gx), &(mean, scale)) in rows {
            let first = sum_by(d, |i| g[i] * gamma[i]) / d as f32;
            let second = sum_by(d, |i| g[i] * gamma[i] * ((x[i] - mean) * scale)) / d as f32;
            for i in 0..d {
                let unit = (x[i] - mean) * scale;
                gx[i] = scale * (g[i] * gamma[i] - first - unit * second);
            }
        }
    }

    fn backward_parameters(x: &[f32], grad: &[f32], stats: &[(f32, f32)], g_gamma: &mut [f32], g_beta: &mut [f32]) {
        let d = g_gamma.len();
        let g_beta = &mut g_beta[..d];
        for ((x, g), &(mean, scale)) in x.chunks_exact(d).zip(grad.chunks_exact(d)).zip(stats) {
            for i in 0..d {
                g_gamma[i] += g[i] * ((x[i] - mean) * scale);
                g_beta[i] += g[i];
            }
        }
    }
}

impl CustomOp3 for LayerNorm {
    fn name(&self) -> &'static str {
        "manabi-layer-norm"
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
        let d = gamma.len();
        let mut stats = vec![(0f32, 0f32); x.len() / d];
        let fill = |y: &mut [f32]| {
            x.par_chunks(d * ROWS)
                .zip(y.par_chunks_mut(d * ROWS))
                .zip(stats.par_chunks_mut(ROWS))
                .for_each(|((x, y), stats)| forward(x, gamma, beta, self.eps, y, stats));
        };
        // SAFETY: the chunks cover x, and y has its length; each row is written whole.
        let y = unsafe { built(x.len(), fill) };
        // The forward pass runs once for each instance.
        let _ = self.rows.set(stats);
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
        let stats = self.rows.get().map_or(&[][..], |rows| rows);
        let d = gamma.elem_count();
        let parameters = gamma.track_op() || beta.track_op();
        let (gx, g_gamma, g_beta) = with(x, |xs| {
            with(gamma, |gammas| {
                with(grad, |g| {
                    let mut sums = vec![0f32; xs.len().div_ceil(d * ROWS) * 2 * d];
                    // The rows of x, g and their statistics that piece number `piece` is made of.
                    let rows = |piece: usize| {
                        let part = piece * d * ROWS..((piece + 1) * d * ROWS).min(xs.len());
                        (&xs[part.clone()], &g[part], &stats[piece * ROWS..])
                    };
                    let add = |piece: usize, sums: &mut [f32]| {
                        let ((x, g, stats), (g_gamma, g_beta)) = (rows(piece), sums.split_at_mut(d));
                        backward_parameters(x, g, stats, g_gamma, g_beta);
                    };
                    let gx = x.track_op().then(|| {
                        let fill = |gx: &mut [f32]| {
                            let pieces = gx.par_chunks_mut(d * ROWS).zip(sums.par_chunks_mut(2 * d)).enumerate();
                            pieces.for_each(|(piece, (gx, sums))| {
                                let (x, g, stats) = rows(piece);
                                backward_x(x, gammas, g, stats, gx);
                                if parameters {
                                    add(piece, sums);
                                }
                            });
                        };
                        // SAFETY: as in the forward pass.
                        unsafe { built(xs.len(), fill) }
                    });
                    if gx.is_none() {
                        sums.par_chunks_mut(2 * d).enumerate().for_each(|(piece, sums)| add(piece, sums));
                    }
                    let mut g_gamma = column_sums(&sums, 2 * d);
                    let g_beta = g_gamma.split_off(d);
                    Ok((gx, g_gamma, g_beta))
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
    use crate::testing::{finite_differences, same_gradients, var};
    use proptest::prelude::*;

    fn naive(x: &Tensor, gamma: &Tensor, beta: &Tensor) -> Tensor {
        let centred = x.broadcast_sub(&x.mean_keepdim(D::Minus1).unwrap()).unwrap();
        let variance = centred.sqr().unwrap().mean_keepdim(D::Minus1).unwrap();
        let unit = centred.broadcast_div(&(variance + 1e-5).unwrap().sqrt().unwrap()).unwrap();
        unit.broadcast_mul(gamma).unwrap().broadcast_add(beta).unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20))]

        #[test]
        fn layer_norm_agrees_with_its_definition(n in 1usize..150, t in 1usize..4, d in 2usize..70, seed: u64) {
            let (x, gamma, beta) = (var(&[n, t, d], seed), var(&[d], seed ^ 1), var(&[d], seed ^ 2));
            let ours = || layer_norm(&x, &gamma, &beta, 1e-5).unwrap();
            same_gradients(&[&x, &gamma, &beta], ours, || naive(&x, &gamma, &beta), 3e-4);
        }
    }

    #[test]
    fn the_gradients_of_layer_norm_agree_with_finite_differences() {
        let (x, gamma, beta) = (var(&[6, 9], 1), var(&[9], 2), var(&[9], 3));
        finite_differences(&[&x, &gamma, &beta], 3e-3, 2e-2, || layer_norm(&x, &gamma, &beta, 1e-5).unwrap());
    }

    #[test]
    fn a_far_offset_does_not_harm_the_variance() {
        let x = var(&[4, 64], 3);
        let (gamma, beta) = (x.ones_like().unwrap().get(0).unwrap(), x.zeros_like().unwrap().get(0).unwrap());
        let near = layer_norm(&x, &gamma, &beta, 1e-5).unwrap();
        let far = layer_norm(&(x.as_tensor() + 1024.0).unwrap(), &gamma, &beta, 1e-5).unwrap();
        crate::testing::close("shifted", &far, &near, 2e-3);
    }
}
