//! The arithmetic of one update, in one place so that it can be fused.
//!
//! Each function changes its first tensor(s) in place. Plain candle operations; a fused
//! kernel with the same signature can stand in for any of them.

use candle_core::{Tensor, Var};

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

/// `g += wd·p; b = µ·b + g; p -= lr·(nesterov ? g + µ·b : b)`.
pub(super) fn sgd(param: &Var, grad: &Tensor, buffer: &Var, s: &SgdStep) -> Result<()> {
    let p = param.as_tensor().detach();
    let g = if s.weight_decay == 0.0 { grad.clone() } else { (grad + (&p * s.weight_decay)?)? };
    let b = ((buffer.as_tensor().detach() * s.momentum)? + &g)?;
    buffer.set(&b)?;
    let direction = if s.nesterov { (g + (b * s.momentum)?)? } else { b };
    Ok(param.set(&(p - (direction * s.lr)?)?)?)
}

/// `p *= 1 - lr·wd; m, v = moments; p -= lr·m̂ / (√v̂ + eps)`.
pub(super) fn adamw(param: &Var, grad: &Tensor, m: &Var, v: &Var, s: &AdamWStep) -> Result<()> {
    let p = (param.as_tensor().detach() * (1.0 - s.lr * s.weight_decay))?;
    let new_m = ((m.as_tensor().detach() * s.beta1)? + (grad * (1.0 - s.beta1))?)?;
    let new_v = ((v.as_tensor().detach() * s.beta2)? + (grad.sqr()? * (1.0 - s.beta2))?)?;
    m.set(&new_m)?;
    v.set(&new_v)?;
    let correct1 = 1.0 - s.beta1.powf(s.step as f64);
    let correct2 = 1.0 - s.beta2.powf(s.step as f64);
    let denominator = ((new_v.sqrt()? / correct2.sqrt())? + s.eps)?;
    Ok(param.set(&(p - ((new_m / denominator)? * (s.lr / correct1))?)?)?)
}

/// `target = m·target + (1 - m)·source`.
pub(super) fn ema_update(target: &Var, source: &Tensor, momentum: f64) -> Result<()> {
    let new = ((target.as_tensor().detach() * momentum)? + (source * (1.0 - momentum))?)?;
    Ok(target.set(&new)?)
}

/// `Σ x²` in `f64`, in element order.
pub(super) fn sum_of_squares(tensor: &Tensor) -> Result<f64> {
    let values = tensor.flatten_all()?.to_vec1::<f32>()?;
    Ok(values.iter().map(|&x| f64::from(x) * f64::from(x)).sum())
}
