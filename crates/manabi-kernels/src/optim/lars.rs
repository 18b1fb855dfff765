//! Layer-wise adaptive rate scaling, You et al., arXiv:1708.03888, as lightly.
//!
//! r = η ‖p‖ / (‖g‖ + λ ‖p‖ + 10⁻⁸), then b ← μ b + r (g + λ p) and p ← p − lr b. Where either norm is zero, r = 1 and
//! λ = 0. Both norms are read first; the step is that of SGD with the gradient and the decay scaled by r.

use candle_core::{Result, Tensor, Var};

use super::{Also, SgdStep, sgd_step, sum_of_squares};

/// Settings of LARS.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LarsStep {
    /// Learning rate.
    pub lr: f32,
    /// Share of the last direction that is kept.
    pub momentum: f32,
    /// Share of the parameter added to its gradient.
    pub weight_decay: f32,
    /// Trust coefficient.
    pub eta: f32,
}

/// One step of LARS, in place. `param`, `grad` and `momentum_buf` have one shape.
pub fn lars_step(param: &Var, grad: &Tensor, momentum_buf: &Var, step: LarsStep, also: Also<'_>) -> Result<()> {
    also.check(param, grad, &[momentum_buf])?;
    let decay = f64::from(step.weight_decay);
    let length = sum_of_squares(param)?.sqrt();
    let slope = sum_of_squares(grad)?.sqrt() * f64::from(also.gradient_scale.abs());
    let (rate, decay) = match length == 0.0 || slope == 0.0 {
        true => (1.0, 0.0),
        false => (f64::from(step.eta) * length / (slope + decay * length + 1e-8), decay),
    };
    let sgd = SgdStep { lr: step.lr, momentum: step.momentum, nesterov: false, weight_decay: (rate * decay) as f32 };
    let also = Also { gradient_scale: (rate * f64::from(also.gradient_scale)) as f32, ..also };
    sgd_step(param, grad, momentum_buf, sgd, also)
}
