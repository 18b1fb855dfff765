//! VICReg, Bardes et al., arXiv:2105.04906: variance, invariance, covariance.
//!
//! `ℓ = λ·mse(a, b) + μ·½[v(a) + v(b)] + ν·[c(a) + c(b)]` with
//! `v(x) = mean_d max(0, 1 − sqrt(Var_d + 1e-4))` and `c(x) = Σ_{i≠j} Cov_ij² / D`,
//! as in the authors' code (variances and covariances over `N − 1`).
//! Cost: half of a `D × N × D` product forward and a whole one backward, for each view.

use candle_core::Tensor;
use manabi_kernels::{activation::relu, covariance::column_covariances};

use crate::{Error, Result};

/// The three terms, unweighted, and their weighted sum.
#[derive(Debug)]
pub struct VicRegTerms {
    /// `λ·invariance + μ·variance + ν·covariance`.
    pub total: Tensor,
    /// Mean squared distance of the two views.
    pub invariance: Tensor,
    /// How far standard deviations fall short of one.
    pub variance: Tensor,
    /// Squared off-diagonal covariances.
    pub covariance: Tensor,
}

/// `weights` is `(λ, μ, ν)`; the paper's are `(25, 25, 1)`.
///
/// # Shapes
/// `a`, `b`: `(N, D)`, `N ≥ 2` → scalars.
pub fn vicreg(a: &Tensor, b: &Tensor, weights: (f64, f64, f64)) -> Result<VicRegTerms> {
    let (n, _) = a.dims2()?;
    if n < 2 || a.dims() != b.dims() {
        return Err(Error::config(format!(
            "VICReg needs two views of the same 2 or more rows, not {:?} and {:?}",
            a.dims(),
            b.dims()
        )));
    }
    let invariance = (a - b)?.sqr()?.mean_all()?;
    let (va, ca) = spread(a)?;
    let (vb, cb) = spread(b)?;
    let variance = ((va + vb)? * 0.5)?;
    let covariance = (ca + cb)?;
    let total = ((&invariance * weights.0)? + ((&variance * weights.1)? + (&covariance * weights.2)?)?)?;
    Ok(VicRegTerms { total, invariance, variance, covariance })
}

/// Variance hinge and covariance penalty of one view.
fn spread(x: &Tensor) -> Result<(Tensor, Tensor)> {
    let d = x.dim(1)?;
    let (variance, squares) = column_covariances(x)?;
    let hinge = relu(&(variance + 1e-4)?.sqrt()?.affine(-1.0, 1.0)?)?.mean_all()?;
    Ok((hinge, (squares / d as f64)?))
}

#[cfg(test)]
mod tests {
    use super::{super::testing::*, *};
    use candle_core::{DType, Device};

    // inv = F.mse_loss(x, y); var(x) = F.relu(1 - torch.sqrt(x.var(0) + 1e-4)).mean()
    // cov(x): x = x - x.mean(0); c = x.T @ x / (len(x) - 1); (c.pow(2).sum() - c.diagonal().pow(2).sum()) / x.shape[1]
    // 25 * inv + 25 * (var(x) + var(y)) / 2 + cov(x) + cov(y)
    #[test]
    fn value_and_gradient_are_pytorchs() {
        let (a, b) = (input(&[4, 3], 0.0), input(&[4, 3], 1.0));
        let loss = vicreg(&a, &b, (25.0, 25.0, 1.0)).unwrap().total;
        assert_figures(&loss, 16.24246258, &a, &[-3.39109383, -2.1284304, 0.2173988, 1.7412274]);
        assert_figures(&loss, 16.24246258, &b, &[2.69033028, 0.53889742, -1.94920028, -3.47496501]);
    }

    #[test]
    fn collapsed_rows_pay_the_whole_variance_term_and_nothing_else() {
        let x = Tensor::ones((6, 3), DType::F32, &Device::Cpu).unwrap();
        let terms = vicreg(&x, &x, (25.0, 25.0, 1.0)).unwrap();
        let value = |t: &Tensor| t.to_scalar::<f32>().unwrap();
        assert!((value(&terms.variance) - 0.99).abs() < 1e-5);
        assert_eq!((value(&terms.invariance), value(&terms.covariance)), (0.0, 0.0));
    }

    #[test]
    fn the_gradient_is_the_finite_difference() {
        let b = input(&[4, 3], 1.0);
        assert_gradient(&input(&[4, 3], 0.0), |a| Ok(vicreg(a, &b, (1.0, 1.0, 1.0))?.total));
    }
}
