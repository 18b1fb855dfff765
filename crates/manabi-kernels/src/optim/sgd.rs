//! Stochastic gradient descent with momentum, as PyTorch.
//!
//! b ← μ b + g + λ p, then p ← p − lr b, or p − lr (g + λ p + μ b) with Nesterov's look-ahead. One pass.

use candle_core::{Result, Tensor, Var};

use super::{Also, sweep};
use crate::storage::fast;

/// Settings of stochastic gradient descent, with PyTorch's meaning.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SgdStep {
    /// Learning rate.
    pub lr: f32,
    /// Share of the last direction that is kept.
    pub momentum: f32,
    /// Look ahead along the momentum.
    pub nesterov: bool,
    /// Share of the parameter added to its gradient.
    pub weight_decay: f32,
}

/// One step of SGD, in place. `param`, `grad` and `momentum_buf` have one shape.
pub fn sgd_step(param: &Var, grad: &Tensor, momentum_buf: &Var, step: SgdStep, also: Also<'_>) -> Result<()> {
    also.check(param, grad, &[momentum_buf])?;
    if !fast(&[param, grad, momentum_buf]) {
        return plain(param, &also.scaled(grad)?, momentum_buf, step).and_then(|()| also.follow(param));
    }
    let scale = also.gradient_scale;
    sweep(param, [momentum_buf], grad, also, |p, [b], g| sgd(p, b, g, step, scale))
}

fn plain(param: &Var, grad: &Tensor, momentum_buf: &Var, step: SgdStep) -> Result<()> {
    let SgdStep { lr, momentum, nesterov, weight_decay } = step;
    let p = param.detach();
    let g = (grad + (&p * f64::from(weight_decay))?)?;
    let buf = ((momentum_buf.detach() * f64::from(momentum))? + &g)?;
    let direction = if nesterov { (g + (&buf * f64::from(momentum))?)? } else { buf.clone() };
    momentum_buf.set(&buf)?;
    param.set(&(p - (direction * f64::from(lr))?)?)
}

wide! {
    pub(super) fn sgd(p: &mut [f32], b: &mut [f32], g: &[f32], step: SgdStep, scale: f32) {
        for ((p, b), g) in p.iter_mut().zip(b).zip(g) {
            let g = g * scale + step.weight_decay * *p;
            *b = step.momentum * *b + g;
            let direction = if step.nesterov { g + step.momentum * *b } else { *b };
            *p -= step.lr * direction;
        }
    }
}
