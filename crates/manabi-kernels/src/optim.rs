//! Optimiser steps in place, each one pass over parameter, gradient and state.
//!
//! The state lives in ordinary variables of the parameter's shape, so that it can be checkpointed like parameters. A
//! step over several of them holds the write lock of each through nested in-place operations, and refuses two that
//! share one storage. For the rows of a table that have a gradient there are steps of their own.

mod rows;

pub use rows::{adamw_rows_step, sgd_rows_step};

use std::cell::Cell;

use candle_core::{CpuStorage, Error, InplaceOp1, Layout, Result, Storage, Tensor, Var, bail};
use rayon::prelude::*;

use crate::storage::{PIECE, check_shape, fast, with};

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

/// One step of SGD: b ← μ b + g + λ p, then p ← p − lr b, or p − lr (g + λ p + μ b) with `nesterov`.
pub fn sgd_step(param: &Var, grad: &Tensor, momentum_buf: &Var, step: SgdStep) -> Result<()> {
    check(param, grad, &[momentum_buf])?;
    let SgdStep { lr, momentum, nesterov, weight_decay } = step;
    let grad = grad.detach();
    if !fast(&[param, &grad, momentum_buf]) {
        let p = param.detach();
        let g = (&grad + (&p * f64::from(weight_decay))?)?;
        let buf = ((momentum_buf.detach() * f64::from(momentum))? + &g)?;
        let direction = if nesterov { (g + (&buf * f64::from(momentum))?)? } else { buf.clone() };
        momentum_buf.set(&buf)?;
        return param.set(&(p - (direction * f64::from(lr))?)?);
    }
    with(&grad, |g| {
        with_mut(param, |p| {
            with_mut(momentum_buf, |b| {
                let pieces = p.par_chunks_mut(PIECE).zip(b.par_chunks_mut(PIECE)).zip(g.par_chunks(PIECE));
                pieces.for_each(|((p, b), g)| sgd(p, b, g, step));
                Ok(())
            })
        })
    })
}

/// One step of AdamW: p ← p (1 − lr λ) − lr m̂ / (√v̂ + ε), with the means m and v corrected for their start at zero.
pub fn adamw_step(param: &Var, grad: &Tensor, m: &Var, v: &Var, step: AdamWStep) -> Result<()> {
    check(param, grad, &[m, v])?;
    let (first, second) = corrections(&step)?;
    let grad = grad.detach();
    if !fast(&[param, &grad, m, v]) {
        let mean = |old: &Var, new: &Tensor, beta: f32| {
            let beta = f64::from(beta);
            (old.detach() * beta)? + (new * (1.0 - beta))?
        };
        let (mean, square) = (mean(m, &grad, step.beta1)?, mean(v, &grad.sqr()?, step.beta2)?);
        m.set(&mean)?;
        v.set(&square)?;
        let root = ((square / f64::from(second))?.sqrt()? + f64::from(step.eps))?;
        let moved = (mean.div(&root)? * f64::from(step.lr / first))?;
        let kept = (param.detach() * (1.0 - f64::from(step.lr) * f64::from(step.weight_decay)))?;
        return param.set(&(kept - moved)?);
    }
    with(&grad, |g| {
        with_mut(param, |p| {
            with_mut(m, |m| {
                with_mut(v, |v| {
                    let pieces = p.par_chunks_mut(PIECE).zip(m.par_chunks_mut(PIECE)).zip(v.par_chunks_mut(PIECE));
                    pieces.zip(g.par_chunks(PIECE)).for_each(|(((p, m), v), g)| adamw(p, m, v, g, step, first, second));
                    Ok(())
                })
            })
        })
    })
}

/// How much of the two means of AdamW is there after so many steps.
fn corrections(step: &AdamWStep) -> Result<(f32, f32)> {
    if step.step == 0 {
        bail!("adamw_step: steps count from 1, got {}", step.step)
    }
    let correction = |beta: f32| (1.0 - f64::from(beta).powf(step.step as f64)) as f32;
    Ok((correction(step.beta1), correction(step.beta2)))
}

/// target ← momentum · target + (1 − momentum) · source.
pub fn ema_update(target: &Var, source: &Tensor, momentum: f32) -> Result<()> {
    check(target, source, &[])?;
    if !fast(&[target, source]) {
        let kept = (target.detach() * f64::from(momentum))?;
        return target.set(&(kept + (source.detach() * (1.0 - f64::from(momentum)))?)?);
    }
    with(&source.detach(), |s| {
        with_mut(target, |t| {
            t.par_chunks_mut(PIECE).zip(s.par_chunks(PIECE)).for_each(|(t, s)| ema(t, s, momentum));
            Ok(())
        })
    })
}

/// The sum of the squares of all elements, in `f64`; the order of the sum does not depend on the number of threads.
pub fn sum_of_squares(x: &Tensor) -> Result<f64> {
    let x = x.detach();
    if !fast(&[&x]) {
        return x.to_dtype(candle_core::DType::F64)?.sqr()?.sum_all()?.to_scalar();
    }
    with(&x, |x| Ok(x.par_chunks(PIECE).map(squares).collect::<Vec<f64>>().iter().sum()))
}

/// Multiplies all elements by `factor`, in place: also in every tensor that shares them.
pub fn scale_in_place(x: &Tensor, factor: f32) -> Result<()> {
    if !fast(&[x]) {
        if !x.is_variable() {
            bail!("scale_in_place: away from the CPU in f32 only variables can be scaled, not {:?}", x.shape())
        }
        return Var::from_tensor(x)?.set(&(x.detach() * f64::from(factor))?);
    }
    with_mut(x, |x| {
        x.par_chunks_mut(PIECE).for_each(|x| scale(x, factor));
        Ok(())
    })
}

wide! {
    fn sgd(p: &mut [f32], b: &mut [f32], g: &[f32], step: SgdStep) {
        for ((p, b), g) in p.iter_mut().zip(b).zip(g) {
            let g = g + step.weight_decay * *p;
            *b = step.momentum * *b + g;
            let direction = if step.nesterov { g + step.momentum * *b } else { *b };
            *p -= step.lr * direction;
        }
    }

    fn adamw(p: &mut [f32], m: &mut [f32], v: &mut [f32], g: &[f32], step: AdamWStep, first: f32, second: f32) {
        let kept = 1.0 - step.lr * step.weight_decay;
        let rate = step.lr / first;
        let inverse = 1.0 / second;
        for (((p, m), v), g) in p.iter_mut().zip(m).zip(v).zip(g) {
            *m = step.beta1 * *m + (1.0 - step.beta1) * g;
            *v = step.beta2 * *v + (1.0 - step.beta2) * g * g;
            *p = *p * kept - rate * *m / ((*v * inverse).sqrt() + step.eps);
        }
    }

    fn ema(target: &mut [f32], source: &[f32], momentum: f32) {
        for (t, s) in target.iter_mut().zip(source) {
            *t = momentum * *t + (1.0 - momentum) * s;
        }
    }

    fn squares(x: &[f32]) -> f64 {
        let mut lanes = [0f64; 8];
        for block in x.chunks(8) {
            for (lane, v) in lanes.iter_mut().zip(block) {
                *lane += f64::from(*v) * f64::from(*v);
            }
        }
        lanes.iter().sum()
    }

    fn scale(x: &mut [f32], factor: f32) {
        for v in x {
            *v *= factor;
        }
    }
}

/// Fails unless all have the parameter's shape and none of those that are written shares a storage with another.
fn check(param: &Var, read: &Tensor, state: &[&Var]) -> Result<()> {
    check_shape("optimiser step", "the gradient or source", read, param.dims())?;
    let mut all: Vec<&Tensor> = vec![param, read];
    for state in state {
        check_shape("optimiser step", "the state", state, param.dims())?;
        all.push(state);
    }
    own_storages(&all)
}

/// Fails unless each tensor has a storage of its own.
fn own_storages(tensors: &[&Tensor]) -> Result<()> {
    let key = |t: &&Tensor| std::ptr::from_ref::<Storage>(&t.storage_and_layout().0).addr();
    let mut keys: Vec<usize> = tensors.iter().map(key).collect();
    keys.sort_unstable();
    keys.dedup();
    if keys.len() != tensors.len() {
        bail!("optimiser step: {} tensors lie in {} storages; each needs its own", tensors.len(), keys.len())
    }
    Ok(())
}

/// Calls `f` with the elements of a contiguous CPU tensor, under its write lock.
fn with_mut(tensor: &Tensor, f: impl FnOnce(&mut [f32]) -> Result<()>) -> Result<()> {
    tensor.inplace_op1(&Locked(Cell::new(Some(f))))
}

struct Locked<F>(Cell<Option<F>>);

impl<F: FnOnce(&mut [f32]) -> Result<()>> InplaceOp1 for Locked<F> {
    fn name(&self) -> &'static str {
        "manabi-in-place"
    }

    fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> Result<()> {
        let op = self.name();
        let (start, end) = layout.contiguous_offsets().ok_or(Error::RequiresContiguous { op })?;
        let CpuStorage::F32(values) = storage else { bail!("{op}: not a tensor of f32") };
        let len = values.len();
        match (values.get_mut(start..end), self.0.take()) {
            (Some(values), Some(f)) => f(values),
            (Some(_), None) => bail!("{op}: called twice"),
            (None, _) => bail!("{op}: elements {start}..{end} of a storage of {len}"),
        }
    }
}

#[cfg(test)]
mod tests;
