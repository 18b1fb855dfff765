//! NT-Xent, the normalised temperature-scaled cross-entropy of SimCLR, Chen et al., arXiv:2002.05709.
//!
//! With `z` the `2N` normalised rows of both views and `s = z zᵀ / τ`,
//! `ℓ = mean_i [ −s(i, pair(i)) + log Σ_{k ≠ i} exp s(i, k) ]`.
//! Cost: half of a `2N × 2N × D` product forward, one and a half backward, in memory for a few matrices of the size of
//! `z`: the similarities are made in tiles that are never kept.

use candle_core::Tensor;
use manabi_kernels::{logsumexp::log_sum_exp_gram, norm::l2_normalize};

use crate::{Error, Result};

/// # Shapes
/// `a`, `b`: `(N, D)`, row `i` of both from the same sample → scalar.
///
/// # Errors
/// If the shapes differ, `N < 2` or `temperature <= 0`.
pub fn nt_xent(a: &Tensor, b: &Tensor, temperature: f64) -> Result<Tensor> {
    let ((n, d), (m, e)) = (a.dims2()?, b.dims2()?);
    if (n, d) != (m, e) || n < 2 {
        return Err(Error::config(format!(
            "NT-Xent needs two views of the same 2 or more rows, not ({n}, {d}) and ({m}, {e})"
        )));
    }
    if temperature <= 0.0 {
        return Err(Error::config(format!("the temperature must be above 0, not {temperature}")));
    }
    let (a, b) = (l2_normalize(a, 1e-12)?, l2_normalize(b, 1e-12)?);
    let candidates = log_sum_exp_gram(&Tensor::cat(&[&a, &b], 0)?, 1.0 / temperature)?; // (2N)
    // Both rows of a pair have the same similarity, so the mean over N is the mean over 2N.
    let pairs = (a * b)?.sum_all()?.affine(1.0 / (temperature * n as f64), 0.0)?;
    Ok((candidates.mean_all()? - pairs)?)
}

#[cfg(test)]
mod tests {
    use super::{super::testing::*, *};
    use candle_core::{DType, Device};

    // a, b = sin(0.7 i), sin(0.7 i + 1) as (3, 4); z = F.normalize(cat([a, b]), dim=1); s = z @ z.T / 0.5
    // s = s.masked_fill(eye(6, dtype=bool), -1e9); F.cross_entropy(s, tensor([3, 4, 5, 0, 1, 2]))
    #[test]
    fn value_and_gradient_are_pytorchs() {
        let (a, b) = (input(&[3, 4], 0.0), input(&[3, 4], 1.0));
        let loss = nt_xent(&a, &b, 0.5).unwrap();
        assert_figures(&loss, 0.97155, &a, &[-0.23398265, -0.16308665, -0.01548845, 0.13939421]);
        assert_figures(&loss, 0.97155, &b, &[0.0639925, -0.00314953, -0.06881029, -0.1021085]);
    }

    #[test]
    fn collinear_rows_give_log_of_all_negatives() {
        // Every similarity is equal, so each of the 2N - 1 candidates is as likely.
        let x = Tensor::ones((5, 8), DType::F32, &Device::Cpu).unwrap();
        let loss = nt_xent(&x, &x, 0.1).unwrap().to_scalar::<f32>().unwrap();
        assert!((loss - 9f32.ln()).abs() < 1e-5, "{loss}");
    }

    #[test]
    fn the_gradient_is_the_finite_difference() {
        let b = input(&[3, 4], 1.0);
        assert_gradient(&input(&[3, 4], 0.0), |a| nt_xent(a, &b, 0.5));
    }

    #[test]
    fn the_views_can_be_swapped() {
        let (a, b) = (input(&[4, 3], 0.3), input(&[4, 3], 2.0));
        let ab = nt_xent(&a, &b, 0.2).unwrap().to_scalar::<f32>().unwrap();
        let ba = nt_xent(&b, &a, 0.2).unwrap().to_scalar::<f32>().unwrap();
        assert!((ab - ba).abs() < 1e-6);
    }

    // a, b = sin(0.7 i), sin(0.7 i + 1) as (700, 3), temperature 0.1, as above; a.grad[0]
    #[test]
    fn value_and_gradient_are_pytorchs_over_many_tiles() {
        let (a, b) = (input(&[700, 3], 0.0), input(&[700, 3], 1.0));
        let loss = nt_xent(&a, &b, 0.1).unwrap();
        assert_figures(&loss, 10.03586653, &a, &[-0.00638399, -0.00292386, 0.00191141]);
    }

    #[test]
    fn a_view_without_gradient_gets_none() {
        let (a, b) = (input(&[4, 3], 0.3), input(&[4, 3], 2.0).detach());
        let grads = nt_xent(&a, &b, 0.2).unwrap().backward().unwrap();
        assert!(grads.get(&a).is_some() && grads.get(&b).is_none());
    }

    #[test]
    fn a_number_that_is_not_one_shows_in_the_loss() {
        let mut values = vec![1f32; 12];
        values[5] = f32::NAN;
        let a = Tensor::from_vec(values, (4, 3), &Device::Cpu).unwrap();
        assert!(nt_xent(&a, &input(&[4, 3], 0.0), 0.2).unwrap().to_scalar::<f32>().unwrap().is_nan());
    }

    #[test]
    fn a_temperature_of_zero_is_refused() {
        let a = input(&[3, 4], 0.0);
        assert!(nt_xent(&a, &a, 0.0).unwrap_err().to_string().contains("temperature"));
    }
}
