//! Cross-entropy of classes with label smoothing (Szegedy et al., arXiv:1512.00567).
//!
//! `ℓ = mean_i −[(1 − s) log p(i, y_i) + s/C Σ_c log p(i, c)]`. Cost: one pass over the scores each way, of which no
//! copy is kept in between.
//!
//! *Balanced*: the same on `z + log π` with the classes' frequencies `π` (logit adjustment, Menon et al.,
//! arXiv:2007.07314): the scores `z` alone then rank the classes as if all were equally frequent, which is what balanced
//! accuracy asks for. Weights on the rows would lose their effect on a network that fits every row.

use candle_core::Tensor;
use manabi_kernels::loss;

use crate::{Error, Result};

/// # Shapes
/// `logits (N, C)`, `labels` `N` classes below `C` → scalar.
pub fn cross_entropy(logits: &Tensor, labels: &[u32], smoothing: f64) -> Result<Tensor> {
    check_labels(logits, labels)?;
    Ok(loss::cross_entropy(logits, labels, smoothing)?)
}

/// Cross-entropy that trains scores for balanced accuracy. A class without rows counts as one row.
///
/// # Shapes
/// `logits (N, C)`, `labels` `N` classes below `C`, `counts` the training rows of each of the `C` classes → scalar.
pub fn balanced_cross_entropy(logits: &Tensor, labels: &[u32], smoothing: f64, counts: &[usize]) -> Result<Tensor> {
    let classes = logits.dims2()?.1;
    if counts.len() != classes {
        return Err(Error::config(format!("{} class counts but scores of {classes} classes", counts.len())));
    }
    let total: usize = counts.iter().map(|c| (*c).max(1)).sum();
    let log_priors: Vec<f32> = counts.iter().map(|c| ((*c).max(1) as f32 / total.max(1) as f32).ln()).collect();
    let log_priors = Tensor::new(log_priors.as_slice(), logits.device())?;
    cross_entropy(&logits.broadcast_add(&log_priors)?, labels, smoothing)
}

/// Fails unless there is a class of the scores `(N, C)` for each row.
fn check_labels(rows: &Tensor, index: &[u32]) -> Result<()> {
    let (n, c) = rows.dims2()?;
    if index.len() != n {
        return Err(Error::config(format!("{n} rows of scores but {} labels", index.len())));
    }
    if let Some(bad) = index.iter().find(|&&i| i as usize >= c) {
        return Err(Error::config(format!("label {bad} is outside the {c} classes of the scores")));
    }
    Ok(())
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

    // F.cross_entropy(a + log(tensor([6., 3, 2, 1]) / 12), tensor([1, 0, 3]), label_smoothing=0.1)
    #[test]
    fn the_balanced_form_is_pytorchs_on_adjusted_scores() {
        let a = input(&[3, 4], 0.0);
        let loss = balanced_cross_entropy(&a, &[1, 0, 3], 0.1, &[6, 3, 2, 1]).unwrap();
        assert_figures(&loss, 1.09809768, &a, &[0.09453524, -0.21037689, 0.08352888, 0.03231274]);
    }

    #[test]
    fn with_equal_counts_the_balanced_form_is_the_plain_one() {
        let a = input(&[3, 4], 0.2);
        let value = |loss: Tensor| loss.to_scalar::<f32>().unwrap();
        let plain = value(cross_entropy(&a, &[1, 0, 3], 0.1).unwrap());
        let balanced = value(balanced_cross_entropy(&a, &[1, 0, 3], 0.1, &[5; 4]).unwrap());
        assert!((plain - balanced).abs() < 1e-6);
        let message = balanced_cross_entropy(&a, &[1, 0, 3], 0.1, &[5; 3]).unwrap_err().to_string();
        assert!(message.contains('3') && message.contains('4'), "{message}");
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
        // The kernel's mark of a row to skip is no label.
        let message = cross_entropy(&input(&[2, 4], 0.0), &[1, u32::MAX], 0.0).unwrap_err().to_string();
        assert!(message.contains("4294967295") && message.contains("classes"), "{message}");
    }
}
