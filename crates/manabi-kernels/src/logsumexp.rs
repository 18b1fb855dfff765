//! The logarithm of a sum of exponentials over all products of rows, y_i = log Σ_k exp(s a_i·b_k).
//!
//! Shapes: a (N, D), b (M, D), y (N). The N × M matrix of products never exists: tiles of it are made, reduced and
//! forgotten, and made again in the backward pass (Milakov & Gimelshein, arXiv:1805.02867; Dao et al.,
//! arXiv:2205.14135). Memory O((N + M) D) and a tile for each thread.
//!
//! Backward, with P_ik = exp(s a_i·b_k − y_i) and the gradient g of y: ga = s diag(g) P b, gb = s Pᵀ diag(g) a.
//!
//! Cost: 2 N M D operations forward, 6 N M D backward. Where both matrices are one ([`log_sum_exp_gram`]) the products
//! are symmetric and half of them is enough: N² D and 3 N² D. Parallel over tiles, in rounds that no two tiles with a
//! row in common share, so that every sum has one order whatever the number of threads (`tiles.rs`).

mod blocks;
mod pairs;
#[cfg(test)]
mod tests;
mod tile;

use candle_core::{CpuStorage, CustomOp1, CustomOp2, D, DType, Layout, Result, Tensor, bail};

use crate::storage::{Forward, fast, slice, tensor_like, with};

/// log Σ_k exp(scale · a_i·b_k) over the rows of `b`: (N, D), (M, D) → (N).
///
/// With `own`, the sum for row `i` leaves out row `own + i` of `b`: the row itself where `a` is the part of `b` that
/// starts there. A sum of nothing has the logarithm −∞ and no gradient.
pub fn log_sum_exp_products(a: &Tensor, b: &Tensor, scale: f64, own: Option<usize>) -> Result<Tensor> {
    let ((n, d), (m, e)) = (a.dims2()?, b.dims2()?);
    if d != e {
        bail!("log_sum_exp: the rows of the left matrix have {d} elements, those of the right one {e}")
    }
    if n == 0 || m == 0 || d == 0 {
        bail!("log_sum_exp: no products between matrices of shapes {:?} and {:?}", a.dims(), b.dims())
    }
    if !fast(&[a, b]) {
        return plain(a, b, scale, own);
    }
    a.contiguous()?.apply_op2(&b.contiguous()?, Products { scale: scale as f32, own })
}

/// log Σ_{k ≠ i} exp(scale · a_i·a_k) over the other rows of `a`: (N, D) → (N).
pub fn log_sum_exp_gram(a: &Tensor, scale: f64) -> Result<Tensor> {
    let (n, d) = a.dims2()?;
    if n == 0 || d == 0 {
        bail!("log_sum_exp: no products between the rows of a matrix of shape {:?}", a.dims())
    }
    if !fast(&[a]) {
        return plain(a, a, scale, Some(0));
    }
    a.contiguous()?.apply_op1(Gram { scale: scale as f32 })
}

/// By candle's operations, with the whole matrix.
fn plain(a: &Tensor, b: &Tensor, scale: f64, own: Option<usize>) -> Result<Tensor> {
    let mut products = (a.matmul(&b.t()?)? * scale)?;
    if let Some(own) = own {
        let (n, m) = products.dims2()?;
        let (columns, device) = (Tensor::arange(0, m as u32, a.device())?, a.device());
        let left_out = Tensor::arange(own as u32, (own + n) as u32, device)?.unsqueeze(1)?.broadcast_eq(&columns)?;
        let nothing = Tensor::new(f32::NEG_INFINITY, device)?.to_dtype(a.dtype())?.broadcast_as((n, m))?;
        products = left_out.where_cond(&nothing, &products)?;
    }
    // A row of −∞ alone is shifted by the lowest finite number instead, which leaves zeros and not NaN.
    let lowest = if a.dtype() == DType::F16 { -65504.0 } else { f64::from(f32::MIN) };
    let top = products.max_keepdim(D::Minus1)?.detach().maximum(lowest)?;
    let total = products.broadcast_sub(&top)?.exp()?.sum_keepdim(D::Minus1)?;
    (total.log()? + top)?.squeeze(1)
}

struct Products {
    scale: f32,
    own: Option<usize>,
}

impl CustomOp2 for Products {
    fn name(&self) -> &'static str {
        "manabi-log-sum-exp"
    }

    fn cpu_fwd(&self, s1: &CpuStorage, l1: &Layout, s2: &CpuStorage, l2: &Layout) -> Forward {
        let (n, d) = l1.shape().dims2()?;
        let (a, b) = (slice(s1, l1, self.name())?, slice(s2, l2, self.name())?);
        let y = blocks::forward(a, b, d, self.scale, self.own)?;
        Ok((CpuStorage::F32(y), n.into()))
    }

    fn bwd(&self, a: &Tensor, b: &Tensor, y: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (d, wanted) = (a.dim(1)?, (a.track_op(), b.track_op()));
        let (ga, gb) = with(a, |va| {
            with(b, |vb| with(y, |y| with(grad, |g| blocks::backward(va, vb, d, self.scale, self.own, y, g, wanted))))
        })?;
        let tensor = |values: Option<Vec<f32>>, like| values.map(|v| tensor_like(v, like)).transpose();
        Ok((tensor(ga, a)?, tensor(gb, b)?))
    }
}

struct Gram {
    scale: f32,
}

impl CustomOp1 for Gram {
    fn name(&self) -> &'static str {
        "manabi-log-sum-exp-gram"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Forward {
        let (n, d) = layout.shape().dims2()?;
        let a = slice(storage, layout, self.name())?;
        let mut y = None;
        if let Some(shift) = pairs::bound(a, d, self.scale) {
            y = Some(pairs::forward(a, d, self.scale, shift)?).filter(|y| pairs::holds(y, shift));
        }
        let y = match y {
            Some(y) => y,
            None => blocks::forward(a, a, d, self.scale, Some(0))?,
        };
        Ok((CpuStorage::F32(y), n.into()))
    }

    fn bwd(&self, a: &Tensor, y: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let d = a.dim(1)?;
        let gradient = with(a, |a| {
            with(y, |y| {
                with(grad, |g| match pairs::bound(a, d, self.scale).filter(|shift| pairs::holds(y, *shift)) {
                    Some(shift) => pairs::backward(a, d, self.scale, shift, y, g),
                    None => blocks::backward_gram(a, d, self.scale, y, g),
                })
            })
        })?;
        Ok(Some(tensor_like(gradient, a)?))
    }
}
