//! Adam with decoupled weight decay, Loshchilov & Hutter, arXiv:1711.05101, as PyTorch.
//!
//! m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g², p ← p (1 − lr λ) − lr m̂ / (√v̂ + ε), with m̂ and v̂ corrected for their
//! start at zero. One pass.

use candle_core::{Result, Tensor, Var, bail};

use super::{Also, sweep};
use crate::storage::fast;

/// Settings of AdamW, with PyTorch's meaning.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamWStep {
    /// Learning rate.
    pub lr: f32,
    /// Decay of the mean of gradients.
    pub beta1: f32,
    /// Decay of the mean of squared gradients.
    pub beta2: f32,
    /// Added to the root of the latter.
    pub eps: f32,
    /// Share of the parameter taken off, times the learning rate.
    pub weight_decay: f32,
    /// Which step this is; the first is 1.
    pub step: u64,
}

/// One step of AdamW, in place. `param`, `grad`, `m` and `v` have one shape.
pub fn adamw_step(param: &Var, grad: &Tensor, m: &Var, v: &Var, step: AdamWStep, also: Also<'_>) -> Result<()> {
    also.check(param, grad, &[m, v])?;
    let corrections = corrections(&step)?;
    if !fast(&[param, grad, m, v]) {
        return plain(param, &also.scaled(grad)?, m, v, step, corrections).and_then(|()| also.follow(param));
    }
    let scale = also.gradient_scale;
    sweep(param, [m, v], grad, also, |p, [m, v], g| adamw(p, m, v, g, step, corrections, scale))
}

/// How much of the two means is there after so many steps.
pub(super) fn corrections(step: &AdamWStep) -> Result<(f32, f32)> {
    if step.step == 0 {
        bail!("adamw_step: steps count from 1, got {}", step.step)
    }
    let correction = |beta: f32| (1.0 - f64::from(beta).powf(step.step as f64)) as f32;
    Ok((correction(step.beta1), correction(step.beta2)))
}

fn plain(param: &Var, grad: &Tensor, m: &Var, v: &Var, step: AdamWStep, (first, second): (f32, f32)) -> Result<()> {
    let mean = |old: &Var, new: &Tensor, beta: f32| {
        let beta = f64::from(beta);
        (old.detach() * beta)? + (new * (1.0 - beta))?
    };
    let (mean, square) = (mean(m, grad, step.beta1)?, mean(v, &grad.sqr()?, step.beta2)?);
    m.set(&mean)?;
    v.set(&square)?;
    let root = ((square / f64::from(second))?.sqrt()? + f64::from(step.eps))?;
    let moved = (mean.div(&root)? * f64::from(step.lr / first))?;
    let kept = (param.detach() * (1.0 - f64::from(step.lr) * f64::from(step.weight_decay)))?;
    param.set(&(kept - moved)?)
}

wide! {
    pub(super) fn adamw(
        p: &mut [f32], m: &mut [f32], v: &mut [f32], g: &[f32],
        step: AdamWStep, (first, second): (f32, f32), scale: f32,
    ) {
        let kept = 1.0 - step.lr * step.weight_decay;
        let rate = step.lr / first;
        let inverse = 1.0 / second;
        for (((p, m), v), g) in p.iter_mut().zip(m).zip(v).zip(g) {
            let g = g * scale;
            *m = step.beta1 * *m + (1.0 - step.beta1) * g;
            *v = step.beta2 * *v + (1.0 - step.beta2) * g * g;
            *p = *p * kept - rate * *m / ((*v * inverse).sqrt() + step.eps);
        }
    }
}
