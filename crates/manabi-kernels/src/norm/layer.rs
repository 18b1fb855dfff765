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
use crate::vector::{sum_over, sums_over};

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
    let op = LayerNorm { eps, rows: OnceLock::new() };
    x.contiguous()?.apply_op3(&gamma.contiguous()?, &beta.contiguous()?, op)
}

struct LayerNorm {
    eps: f64,
    /// Mean and inverse deviation of each row.
    rows: OnceLock<Vec<(f32, f32)>>,
}

wide! {
    fn forward(x: &[f32], gamma: &[f32], beta: &[f32], eps: f32, y: &mut [f32], stats: &mut [(f32, f32)]) {
        let d = gamma.len();
        let rows = x.chunks_exact(d).zip(y.chunks_exact_mut(d)).zip(stats);
        for ((x, y), stat) in rows {
            // The second pass corrects the mean too: that of equal numbers is then exact, and their variance zero, where
            // one unit in the last place, divided by √ε, would be read as a feature.
            let rough = sum_over([x], |[x]| x) / d as f32;
            let sums = sums_over([x], |[x]| [x - rough, (x - rough) * (x - rough)]);
            let [off, square] = sums.map(|sum| sum / d as f32);
            let (mean, variance) = (rough + off, square - off * off);
            // Not `max`, behind which NaN would be 0.
            let variance = if variance < 0.0 { 0.0 } else { variance };
            let scale = 1.0 / (variance + eps).sqrt();
            *stat = (mean, scale);
            for (((y, x), gamma), beta) in y.iter_mut().zip(x).zip(gamma).zip(beta) {
                *y = (x - mean) * scale * gamma + beta;
            }
        }
    }

    fn backward_x(x: &[f32], gamma: &[f32], grad: &[f32], add: &[f32], stats: &[(f32, f32)], gx: &mut [f32]) {
        let d = gamma.len();
        let rows = x.chunks_exact(d).zip(grad.chunks_exact(d)).zip(gx.chunks_exact_mut(d)).zip(stats);
        for (row, (((x, g), gx), &(mean, scale))) in rows.enumerate() {
            let sums = sums_over([x, g, gamma], |[x, g, gamma]| [g * gamma, g * gamma * ((x - mean) * scale)]);
            let [first, second] = sums.map(|sum| sum / d as f32);
            for (((gx, x), g), gamma) in gx.iter_mut().zip(x).zip(g).zip(gamma) {
                let unit = (x - mean) * scale;
                *gx = scale * (g * gamma - first - unit * second);
            }
            if let Some(add) = add.get(row * d..(row + 1) * d) {
                for (gx, add) in gx.iter_mut().zip(add) {
                    *gx += add;
                }
            }
        }
    }

    fn backward_parameters(x: &[f32], grad: &[f32], stats: &[(f32, f32)], g_gamma: &mut [f32], g_beta: &mut [f32]) {
        let d = g_gamma.len();
        for ((x, g), &(mean, scale)) in x.chunks_exact(d).zip(grad.chunks_exact(d)).zip(stats) {
            for (((g_gamma, g_beta), x), g) in g_gamma.iter_mut().zip(&mut *g_beta).zip(x).zip(g) {
                *g_gamma += g * ((x - mean) * scale);
                *g_beta += g;
            }
        }
    }
}

/// Writes the normalised rows; returns mean and inverse deviation of each.
pub(crate) fn normalize(x: &[f32], gamma: &[f32], beta: &[f32], eps: f64, y: &mut [f32]) -> Vec<(f32, f32)> {
    let d = gamma.len();
    let mut stats = vec![(0f32, 0f32); x.len() / d];
    x.par_chunks(d * ROWS)
        .zip(y.par_chunks_mut(d * ROWS))
        .zip(stats.par_chunks_mut(ROWS))
        .for_each(|((x, y), stats)| forward(x, gamma, beta, eps as f32, y, stats));
    stats
}

/// What a gradient is for, beside the parameters.
#[derive(Clone, Copy)]
pub(crate) enum Needs<'a> {
    /// Nothing: the input needs none.
    Parameters,
    /// The input, and what is added to its gradient (nothing, or as long as the input).
    Input(&'a [f32]),
}

/// The gradients of the input where wanted, of scale and shift.
pub(crate) fn gradients(
    x: &[f32],
    gamma: &[f32],
    g: &[f32],
    stats: &[(f32, f32)],
    wanted: Needs<'_>,
) -> (Option<Vec<f32>>, Vec<f32>, Vec<f32>) {
    let d = gamma.len();
    let mut sums = vec![0f32; x.len().div_ceil(d * ROWS) * 2 * d];
    let part = |piece: usize| piece * d * ROWS..((piece + 1) * d * ROWS).min(x.len());
    let parameters = |piece: usize, sums: &mut [f32]| {
        let (g_gamma, g_beta) = sums.split_at_mut(d);
        backward_parameters(&x[part(piece)], &g[part(piece)], &stats[piece * ROWS..], g_gamma, g_beta);
    };
    let gx = match wanted {
        Needs::Parameters => {
            sums.par_chunks_mut(2 * d).enumerate().for_each(|(piece, sums)| parameters(piece, sums));
            None
        }
        Needs::Input(add) => {
            let fill = |gx: &mut [f32]| {
                let pieces = gx.par_chunks_mut(d * ROWS).zip(sums.par_chunks_mut(2 * d)).enumerate();
                pieces.for_each(|(piece, (gx, sums))| {
                    let add = add.get(part(piece)).unwrap_or(&[]);
                    backward_x(&x[part(piece)], gamma, &g[part(piece)], add, &stats[piece * ROWS..], gx);
                    parameters(piece, sums);
                });
            };
            // SAFETY: the chunks cover gx, and each row is written whole.
            Some(unsafe { built(x.len(), fill) })
        }
    };
    let mut g_gamma = column_sums(&sums, 2 * d);
    let g_beta = g_gamma.split_off(d);
    (gx, g_gamma, g_beta)
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
        let mut stats = Vec::new();
        // SAFETY: every row is written whole.
        let y = unsafe { built(x.len(), |y| stats = normalize(x, gamma, beta, self.eps, y)) };
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
        let needs = if x.track_op() { Needs::Input(&[]) } else { Needs::Parameters };
        let (gx, g_gamma, g_beta) =
            with(x, |x| with(gamma, |gamma| with(grad, |g| Ok(gradients(x, gamma, g, stats, needs)))))?;
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
    fn equal_numbers_have_no_features() {
        let x = Tensor::new(&[[1.7f32; 6], [-0.3; 6]], &candle_core::Device::Cpu).unwrap();
        let (gamma, beta) = (x.ones_like().unwrap().get(0).unwrap(), x.zeros_like().unwrap().get(0).unwrap());
        let y = layer_norm(&x, &gamma, &beta, 1e-12).unwrap();
        assert_eq!(crate::testing::flat(&y), [0.0; 12]);
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
