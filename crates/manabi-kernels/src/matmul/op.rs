//! The product of two tensors under autograd, with gradients G Bᵀ and Aᵀ G.

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Tensor, bail};

use super::{Matrix, product};
use crate::Precision;
use crate::storage::{Forward, fast, slice, tensor_like, with};

/// The product of A (M, K) and B (K, N), with gradients for both.
pub fn matmul(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    matmul_with(a, b, Precision::F32)
}

/// As [`matmul`], with the factors of the product and of its gradients in `precision`; candle's own products, on other
/// devices and in other types, take them as they are.
pub fn matmul_with(a: &Tensor, b: &Tensor, precision: Precision) -> Result<Tensor> {
    let ((_, k), (k2, _)) = (a.dims2()?, b.dims2()?);
    if k != k2 {
        bail!("matmul: the left matrix has {k} columns, the right one {k2} rows")
    }
    if !fast(&[a, b]) {
        return a.matmul(b);
    }
    a.contiguous()?.apply_op2(&b.contiguous()?, MatMul(precision))
}

struct MatMul(Precision);

impl CustomOp2 for MatMul {
    fn name(&self) -> &'static str {
        "manabi-matmul"
    }

    fn cpu_fwd(&self, s1: &CpuStorage, l1: &Layout, s2: &CpuStorage, l2: &Layout) -> Forward {
        let ((m, k), (_, n)) = (l1.shape().dims2()?, l2.shape().dims2()?);
        let (a, b) = (slice(s1, l1, self.name())?, slice(s2, l2, self.name())?);
        let product = product(self.0, (m, n, k), Matrix::rows(a, k), Matrix::rows(b, n))?;
        Ok((CpuStorage::F32(product), (m, n).into()))
    }

    fn bwd(&self, a: &Tensor, b: &Tensor, _: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let ((m, k), (_, n)) = (a.dims2()?, b.dims2()?);
        let product = |size, a: Matrix<'_>, b: Matrix<'_>| product(self.0, size, a, b);
        let ga = match a.track_op() {
            true => Some(with(b, |b| with(grad, |g| product((m, k, n), Matrix::rows(g, n), Matrix::rows(b, n).t())))?),
            false => None,
        };
        let gb = match b.track_op() {
            true => Some(with(a, |a| with(grad, |g| product((k, n, m), Matrix::rows(a, k).t(), Matrix::rows(g, n))))?),
            false => None,
        };
        let tensor = |values: Option<Vec<f32>>, like| values.map(|v| tensor_like(v, like)).transpose();
        Ok((tensor(ga, a)?, tensor(gb, b)?))
    }
}
