//! Clipping by the global norm: all gradients are scaled by `max / (‖g‖ + 1e-6)` when `‖g‖ > max`.
//!
//! As `torch.nn.utils.clip_grad_norm_`; the sum of squares runs in `f64` in name order, so
//! it has the same bits in every process. Cost: one pass; the factor itself is applied inside the optimiser's step.

use super::{Gradients, step};
use crate::Result;

impl Gradients {
    /// `√ Σ g²` over all gradients times their factor; not finite if any of them is not.
    pub fn norm(&self) -> Result<f64> {
        let mut sum = 0.0;
        for gradient in self.map.values() {
            sum += step::sum_of_squares(gradient)?;
        }
        Ok(sum.sqrt() * self.factor)
    }

    /// Sets the factor so that the norm is at most `max` (0: never); gives the norm before.
    pub fn clip(&mut self, max: f64) -> Result<f64> {
        let norm = self.norm()?;
        if max > 0.0 && norm.is_finite() && norm > max {
            self.factor *= max / (norm + 1e-6);
        }
        Ok(norm)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor};

    use super::*;

    fn gradients() -> Gradients {
        let mut g = Gradients::default();
        g.insert("a", Tensor::new(&[3.0f32], &Device::Cpu).unwrap());
        g.insert("b", Tensor::new(&[[4.0f32]], &Device::Cpu).unwrap());
        g
    }

    #[test]
    fn a_norm_above_the_limit_is_scaled_down_to_it() {
        let mut g = gradients();
        assert_eq!(g.clip(1.0).unwrap(), 5.0);
        assert!((g.norm().unwrap() - 1.0).abs() < 1e-6);
        assert!((g.factor() - 0.2).abs() < 1e-6);
        // A second limit holds for what the first one left.
        assert!((g.clip(0.5).unwrap() - 1.0).abs() < 1e-6);
        assert!((g.norm().unwrap() - 0.5).abs() < 1e-5);
    }

    #[test]
    fn a_norm_below_the_limit_and_a_limit_of_zero_change_nothing() {
        for max in [0.0, 5.0, 100.0] {
            let mut g = gradients();
            assert_eq!(g.clip(max).unwrap(), 5.0);
            assert_eq!(g.norm().unwrap(), 5.0);
        }
    }

    #[test]
    fn a_gradient_that_is_not_finite_shows_in_the_norm() {
        let mut g = gradients();
        g.insert("c", Tensor::new(&[f32::NAN], &Device::Cpu).unwrap());
        assert!(g.clip(1.0).unwrap().is_nan());
    }
}
