//! A linear layer with an activation behind it, y = f(x Wᵀ + b), as one operation.
//!
//! Shapes and gradients as in [`linear`](super::linear()), with g f′ for g. The activation runs on rows that the product has just left in
//! the cache; GELU keeps what is before it for the backward pass, ReLU only y.

use std::sync::OnceLock;

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Tensor, bail};

use super::{Linear, linear_with};
use crate::Precision;
use crate::activation::{gelu, gelu_gradient, gelu_into, rectify, relu, relu_gradient};
use crate::matmul::{Matrix, product_then};
use crate::memory::build;
use crate::storage::{Forward, Shared, check_shape, fast, last_dim, slice, with};

/// What comes behind a linear layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// max(·, 0).
    Relu,
    /// x Φ(x), in its erf form.
    Gelu,
}

/// `activation` of `x` (.., I) times the transpose of `weight` (O, I), plus `bias` (O); products in `precision`.
pub fn linear_active(
    x: &Tensor,
    weight: &Tensor,
    bias: &Tensor,
    activation: Activation,
    precision: Precision,
) -> Result<Tensor> {
    let inputs = last_dim("linear", x)?;
    let (outputs, wanted) = weight.dims2()?;
    if inputs != wanted {
        bail!("linear: the input has {inputs} features, the weight expects {wanted}")
    }
    check_shape("linear", "the bias", bias, &[outputs])?;
    if !fast(&[x, weight, bias]) {
        let y = linear_with(x, weight, Some(bias), precision)?;
        return match activation {
            Activation::Relu => relu(&y),
            Activation::Gelu => gelu(&y),
        };
    }
    let op = Active { activation, precision, before: OnceLock::new() };
    x.contiguous()?.apply_op3(&weight.contiguous()?, &bias.contiguous()?, op)
}

struct Active {
    activation: Activation,
    precision: Precision,
    /// What GELU was given.
    before: OnceLock<Vec<f32>>,
}

impl CustomOp3 for Active {
    fn name(&self) -> &'static str {
        "manabi-linear-active"
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
        let (x, w, bias) = (slice(s1, l1, name)?, slice(s2, l2, name)?, slice(s3, l3, name)?);
        let (outputs, inputs) = l2.shape().dims2()?;
        let rows = x.len() / inputs;
        let mut shape = l1.dims().to_vec();
        shape.pop();
        shape.push(outputs);
        let (size, x, w) = ((rows, outputs, inputs), Matrix::rows(x, inputs), Matrix::rows(w, inputs).t());
        let y = match self.activation {
            Activation::Relu => {
                let after = |_: usize, _: usize, part: &mut [f32]| part.iter_mut().for_each(|v| *v = rectify(*v));
                product_then(self.precision, size, x, w, bias, &after)?
            }
            Activation::Gelu => {
                let fill = |y: &mut [f32]| {
                    let y = Shared::new(y);
                    // SAFETY: each part of a row is finished once, by one task.
                    let after = |row: usize, column: usize, part: &mut [f32]| unsafe {
                        gelu_into(part, y.at(row * outputs + column, part.len()));
                    };
                    // The forward pass runs once for each instance.
                    let _ = self.before.set(product_then(self.precision, size, x, w, bias, &after)?);
                    Ok::<_, candle_core::Error>(())
                };
                // SAFETY: all parts of all rows are finished, and each writes its own.
                unsafe { build(rows * outputs, fill) }?
            }
        };
        Ok((CpuStorage::F32(y), shape.into()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        bias: &Tensor,
        y: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let inner = with(grad, |g| match self.activation {
            Activation::Relu => with(y, |y| Ok(relu_gradient(y, g))),
            Activation::Gelu => match self.before.get() {
                Some(before) => Ok(gelu_gradient(before, g)),
                None => bail!("linear: backward before forward"),
            },
        })?;
        let inner = Tensor::from_vec(inner, grad.shape(), grad.device())?;
        CustomOp3::bwd(&Linear(self.precision), x, w, bias, y, &inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{close, finite_differences, same_gradients, var};
    use candle_core::DType;
    use proptest::prelude::*;

    const BOTH: [Activation; 2] = [Activation::Relu, Activation::Gelu];

    fn chain(x: &Tensor, w: &Tensor, b: &Tensor, activation: Activation, precision: Precision) -> Tensor {
        let y = linear_with(x, w, Some(b), precision).unwrap();
        match activation {
            Activation::Relu => relu(&y).unwrap(),
            Activation::Gelu => gelu(&y).unwrap(),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        #[test]
        fn a_layer_with_its_activation_agrees_with_both_apart(
            n in 0usize..60, t in 1usize..4, i in 1usize..70, o in 1usize..70, rounded: bool, seed: u64,
        ) {
            let (x, w, b) = (var(&[n, t, i], seed), var(&[o, i], seed ^ 1), var(&[o], seed ^ 2));
            let precision = if rounded { Precision::Bf16 } else { Precision::F32 };
            for activation in BOTH {
                let ours = || linear_active(&x, &w, &b, activation, precision).unwrap();
                same_gradients(&[&x, &w, &b], ours, || chain(&x, &w, &b, activation, precision), 1e-6);
            }
        }
    }

    #[test]
    fn the_gradients_agree_with_finite_differences() {
        let (x, w, b) = (var(&[4, 5], 1), var(&[3, 5], 2), var(&[3], 3));
        let ours = || linear_active(&x, &w, &b, Activation::Gelu, Precision::F32).unwrap();
        finite_differences(&[&x, &w, &b], 1e-2, 1e-2, ours);
    }

    #[test]
    fn another_number_format_takes_both_apart() {
        let (x, w, b) = (var(&[4, 5], 1), var(&[3, 5], 2), var(&[3], 3));
        for activation in BOTH {
            let [x64, w64, b64] = [&x, &w, &b].map(|t| t.to_dtype(DType::F64).unwrap());
            let wide = linear_active(&x64, &w64, &b64, activation, Precision::F32).unwrap();
            let ours = linear_active(&x, &w, &b, activation, Precision::F32).unwrap();
            close("value", &ours, &wide.to_dtype(DType::F32).unwrap(), 1e-5);
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_with_both_sizes() {
        let (x, w, b) = (var(&[4, 5], 1), var(&[3, 6], 2), var(&[3], 3));
        let message = linear_active(&x, &w, &b, Activation::Relu, Precision::F32).unwrap_err().to_string();
        assert!(message.contains('5') && message.contains('6'), "{message}");
    }
}
