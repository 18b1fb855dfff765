//! The arithmetic of one update: the optimisers' settings in `f64`, handed to the fused kernels.
//!
//! Each function changes its first tensor(s) in place, in one pass over memory.

use candle_core::{Tensor, Var};
pub(super) use kernels::Also;
use manabi_kernels::optim as kernels;

use crate::Result;

/// Settings of one SGD step.
#[derive(Clone, Copy, Debug)]
pub(super) struct SgdStep {
    pub lr: f64,
    pub momentum: f64,
    pub nesterov: bool,
    pub weight_decay: f64,
}

/// Settings of one AdamW step; `step` counts from 1.
#[derive(Clone, Copy, Debug)]
pub(super) struct AdamWStep {
    pub lr: f64,
    pub beta1: f64,
    pub beta2: f64,
    pub eps: f64,
    pub weight_decay: f64,
    pub step: u64,
}

/// Settings of one LARS step.
#[derive(Clone, Copy, Debug)]
pub(super) struct LarsStep {
    pub lr: f64,
    pub momentum: f64,
    pub weight_decay: f64,
    pub eta: f64,
}

/// `g += wd·p; b = µ·b + g; p -= lr·(nesterov ? g + µ·b : b)`.
pub(super) fn sgd(param: &Var, grad: &Tensor, buffer: &Var, s: &SgdStep, also: Also<'_>) -> Result<()> {
    let step = kernels::SgdStep {
        lr: s.lr as f32,
        momentum: s.momentum as f32,
        nesterov: s.nesterov,
        weight_decay: s.weight_decay as f32,
    };
    Ok(kernels::sgd_step(param, grad, buffer, step, also)?)
}

/// `p *= 1 - lr·wd; m, v = moments; p -= lr·m̂ / (√v̂ + eps)`.
pub(super) fn adamw(param: &Var, grad: &Tensor, m: &Var, v: &Var, s: &AdamWStep, also: Also<'_>) -> Result<()> {
    let step = kernels::AdamWStep {
        lr: s.lr as f32,
        beta1: s.beta1 as f32,
        beta2: s.beta2 as f32,
        eps: s.eps as f32,
        weight_decay: s.weight_decay as f32,
        step: s.step,
    };
    Ok(kernels::adamw_step(param, grad, m, v, step, also)?)
}

/// `r = eta·‖p‖ / (‖g‖ + wd·‖p‖); b = µ·b + r·(g + wd·p); p -= lr·b`.
pub(super) fn lars(param: &Var, grad: &Tensor, buffer: &Var, s: &LarsStep, also: Also<'_>) -> Result<()> {
    let step = kernels::LarsStep {
        lr: s.lr as f32,
        momentum: s.momentum as f32,
        weight_decay: s.weight_decay as f32,
        eta: s.eta as f32,
    };
    Ok(kernels::lars_step(param, grad, buffer, step, also)?)
}

/// `target = m·target + (1 - m)·source`.
pub(super) fn ema_update(target: &Var, source: &Tensor, momentum: f64) -> Result<()> {
    Ok(kernels::ema_update(target, source, momentum as f32)?)
}

/// `Σ x²` in `f64`, in a fixed order.
pub(super) fn sum_of_squares(tensor: &Tensor) -> Result<f64> {
    Ok(kernels::sum_of_squares(tensor)?)
}
