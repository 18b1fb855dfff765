//! The loss of a logistic unit, ln(1 + e^z), summed over a matrix with a weight for each row: what negative sampling
//! (word2vec) and detection (ELECTRA) add up.
//!
//! `ℓ = Σ_i w_i Σ_k ln(1 + e^(s z(i, k)))`, s = ±1. Shapes: z (N, K), w (N), ℓ a scalar. Gradient `w_i s σ(s z(i, k))`. Cost: one
//! exponential an element each way. The logarithm is taken of products: of `1 + e^(−|z|)`, at most 2, sixty-four multiply
//! without overflow, so that there is one logarithm for as many elements. Each task takes a fixed number of rows; the sum
//! is taken in `f64`, in order.

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::rows;
use crate::memory::built;
use crate::storage::{Forward, fast, slice, tensor_like, with};
use crate::vector::exp;

/// Lanes that are multiplied apart.
const LANES: usize = 16;
/// Factors a lane takes before its logarithm is taken.
const FACTORS: usize = 64;

/// `Σ_i weights[i] Σ_k ln(1 + e^(s z(i, k)))` of `z` (N, K); s is −1 with `negated`, else 1. A scalar.
pub fn softplus_sum(z: &Tensor, weights: &[f32], negated: bool) -> Result<Tensor> {
    let (n, k) = z.dims2()?;
    if weights.len() != n {
        bail!("softplus_sum: {n} rows but {} weights", weights.len())
    }
    if !fast(&[z]) || n * k == 0 {
        let z = if negated { z.neg()? } else { z.clone() };
        let soft = (z.relu()? + (z.abs()?.neg()?.exp()? + 1.0)?.log()?)?;
        let weights = Tensor::from_slice(weights, (n, 1), z.device())?.to_dtype(z.dtype())?;
        return soft.broadcast_mul(&weights)?.sum_all();
    }
    z.contiguous()?.apply_op1(SoftplusSum { weights: weights.into(), sign: if negated { -1.0 } else { 1.0 } })
}

struct SoftplusSum {
    weights: Arc<[f32]>,
    sign: f32,
}

wide! {
    fn forward(z: &[f32], k: usize, weights: &[f32], sign: f32) -> f64 {
        let mut total = 0f64;
        for (z, weight) in z.chunks_exact(k).zip(weights) {
            let mut row = 0f64;
            for z in z.chunks(LANES * FACTORS) {
                let (mut above, mut factors) = ([0f32; LANES], [1f32; LANES]);
                let (whole, rest) = z.as_chunks::<LANES>();
                for z in whole {
                    for l in 0..LANES {
                        let z = sign * z[l];
                        above[l] += z.max(0.0);
                        factors[l] *= 1.0 + exp(-z.abs());
                    }
                }
                for (l, z) in rest.iter().enumerate() {
                    let z = sign * z;
                    above[l] += z.max(0.0);
                    factors[l] *= 1.0 + exp(-z.abs());
                }
                row += above.iter().zip(factors).map(|(a, f)| f64::from(*a) + f64::from(f.ln())).sum::<f64>();
            }
            total += f64::from(*weight) * row;
        }
        total
    }

    fn backward(z: &[f32], k: usize, weights: &[f32], sign: f32, scale: f32, gz: &mut [f32]) {
        for ((z, weight), gz) in z.chunks_exact(k).zip(weights).zip(gz.chunks_exact_mut(k)) {
            let scale = scale * weight * sign;
            for (gz, z) in gz.iter_mut().zip(z) {
                // σ without overflow, from e^(−|z|) on either side.
                let z = sign * z;
                let e = exp(-z.abs());
                *gz = scale * (if z >= 0.0 { 1.0 } else { e }) / (1.0 + e);
            }
        }
    }
}

impl CustomOp1 for SoftplusSum {
    fn name(&self) -> &'static str {
        "manabi-softplus-sum"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Forward {
        let z = slice(storage, layout, self.name())?;
        let k = layout.shape().dims2()?.1;
        let at_once = rows(k);
        let sums: Vec<f64> = z
            .par_chunks(at_once * k)
            .zip(self.weights.par_chunks(at_once))
            .map(|(z, weights)| forward(z, k, weights, self.sign))
            .collect();
        Ok((CpuStorage::F32(vec![sums.iter().sum::<f64>() as f32]), Shape::from(())))
    }

    fn bwd(&self, z: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let k = z.dims2()?.1;
        let (at_once, scale) = (rows(k), grad.to_scalar::<f32>()?);
        let gz = with(z, |z| {
            let fill = |gz: &mut [f32]| {
                z.par_chunks(at_once * k)
                    .zip(gz.par_chunks_mut(at_once * k))
                    .zip(self.weights.par_chunks(at_once))
                    .for_each(|((z, gz), weights)| backward(z, k, weights, self.sign, scale, gz));
            };
            // SAFETY: the pieces cover the output, and each row is written whole.
            Ok(unsafe { built(z.len(), fill) })
        })?;
        Ok(Some(tensor_like(gz, z)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{any_threads, figures, finite_differences, same_gradients, sine, var};
    use candle_core::Device;
    use proptest::prelude::*;

    fn weights(n: usize) -> Vec<f32> {
        (0..n).map(|i| 0.5 + (i % 3) as f32).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn the_sum_and_its_gradient_agree_with_the_definition(n in 1usize..40, k in 1usize..90, negated: bool, seed: u64) {
            let (z, w) = (var(&[n, k], seed), weights(n));
            let plain = || {
                let z = if negated { z.neg().unwrap() } else { z.as_tensor().clone() };
                let soft = (z.exp().unwrap() + 1.0).unwrap().log().unwrap();
                let w = Tensor::from_slice(&w, (n, 1), &Device::Cpu).unwrap();
                soft.broadcast_mul(&w).unwrap().sum_all().unwrap()
            };
            same_gradients(&[&z], || softplus_sum(&z, &w, negated).unwrap(), plain, 2e-5);
        }
    }

    // z = torch.sin(0.7 * torch.arange(6.)).reshape(2, 3); (torch.tensor([[1.], [2.]]) * F.softplus(-z)).sum()
    #[test]
    fn the_figure_is_that_of_pytorch() {
        figures("value", &softplus_sum(&sine(&[2, 3], 0.0), &[1.0, 2.0], true).unwrap(), &[4.983155]);
    }

    #[test]
    fn far_from_zero_it_is_linear_on_one_side_and_nothing_on_the_other() {
        let z = candle_core::Var::from_vec(vec![200.0f32, -200.0, 0.0], (1, 3), &Device::Cpu).unwrap();
        let loss = softplus_sum(&z, &[1.0], false).unwrap();
        figures("value", &loss, &[200.693_15]);
        let grads = loss.backward().unwrap();
        figures("gradient", grads.get(&z).unwrap(), &[1.0, 0.0, 0.5]);
        let long = Tensor::full(-1.0f32, (1, 5000), &Device::Cpu).unwrap();
        let value = softplus_sum(&long, &[1.0], true).unwrap().to_scalar::<f32>().unwrap();
        assert!((value - 5000.0 * 1.313_261_6).abs() < 0.05, "{value}");
    }

    #[test]
    fn gradients_agree_with_finite_differences_and_threads_change_nothing() {
        let z = var(&[3, 4], 5);
        finite_differences(&[&z], 1e-2, 1e-2, || softplus_sum(&z, &[0.5, 1.0, 2.0], false).unwrap());
        let large = var(&[900, 70], 3);
        any_threads(&[&large], || softplus_sum(&large, &weights(900), true).unwrap());
        assert!(softplus_sum(&large, &[1.0], false).unwrap_err().to_string().contains("900 rows but 1 weights"));
    }
}
