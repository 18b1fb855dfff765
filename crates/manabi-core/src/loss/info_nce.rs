//! InfoNCE, van den Oord, Li & Vinyals, arXiv:1807.03748: which of all keys belongs to a query?
//!
//! With `s = q kᵀ · scale`, `ℓ = mean_i [ −s(i, i) + log Σ_k exp s(i, k) ]`. Nothing is normalised here: a bilinear
//! similarity (CPC, COLA) learns its own scale, a cosine is made by normalising `q` and `k` before.
//! Cost: an `N × N × D` product forward, three backward, in tiles that are never kept.

use candle_core::Tensor;
use manabi_kernels::logsumexp::log_sum_exp_products;

use crate::{Error, Result};

/// # Shapes
/// `queries`, `keys`: `(N, D)`, row `i` of both belong together → scalar.
///
/// # Errors
/// If the shapes differ or `N < 2`: one key alone is always the right one.
pub fn info_nce(queries: &Tensor, keys: &Tensor, scale: f64) -> Result<Tensor> {
    let ((n, d), (m, e)) = (queries.dims2()?, keys.dims2()?);
    if (n, d) != (m, e) || n < 2 {
        return Err(Error::config(format!(
            "InfoNCE needs 2 or more queries with a key each, not ({n}, {d}) and ({m}, {e})"
        )));
    }
    let candidates = log_sum_exp_products(queries, keys, scale, None)?; // (N)
    let own = (queries * keys)?.sum_all()?.affine(scale / n as f64, 0.0)?;
    Ok((candidates.mean_all()? - own)?)
}

#[cfg(test)]
mod tests {
    use super::{super::testing::*, *};
    use candle_core::{DType, Device};

    // q, k = sin(0.7 i), sin(0.7 i + 1) as (3, 4); F.cross_entropy(q @ k.T * 0.5, arange(3)); q.grad[0]
    #[test]
    fn value_and_gradient_are_those_of_the_cross_entropy_over_all_keys() {
        let (q, k) = (input(&[3, 4], 0.0), input(&[3, 4], 1.0));
        let logits = (q.matmul(&k.t().unwrap()).unwrap() * 0.5).unwrap();
        let expected = crate::loss::cross_entropy(&logits, &[0, 1, 2], 0.0).unwrap();
        let loss = info_nce(&q, &k, 0.5).unwrap();
        let value = |t: &Tensor| t.to_scalar::<f32>().unwrap();
        assert!((value(&loss) - value(&expected)).abs() < 1e-5);
        let (a, b) = (loss.backward().unwrap(), expected.backward().unwrap());
        for x in [&q, &k] {
            let (a, b) = (a.get(x).unwrap(), b.get(x).unwrap());
            let apart = (a - b).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
            assert!(apart < 1e-5, "{apart}");
        }
    }

    #[test]
    fn equal_keys_give_the_logarithm_of_their_number() {
        let x = Tensor::ones((5, 8), DType::F32, &Device::Cpu).unwrap();
        let loss = info_nce(&x, &x, 0.3).unwrap().to_scalar::<f32>().unwrap();
        assert!((loss - 5f32.ln()).abs() < 1e-5, "{loss}");
    }

    #[test]
    fn the_gradient_is_the_finite_difference() {
        let k = input(&[3, 4], 1.0);
        assert_gradient(&input(&[3, 4], 0.0), |q| info_nce(q, &k, 0.5));
    }

    #[test]
    fn a_single_row_is_refused() {
        let x = input(&[1, 4], 0.0);
        assert!(info_nce(&x, &x, 1.0).unwrap_err().to_string().contains("2 or more"));
    }
}
