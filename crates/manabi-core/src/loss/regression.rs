//! BYOL's regression, Grill et al., arXiv:2006.07733: `ℓ = mean_i 2 − 2 cos(p_i, z_i)`,
//! the squared distance of the normalised rows. No gradient flows into the target.

use candle_core::Tensor;
use manabi_kernels::norm::l2_normalize;

use crate::Result;

/// # Shapes
/// `prediction`, `target`: `(N, D)` → scalar in `[0, 4]`.
pub fn regression(prediction: &Tensor, target: &Tensor) -> Result<Tensor> {
    let p = l2_normalize(prediction, 1e-12)?;
    let z = l2_normalize(&target.detach(), 1e-12)?.detach();
    Ok((p * z)?.sum(1)?.mean_all()?.affine(-2.0, 2.0)?)
}

#[cfg(test)]
mod tests {
    use super::{super::testing::*, *};

    // (2 - 2 * (F.normalize(a, dim=1) * F.normalize(b.detach(), dim=1)).sum(1)).mean()
    #[test]
    fn value_and_gradient_are_pytorchs() {
        let (a, b) = (input(&[3, 4], 0.0), input(&[3, 4], 1.0));
        let loss = regression(&a, &b).unwrap();
        assert_figures(&loss, 0.80553001, &a, &[-0.26209938, -0.1826841, -0.01734963, 0.15614464]);
    }

    #[test]
    fn equal_rows_cost_nothing_and_opposite_rows_four() {
        let a = input(&[3, 4], 0.0);
        let value = |b: &Tensor| regression(&a, b).unwrap().to_scalar::<f32>().unwrap();
        assert!(value(&a).abs() < 1e-5);
        assert!((value(&a.neg().unwrap()) - 4.0).abs() < 1e-5);
    }

    #[test]
    fn the_target_receives_no_gradient() {
        let (a, b) = (input(&[3, 4], 0.0), input(&[3, 4], 1.0));
        assert!(regression(&a, &b).unwrap().backward().unwrap().get(&b).is_none());
    }

    #[test]
    fn the_gradient_is_the_finite_difference() {
        let b = input(&[3, 4], 1.0);
        assert_gradient(&input(&[3, 4], 0.0), |a| regression(a, &b));
    }
}
