//! NT-Xent, the normalised temperature-scaled cross-entropy of SimCLR, Chen et al., arXiv:2002.05709.
//!
//! With `z` the `2N` normalised rows of both views and `s = z zᵀ / τ`,
//! `ℓ = mean_i [ −s(i, pair(i)) + log Σ_{k ≠ i} exp s(i, k) ]`.
//! Cost: one `2N × 2N × D` product and as much memory as the similarity matrix.

use candle_core::{DType, Tensor};
use manabi_kernels::{activation::log_softmax_last, norm::l2_normalize};

use super::cross_entropy::pick;
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
    let z = l2_normalize(&Tensor::cat(&[a, b], 0)?, 1e-12)?; // (2N, D)
    let similarity = (z.matmul(&z.t()?)? / temperature)?; // (2N, 2N)
    // A row is not its own negative: exp(-1e9) is 0 in f32.
    let diagonal = (Tensor::eye(2 * n, DType::F32, a.device())? * -1e9)?;
    let log_p = log_softmax_last(&(similarity + diagonal)?)?;
    let pairs: Vec<u32> = (n..2 * n).chain(0..n).map(|i| i as u32).collect();
    Ok(pick(&log_p, &pairs)?.mean_all()?.neg()?)
}

#[cfg(test)]
mod tests {
    use super::{super::testing::*, *};
    use candle_core::Device;

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

    #[test]
    fn a_temperature_of_zero_is_refused() {
        let a = input(&[3, 4], 0.0);
        assert!(nt_xent(&a, &a, 0.0).unwrap_err().to_string().contains("temperature"));
    }
}
