//! A linear layer, y = x Wᵀ + b.
//!
//! Shapes: x (.., I), W (O, I), b (O), y (.., O). Gradients: gx = g W, gW = gᵀ x, gb = the sum of g over rows. Cost
//! 2 N I O operations forward, twice that backward. In bf16 the factors of all three products are rounded, and their sums,
//! the bias and its gradient stay `f32`.

mod active;

pub use active::{Activation, linear_active};

use candle_core::{CpuStorage, CustomOp2, CustomOp3, D, Layout, Result, Tensor, bail};

use crate::Precision;
use crate::matmul::{Matrix, product, product_with};
use crate::norm::column_sums;
use crate::storage::{Forward, check_shape, fast, last_dim, slice, tensor_like, with};

/// `x` (.., I) times the transpose of `weight` (O, I), plus `bias` (O).
pub fn linear(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Result<Tensor> {
    linear_with(x, weight, bias, Precision::F32)
}

/// As [`linear`], with the factors of the product and of its gradients in `precision`; candle's own products, on other
/// devices and in other types, take them as they are.
pub fn linear_with(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>, precision: Precision) -> Result<Tensor> {
    let inputs = last_dim("linear", x)?;
    let (outputs, wanted) = weight.dims2()?;
    if inputs != wanted {
        bail!("linear: the input has {inputs} features, the weight expects {wanted}")
    }
    if let Some(bias) = bias {
        check_shape("linear", "the bias", bias, &[outputs])?;
    }
    if !fast(&[x, weight]) || bias.is_some_and(|b| !fast(&[b])) {
        let y = x.flatten_to(D::Minus2).and_then(|x| x.matmul(&weight.t()?));
        let y = if x.rank() == 1 { x.unsqueeze(0)?.matmul(&weight.t()?)? } else { y? };
        let y = bias.map_or(Ok(y.clone()), |b| y.broadcast_add(b))?;
        return y.reshape(shape_out(x, outputs));
    }
    let (x, weight) = (x.contiguous()?, weight.contiguous()?);
    match bias {
        Some(bias) => x.apply_op3(&weight, &bias.contiguous()?, Linear(precision)),
        None => x.apply_op2(&weight, Linear(precision)),
    }
}

fn shape_out(x: &Tensor, outputs: usize) -> Vec<usize> {
    let mut dims = x.dims().to_vec();
    if let Some(last) = dims.last_mut() {
        *last = outputs;
    }
    dims
}

struct Linear(Precision);

const NAME: &str = "manabi-linear";

impl Linear {
    fn forward(&self, x: &[f32], dims: &[usize], w: &[f32], outputs: usize, bias: Option<&[f32]>) -> Forward {
        let mut shape = dims.to_vec();
        let inputs = shape.pop().unwrap_or(1);
        let rows = x.len() / inputs;
        shape.push(outputs);
        let (size, x, w) = ((rows, outputs, inputs), Matrix::rows(x, inputs), Matrix::rows(w, inputs).t());
        let y = product_with(self.0, size, x, w, bias)?;
        Ok((CpuStorage::F32(y), shape.into()))
    }

    fn backward(&self, x: &Tensor, weight: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (outputs, inputs) = weight.dims2()?;
        let rows = x.elem_count() / inputs;
        let product = |size, a: Matrix<'_>, b: Matrix<'_>| product(self.0, size, a, b);
        with(grad, |g| {
            let g = Matrix::rows(g, outputs);
            let gx = match x.track_op() {
                true => Some(with(weight, |w| product((rows, inputs, outputs), g, Matrix::rows(w, inputs)))?),
                false => None,
            };
            let gw = match weight.track_op() {
                true => Some(with(x, |x| product((outputs, inputs, rows), g.t(), Matrix::rows(x, inputs)))?),
                false => None,
            };
            let tensor = |values: Option<Vec<f32>>, like| values.map(|v| tensor_like(v, like)).transpose();
            Ok((tensor(gx, x)?, tensor(gw, weight)?))
        })
    }
}

impl CustomOp2 for Linear {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(&self, s1: &CpuStorage, l1: &Layout, s2: &CpuStorage, l2: &Layout) -> Forward {
        self.forward(slice(s1, l1, NAME)?, l1.dims(), slice(s2, l2, NAME)?, l2.shape().dims2()?.0, None)
    }

    fn bwd(&self, x: &Tensor, w: &Tensor, _: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        self.backward(x, w, grad)
    }
}

impl CustomOp3 for Linear {
    fn name(&self) -> &'static str {
        NAME
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
        let bias = slice(s3, l3, NAME)?;
        self.forward(slice(s1, l1, NAME)?, l1.dims(), slice(s2, l2, NAME)?, l2.shape().dims2()?.0, Some(bias))
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        bias: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (gx, gw) = self.backward(x, w, grad)?;
        let gb = match bias.track_op() {
            true => Some(tensor_like(with(grad, |g| Ok(column_sums(g, bias.elem_count())))?, bias)?),
            false => None,
        };
        Ok((gx, gw, gb))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{close, finite_differences, same_as_rounded, same_gradients, var};
    use proptest::prelude::*;

    fn plain(x: &Tensor, w: &Tensor, b: Option<&Tensor>) -> Tensor {
        let y = x.broadcast_matmul(&w.t().unwrap()).unwrap();
        b.map_or(y.clone(), |b| y.broadcast_add(b).unwrap())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20))]

        #[test]
        fn a_linear_layer_agrees_with_candle(n in 1usize..40, t in 1usize..5, i in 1usize..70, o in 1usize..70, seed: u64) {
            let (x, w, b) = (var(&[t, n, i], seed), var(&[o, i], seed ^ 1), var(&[o], seed ^ 2));
            let bias = Some(b.as_tensor());
            same_gradients(&[&x, &w, &b], || linear(&x, &w, bias).unwrap(), || plain(&x, &w, bias), 2e-5);
            same_gradients(&[&x, &w], || linear(&x, &w, None).unwrap(), || plain(&x, &w, None), 2e-5);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20))]

        #[test]
        fn a_linear_layer_in_bf16_rounds_its_factors_and_not_its_bias(
            n in 1usize..40, t in 1usize..5, i in 1usize..70, o in 1usize..70, seed: u64,
        ) {
            let (x, w, b) = (var(&[t, n, i], seed), var(&[o, i], seed ^ 1), var(&[o], seed ^ 2));
            let ours = |x: &Tensor, w: &Tensor| linear_with(x, w, Some(&b), Precision::Bf16).unwrap();
            same_as_rounded([&x, &w], ours, |x, w| plain(x, w, Some(&b)), 2e-5);
            let ours = |x: &Tensor, w: &Tensor| linear_with(x, w, None, Precision::Bf16).unwrap();
            same_as_rounded([&x, &w], ours, |x, w| plain(x, w, None), 2e-5);
            let bias_grad = |precision| {
                let y = linear_with(&x, &w, Some(&b), precision).unwrap();
                (y * var(&[t, n, o], 3).as_tensor()).unwrap().sum_all().unwrap().backward().unwrap().remove(&b).unwrap()
            };
            close("gradient of the bias", &bias_grad(Precision::Bf16), &bias_grad(Precision::F32), 1e-6);
        }
    }

    #[test]
    fn the_gradients_of_a_linear_layer_agree_with_finite_differences() {
        let (x, w, b) = (var(&[4, 5], 1), var(&[3, 5], 2), var(&[3], 3));
        finite_differences(&[&x, &w, &b], 1e-2, 1e-2, || linear(&x, &w, Some(&b)).unwrap());
    }

    #[test]
    fn one_row_without_a_batch_dimension_works_on_every_path() {
        let (x, w, b) = (var(&[5], 1), var(&[3, 5], 2), var(&[3], 3));
        let y = linear(&x, &w, Some(&b)).unwrap();
        let to = |t: &Tensor| t.to_dtype(candle_core::DType::F64).unwrap();
        let slow = linear(&to(&x), &to(&w), Some(&to(&b))).unwrap();
        crate::testing::close("value", &y, &slow.to_dtype(candle_core::DType::F32).unwrap(), 1e-6);
        assert_eq!(y.dims(), [3]);
    }

    #[test]
    fn a_bias_of_the_wrong_length_is_refused_with_both_lengths() {
        let (x, w, b) = (var(&[4, 5], 1), var(&[3, 5], 2), var(&[4], 3));
        let message = linear(&x, &w, Some(&b)).unwrap_err().to_string();
        assert!(message.contains("[4]") && message.contains("[3]"), "{message}");
    }
}
