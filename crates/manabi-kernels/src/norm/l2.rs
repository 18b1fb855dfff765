//! Rows scaled to unit length, y = x / max(‖x‖, ε).
//!
//! Shapes: x (N, D). Backward: gx = (g − y (y·g)) / ‖x‖, or g / ε for a row shorter than ε.

use candle_core::{CpuStorage, CustomOp1, D, Layout, Result, Tensor};
use rayon::prelude::*;

use super::ROWS;
use crate::memory::built;
use crate::storage::{Forward, fast, last_dim, slice, tensor_like, with};
use crate::vector::sum_over;

/// Scales each row of `x` (N, D) to length 1; rows shorter than `eps` are divided by `eps`.
pub fn l2_normalize(x: &Tensor, eps: f64) -> Result<Tensor> {
    last_dim("l2_normalize", x)?;
    if !fast(&[x]) {
        // The bound goes under the root, where the gradient of a zero row stays finite.
        let norm = x.sqr()?.sum_keepdim(D::Minus1)?.maximum(eps * eps)?.sqrt()?;
        return x.broadcast_div(&norm);
    }
    x.contiguous()?.apply_op1(Normalize { eps: eps as f32 })
}

struct Normalize {
    eps: f32,
}

wide! {
    fn forward(x: &[f32], d: usize, eps: f32, y: &mut [f32]) {
        for (x, y) in x.chunks_exact(d).zip(y.chunks_exact_mut(d)) {
            let norm = sum_over([x], |[x]| x * x).sqrt();
            let scale = 1.0 / if norm < eps { eps } else { norm };
            for i in 0..d {
                y[i] = x[i] * scale;
            }
        }
    }

    fn backward(x: &[f32], grad: &[f32], d: usize, eps: f32, gx: &mut [f32]) {
        for ((x, g), gx) in x.chunks_exact(d).zip(grad.chunks_exact(d)).zip(gx.chunks_exact_mut(d)) {
            let norm = sum_over([x], |[x]| x * x).sqrt();
            let scale = 1.0 / if norm < eps { eps } else { norm };
            let along = if norm < eps { 0.0 } else { sum_over([x, g], |[x, g]| x * g) * scale * scale };
            for i in 0..d {
                gx[i] = (g[i] - x[i] * along) * scale;
            }
        }
    }
}

impl CustomOp1 for Normalize {
    fn name(&self) -> &'static str {
        "manabi-l2-normalize"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Forward {
        let x = slice(storage, layout, self.name())?;
        let d = layout.dims().last().copied().unwrap_or(1);
        let fill = |y: &mut [f32]| {
            let pieces = x.par_chunks(d * ROWS).zip(y.par_chunks_mut(d * ROWS));
            pieces.for_each(|(x, y)| forward(x, d, self.eps, y));
        };
        // SAFETY: the pieces cover the output, and each row is written whole.
        let y = unsafe { built(x.len(), fill) };
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let d = x.dim(D::Minus1)?;
        let gx = with(x, |x| {
            with(grad, |g| {
                let fill = |gx: &mut [f32]| {
                    let pieces = x.par_chunks(d * ROWS).zip(g.par_chunks(d * ROWS)).zip(gx.par_chunks_mut(d * ROWS));
                    pieces.for_each(|((x, g), gx)| backward(x, g, d, self.eps, gx));
                };
                // SAFETY: as in the forward pass.
                Ok(unsafe { built(x.len(), fill) })
            })
        })?;
        Ok(Some(tensor_like(gx, x)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{finite_differences, same_gradients, var};
    use candle_core::Var;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20))]

        #[test]
        fn unit_rows_agree_with_their_definition(n in 1usize..150, d in 1usize..70, seed: u64) {
            let x = var(&[n, d], seed);
            let naive = || x.broadcast_div(&x.sqr().unwrap().sum_keepdim(1).unwrap().sqrt().unwrap()).unwrap();
            // Rows near zero have gradients that are mostly rounding.
            let shortest = x.sqr().unwrap().sum(1).unwrap().min(0).unwrap().to_scalar::<f32>().unwrap();
            prop_assume!(shortest > 1e-2 && d > 1);
            same_gradients(&[&x], || l2_normalize(&x, 1e-12).unwrap(), naive, 1e-4);
        }
    }

    #[test]
    fn the_gradient_of_unit_rows_agrees_with_finite_differences() {
        let x = var(&[6, 9], 1);
        finite_differences(&[&x], 3e-3, 1e-2, || l2_normalize(&x, 1e-12).unwrap());
        // Every row is shorter than the bound.
        finite_differences(&[&x], 1e-2, 1e-2, || l2_normalize(&x, 100.0).unwrap());
    }

    #[test]
    fn a_zero_row_stays_zero_with_a_finite_gradient() {
        let x = Var::zeros((2, 3), candle_core::DType::F32, &candle_core::Device::Cpu).unwrap();
        let y = l2_normalize(&x, 1e-6).unwrap();
        assert_eq!(crate::testing::flat(&y), [0.0; 6]);
        let grads = y.sum_all().unwrap().backward().unwrap();
        assert!(crate::testing::flat(grads.get(&x).unwrap()).iter().all(|v| v.is_finite()));
    }
}
