//! GELU, y = x Φ(x) with the normal distribution Φ (Hendrycks & Gimpel, arXiv:1606.08415), and its tanh form,
//! y = x σ(2u) with u = √(2/π) (x + 0.044715 x³), the one of BERT, GPT-2 and wav2vec 2.0.
//!
//! Any shape, one pass each way. Φ by Abramowitz & Stegun 7.1.26 (error below 2e-7), whose exponential is also the
//! density that the derivative Φ(x) + x φ(x) needs; the tanh form, ½ x (1 + tanh u), takes one exponential as well, and
//! its derivative is s + x s (1 − s) 2u′ with s = σ(2u).

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Tensor};

use super::elementwise::{map, map2};
use crate::storage::{Forward, fast, slice, tensor_like, with};
use crate::vector::exp;

/// x Φ(x), in its exact (erf) form.
pub fn gelu(x: &Tensor) -> Result<Tensor> {
    if !fast(&[x]) {
        return x.gelu_erf();
    }
    x.contiguous()?.apply_op1(Gelu::Erf)
}

/// x Φ(x) with Φ approximated through the hyperbolic tangent.
pub fn gelu_tanh(x: &Tensor) -> Result<Tensor> {
    if !fast(&[x]) {
        return x.gelu();
    }
    x.contiguous()?.apply_op1(Gelu::Tanh)
}

#[derive(Clone, Copy)]
enum Gelu {
    Erf,
    Tanh,
}

/// Φ(x) and φ(x) of the normal distribution.
#[inline(always)]
fn normal(x: f32) -> (f32, f32) {
    let e = exp(-0.5 * x * x);
    let t = 1.0 / (1.0 + 0.327_591_1 * std::f32::consts::FRAC_1_SQRT_2 * x.abs());
    let mut p = 1.061_405_4;
    p = p * t - 1.453_152;
    p = p * t + 1.421_413_7;
    p = p * t - 0.284_496_74;
    p = p * t + 0.254_829_6;
    let tail = 0.5 * p * t * e;
    (if x > 0.0 { 1.0 - tail } else { tail }, 0.398_942_3 * e)
}

/// 2 √(2/π)
const STEEP: f32 = 1.595_769;
const CUBIC: f32 = 0.044_715;

/// σ(2u), the approximation of Φ(x).
#[inline(always)]
fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-STEEP * (x + CUBIC * x * x * x)))
}

/// GELU of a piece.
pub(crate) fn gelu_into(x: &[f32], y: &mut [f32]) {
    erf_forward(x, y);
}

/// The gradient before a GELU of `x`, for that behind it.
pub(crate) fn gelu_gradient(x: &[f32], g: &[f32]) -> Vec<f32> {
    map2(x, g, erf_backward)
}

/// GELU of a piece again, into `y`, and its slope times the gradient `g`, in place.
pub(crate) fn gelu_again(x: &[f32], g: &mut [f32], y: &mut [f32]) {
    erf_both(x, g, y);
}

wide! {
    fn erf_forward(x: &[f32], y: &mut [f32]) {
        for (y, &x) in y.iter_mut().zip(x) {
            *y = x * normal(x).0;
        }
    }

    fn erf_backward(x: &[f32], g: &[f32], gx: &mut [f32]) {
        for ((gx, &x), &g) in gx.iter_mut().zip(x).zip(g) {
            let (below, density) = normal(x);
            *gx = g * (below + x * density);
        }
    }

    fn erf_both(x: &[f32], g: &mut [f32], y: &mut [f32]) {
        for ((y, &x), g) in y.iter_mut().zip(x).zip(g) {
            let (below, density) = normal(x);
            *y = x * below;
            *g *= below + x * density;
        }
    }

    fn tanh_forward(x: &[f32], y: &mut [f32]) {
        for (y, &x) in y.iter_mut().zip(x) {
            *y = x * sigmoid(x);
        }
    }

    fn tanh_backward(x: &[f32], g: &[f32], gx: &mut [f32]) {
        for ((gx, &x), &g) in gx.iter_mut().zip(x).zip(g) {
            let s = sigmoid(x);
            *gx = g * (s + x * s * (1.0 - s) * STEEP * (1.0 + 3.0 * CUBIC * x * x));
        }
    }
}

impl CustomOp1 for Gelu {
    fn name(&self) -> &'static str {
        "manabi-gelu"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Forward {
        let x = slice(storage, layout, self.name())?;
        let y = match self {
            Self::Erf => map(x, erf_forward),
            Self::Tanh => map(x, tanh_forward),
        };
        Ok((CpuStorage::F32(y), layout.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let slope = match self {
            Self::Erf => erf_backward,
            Self::Tanh => tanh_backward,
        };
        let gx = with(x, |x| with(grad, |g| Ok(map2(x, g, slope))))?;
        Ok(Some(tensor_like(gx, x)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{figures, finite_differences, flat, same_gradients, var};
    use candle_core::{Device, Var};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn both_forms_agree_with_candle(n in 1usize..40, m in 1usize..600, seed: u64) {
            let x = var(&[n, m], seed);
            same_gradients(&[&x], || gelu(&x).unwrap(), || x.gelu_erf().unwrap(), 2e-6);
            same_gradients(&[&x], || gelu_tanh(&x).unwrap(), || x.gelu().unwrap(), 2e-6);
        }
    }

    #[test]
    fn the_gradients_agree_with_finite_differences() {
        let x = var(&[40], 1);
        finite_differences(&[&x], 1e-2, 1e-2, || gelu(&x).unwrap());
        finite_differences(&[&x], 1e-2, 1e-2, || gelu_tanh(&x).unwrap());
    }

    // x = tensor([-3, -1, -.1, 0, .5, 2, 6], requires_grad=True); y = F.gelu(x, approximate='tanh'); y.sum().backward()
    #[test]
    fn the_tanh_form_has_pytorchs_figures() {
        let x = Var::new(&[-3f32, -1.0, -0.1, 0.0, 0.5, 2.0, 6.0], &Device::Cpu).unwrap();
        let y = gelu_tanh(&x).unwrap();
        figures("value", &y, &[-0.003637, -0.158808, -0.046017, 0.0, 0.345714, 1.954598, 6.0]);
        let grads = y.sum_all().unwrap().backward().unwrap();
        let slopes = [-0.011584, -0.082964, 0.420478, 0.5, 0.86737, 1.086099, 1.0];
        figures("slope", grads.get(&x).unwrap(), &slopes);
    }

    #[test]
    fn both_forms_have_their_limits_far_from_zero() {
        let x = Tensor::new(&[-100f32, -6.0, 0.0, 6.0, 100.0], &Device::Cpu).unwrap();
        let y = flat(&gelu(&x).unwrap());
        assert!(y[0].abs() < 1e-30 && (y[1] + 5.9e-9).abs() < 2e-10, "{y:?}");
        assert_eq!(y[2..], [0.0, 6.0, 100.0]);
        let y = flat(&gelu_tanh(&x).unwrap());
        assert!(y[0].abs() < 1e-30 && y[1].abs() < 1e-9, "{y:?}");
        assert_eq!(y[2..], [0.0, 6.0, 100.0]);
    }

    #[test]
    fn nan_passes_through_and_nothing_stays_nothing() {
        let x = Tensor::new(&[f32::NAN], &Device::Cpu).unwrap();
        let none = Tensor::zeros((3, 0), candle_core::DType::F32, &Device::Cpu).unwrap();
        for form in [gelu, gelu_tanh] {
            assert!(flat(&form(&x).unwrap())[0].is_nan());
            assert_eq!(form(&none).unwrap().dims(), [3, 0]);
        }
    }
}
