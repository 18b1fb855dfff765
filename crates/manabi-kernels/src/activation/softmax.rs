//! Softmax and its logarithm over the last dimension, shifted by the row's maximum.
//!
//! Shapes: x (.., D). Backward: y (g − y·g) for softmax, g − e^y Σg for its logarithm.

use candle_core::{CpuStorage, CustomOp1, D, Layout, Result, Tensor};
use rayon::prelude::*;

use crate::memory::built;
use crate::storage::{Forward, fast, last_dim, slice, tensor_like, with};
use crate::vector::{exp, max, sum_over};

/// Rows a task takes at once.
const ROWS: usize = 64;

/// e^x / Σ e^x over the last dimension.
pub fn softmax_last(x: &Tensor) -> Result<Tensor> {
    last_dim("softmax", x)?;
    if !fast(&[x]) {
        return log_softmax_plain(x)?.exp();
    }
    x.contiguous()?.apply_op1(Softmax { log: false })
}

/// The logarithm of the softmax over the last dimension.
pub fn log_softmax_last(x: &Tensor) -> Result<Tensor> {
    last_dim("softmax", x)?;
    if !fast(&[x]) {
        return log_softmax_plain(x);
    }
    x.contiguous()?.apply_op1(Softmax { log: true })
}

fn log_softmax_plain(x: &Tensor) -> Result<Tensor> {
    let shifted = x.broadcast_sub(&x.max_keepdim(D::Minus1)?.detach())?;
    shifted.broadcast_sub(&shifted.exp()?.sum_keepdim(D::Minus1)?.log()?)
}

struct Softmax {
    log: bool,
}

/// e^x scaled by `scale` over its sum, in place.
#[inline(always)]
pub(crate) fn softmax_row(row: &mut [f32], scale: f32) {
    let top = max(row);
    for v in row.iter_mut() {
        *v = exp((*v - top) * scale);
    }
    let total = 1.0 / sum_over([row], |[v]| v);
    for v in row.iter_mut() {
        *v *= total;
    }
}

wide! {
    fn forward(x: &[f32], d: usize, log: bool, y: &mut [f32]) {
        for (x, y) in x.chunks_exact(d).zip(y.chunks_exact_mut(d)) {
            if log {
                let top = max(x);
                let shift = top + sum_over([x], |[v]| exp(v - top)).ln();
                for i in 0..d {
                    y[i] = x[i] - shift;
                }
            } else {
                y.copy_from_slice(x);
                softmax_row(y, 1.0);
            }
        }
    }

    fn backward(y: &[f32], grad: &[f32], d: usize, log: bool, gx: &mut [f32]) {
        for ((y, g), gx) in y.chunks_exact(d).zip(grad.chunks_exact(d)).zip(gx.chunks_exact_mut(d)) {
            if log {
                let total = sum_over([g], |[g]| g);
                for i in 0..d {
                    gx[i] = g[i] - exp(y[i]) * total;
                }
            } else {
                let along = sum_over([y, g], |[y, g]| y * g);
                for i in 0..d {
                    gx[i] = y[i] * (g[i] - along);
                }
            }
        }
    }
}

impl CustomOp1 for Softmax {
    fn name(&self) -> &'static str {
        "manabi-softmax"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Forward {
        let x = slice(storage, layout, self.name())?;
        let d = layout.dims().last().copied().unwrap_or(1);
        let fill = |y: &mut [f32]| {
            let pieces = x.par_chunks(d * ROWS).zip(y.par_chunks_mut(d * ROWS));
            pieces.for_each(|(x, y)| forward(x, d, self.log, y));
        };
        // SAFETY: the pieces cover the output, and each row is written whole before it is read.
        let y = unsafe { built(x.len(), fill) };
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }

    fn bwd(&self, _: &Tensor, y: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let d = y.dim(D::Minus1)?;
        let gx = with(y, |y| {
            with(grad, |g| {
                let fill = |gx: &mut [f32]| {
                    let pieces = y.par_chunks(d * ROWS).zip(g.par_chunks(d * ROWS)).zip(gx.par_chunks_mut(d * ROWS));
                    pieces.for_each(|((y, g), gx)| backward(y, g, d, self.log, gx));
                };
                // SAFETY: the pieces cover the output, and each row is written whole.
                Ok(unsafe { built(y.len(), fill) })
            })
        })?;
        Ok(Some(tensor_like(gx, y)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{finite_differences, flat, same_gradients, var};
    use candle_core::Device;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn softmax_agrees_with_its_definition(n in 1usize..200, d in 1usize..70, seed: u64) {
            let x = var(&[n, d], seed);
            let plain = || {
                let e = x.exp().unwrap();
                e.broadcast_div(&e.sum_keepdim(1).unwrap()).unwrap()
            };
            same_gradients(&[&x], || softmax_last(&x).unwrap(), plain, 1e-5);
            same_gradients(&[&x], || log_softmax_last(&x).unwrap(), || plain().log().unwrap(), 1e-5);
        }
    }

    #[test]
    fn the_gradients_of_softmax_agree_with_finite_differences() {
        let x = var(&[3, 7], 1);
        finite_differences(&[&x], 1e-2, 1e-2, || softmax_last(&x).unwrap());
        finite_differences(&[&x], 1e-2, 1e-2, || log_softmax_last(&x).unwrap());
    }

    #[test]
    fn large_logits_neither_overflow_nor_lose_their_order() {
        let x = Tensor::new(&[[1e4f32, 1e4 - 1.0, -1e4]], &Device::Cpu).unwrap();
        let y = flat(&softmax_last(&x).unwrap());
        assert!((y[0] - 0.731_058_6).abs() < 1e-6 && (y[1] - 0.268_941_4).abs() < 1e-6 && y[2] < 1e-30, "{y:?}");
        assert!((flat(&log_softmax_last(&x).unwrap())[2] + 20000.312).abs() < 1e-2);
    }
}
