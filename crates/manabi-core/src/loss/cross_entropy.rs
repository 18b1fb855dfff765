//! Cross-entropy of classes with label smoothing (Szegedy et al., arXiv:1512.00567).
//!
//! `ℓ = mean_i −[(1 − s) log p(i, y_i) + s/C Σ_c log p(i, c)]`. Cost: one pass over the scores.

use candle_core::Tensor;
use manabi_kernels::activation::log_softmax_last;

use crate::{Error, Result};

/// # Shapes
/// `logits (N, C)`, `labels` `N` classes below `C` → scalar.
pub fn cross_entropy(logits: &Tensor, labels: &[u32], smoothing: f64) -> Result<Tensor> {
    let log_p = log_softmax_last(logits)?;
    let hit = pick(&log_p, labels)?.mean_all()?.affine(smoothing - 1.0, 0.0)?;
    if smoothing == 0.0 {
        return Ok(hit);
    }
    Ok((hit + log_p.mean_all()?.affine(-smoothing, 0.0)?)?)
}

/// `rows[i, index[i]]`, `(N, C)` → `(N)`.
pub(super) fn pick(rows: &Tensor, index: &[u32]) -> Result<Tensor> {
    let (n, c) = rows.dims2()?;
    if index.len() != n {
        return Err(Error::config(format!("{n} rows of scores but {} labels", index.len())));
    }
    if let Some(bad) = index.iter().find(|&&i| i as usize >= c) {
        return Err(Error::config(format!("label {bad} is outside the {c} classes of the scores")));
    }
    let index = Tensor::new(index, rows.device())?.unsqueeze(1)?;
    Ok(rows.gather(&index, 1)?.squeeze(1)?)
}

#[cfg(test)]
mod tests {
    use super::{super::testing::*, *};
    use candle_core::{DType, Device};

    // a = sin(0.7 i) as (3, 4); F.cross_entropy(a, tensor([1, 0, 3]), label_smoothing=s) for s = 0, 0.1
    #[test]
    fn value_and_gradient_are_pytorchs() {
        let a = input(&[3, 4], 0.0);
        let plain = cross_entropy(&a, &[1, 0, 3], 0.0).unwrap();
        assert_figures(&plain, 0.9959941, &a, &[0.04190621, -0.2535231, 0.11226743, 0.09934945]);
        let smooth = cross_entropy(&a, &[1, 0, 3], 0.1).unwrap();
        assert_figures(&smooth, 1.04779194, &a, &[0.03357288, -0.2285231, 0.1039341, 0.09101612]);
    }

    #[test]
    fn equal_scores_give_the_log_of_the_number_of_classes() {
        let x = Tensor::zeros((2, 10), DType::F32, &Device::Cpu).unwrap();
        let loss = cross_entropy(&x, &[3, 4], 0.1).unwrap().to_scalar::<f32>().unwrap();
        assert!((loss - 10f32.ln()).abs() < 1e-5);
    }

    #[test]
    fn the_gradient_is_the_finite_difference() {
        assert_gradient(&input(&[3, 4], 0.5), |x| cross_entropy(x, &[1, 0, 3], 0.1));
    }

    #[test]
    fn a_label_outside_the_classes_is_refused_with_both_numbers() {
        let message = cross_entropy(&input(&[1, 4], 0.0), &[4], 0.0).unwrap_err().to_string();
        assert!(message.contains('4') && message.contains("classes"), "{message}");
    }
}
