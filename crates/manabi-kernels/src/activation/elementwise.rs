//! Loops over the elements, and the two simplest of them: ReLU, and the sum of two tensors behind a ReLU.
//!
//! Any shape, one pass each; parallel by pieces of 64 KiB.

use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Tensor};
use rayon::prelude::*;

use crate::memory::built;
use crate::storage::{Forward, PIECE, check_shape, fast, slice, tensor_like, with};

/// max(x, 0), with derivative 0 at 0.
pub fn relu(x: &Tensor) -> Result<Tensor> {
    if !fast(&[x]) {
        // Not candle's own, whose derivative at 0 is 1. NaN is not below zero either.
        let zeros = x.zeros_like()?;
        return x.le(&zeros)?.where_cond(&zeros, x);
    }
    x.contiguous()?.apply_op1(Relu)
}

/// max(a + b, 0) for two tensors of the same shape.
pub fn add_relu(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    check_shape("add_relu", "the second tensor", b, a.dims())?;
    if !fast(&[a, b]) {
        return relu(&(a + b)?);
    }
    a.contiguous()?.apply_op2(&b.contiguous()?, Relu)
}

struct Relu;

/// max(v, 0); NaN stays.
#[inline(always)]
pub(crate) fn rectify(v: f32) -> f32 {
    if v <= 0.0 { 0.0 } else { v }
}

wide! {
    fn relu_forward(x: &[f32], y: &mut [f32]) {
        for (y, &x) in y.iter_mut().zip(x) {
            *y = rectify(x);
        }
    }

    fn add_relu_forward(a: &[f32], b: &[f32], y: &mut [f32]) {
        for ((y, a), b) in y.iter_mut().zip(a).zip(b) {
            *y = rectify(a + b);
        }
    }

    fn relu_backward(y: &[f32], g: &[f32], gx: &mut [f32]) {
        for ((gx, &y), &g) in gx.iter_mut().zip(y).zip(g) {
            *gx = if y <= 0.0 { 0.0 } else { g };
        }
    }
}

/// The gradient before a ReLU that gave `y`, for that behind it.
pub(crate) fn relu_gradient(y: &[f32], g: &[f32]) -> Vec<f32> {
    map2(y, g, relu_backward)
}

/// Runs `f` over pieces of `x` and of a new vector.
pub(super) fn map(x: &[f32], f: fn(&[f32], &mut [f32])) -> Vec<f32> {
    let fill = |y: &mut [f32]| y.par_chunks_mut(PIECE).zip(x.par_chunks(PIECE)).for_each(|(y, x)| f(x, y));
    // SAFETY: the pieces cover the output, and `f` writes each whole.
    unsafe { built(x.len(), fill) }
}

/// Runs `f` over pieces of `a`, of `b`, which is as long, and of a new vector.
pub(super) fn map2(a: &[f32], b: &[f32], f: fn(&[f32], &[f32], &mut [f32])) -> Vec<f32> {
    let fill = |y: &mut [f32]| {
        let pieces = y.par_chunks_mut(PIECE).zip(a.par_chunks(PIECE)).zip(b.par_chunks(PIECE));
        pieces.for_each(|((y, a), b)| f(a, b, y));
    };
    // SAFETY: as in `map`; a and b have the output's length.
    unsafe { built(a.len(), fill) }
}

impl CustomOp1 for Relu {
    fn name(&self) -> &'static str {
        "manabi-relu"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Forward {
        let x = slice(storage, layout, "manabi-relu")?;
        Ok((CpuStorage::F32(map(x, relu_forward)), layout.shape().clone()))
    }

    fn bwd(&self, _: &Tensor, y: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let gx = with(y, |y| with(grad, |g| Ok(relu_gradient(y, g))))?;
        Ok(Some(tensor_like(gx, y)?))
    }
}

impl CustomOp2 for Relu {
    fn name(&self) -> &'static str {
        "manabi-add-relu"
    }

    fn cpu_fwd(&self, s1: &CpuStorage, l1: &Layout, s2: &CpuStorage, l2: &Layout) -> Forward {
        let (a, b) = (slice(s1, l1, "manabi-add-relu")?, slice(s2, l2, "manabi-add-relu")?);
        Ok((CpuStorage::F32(map2(a, b, add_relu_forward)), l1.shape().clone()))
    }

    fn bwd(&self, a: &Tensor, b: &Tensor, y: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        // The same gradient goes both ways.
        let gx = CustomOp1::bwd(self, y, y, grad)?;
        Ok((gx.clone().filter(|_| a.track_op()), gx.filter(|_| b.track_op())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{flat, same_gradients, var};
    use candle_core::{DType, Device, Var};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn activations_agree_with_candle(n in 1usize..40, m in 1usize..600, seed: u64) {
            let (a, b) = (var(&[n, m], seed), var(&[n, m], seed ^ 1));
            // Exact zeros, where the derivative is 0 here and 1 in candle, do not occur at random.
            same_gradients(&[&a], || relu(&a).unwrap(), || a.relu().unwrap(), 1e-6);
            let sum = || (a.as_tensor() + b.as_tensor()).unwrap().relu().unwrap();
            same_gradients(&[&a, &b], || add_relu(&a, &b).unwrap(), sum, 1e-6);
        }
    }

    #[test]
    fn the_derivative_of_relu_at_zero_is_zero_on_every_path() {
        for dtype in [DType::F32, DType::F64] {
            let x = Var::from_tensor(&Tensor::new(&[-1f32, 0.0, 2.0], &Device::Cpu).unwrap().to_dtype(dtype).unwrap());
            let x = x.unwrap();
            let grads = relu(&x).unwrap().sum_all().unwrap().backward().unwrap();
            assert_eq!(flat(&grads.get(&x).unwrap().to_dtype(DType::F32).unwrap()), [0.0, 0.0, 1.0]);
        }
    }

    #[test]
    fn nan_passes_through() {
        let x = Tensor::new(&[f32::NAN], &Device::Cpu).unwrap();
        for y in [relu(&x), add_relu(&x, &x)] {
            assert!(flat(&y.unwrap())[0].is_nan());
        }
    }
}
