//! Optimiser steps in place, each one pass over parameter, gradient and state.
//!
//! The state lives in ordinary variables of the parameter's shape, so that it can be checkpointed like parameters. A
//! step over several of them holds the write lock of each through nested in-place operations, and refuses two that
//! share one storage. What else touches the same memory rides along ([`Also`]): a factor on the gradient, and a
//! moving average of the parameter, updated while a piece of it lies in the cache. For the rows of a table that have a
//! gradient there are steps of their own.

use std::cell::Cell;

use candle_core::{CpuStorage, Error, InplaceOp1, Layout, Result, Storage, Tensor, Var, bail};
use rayon::prelude::*;

use crate::storage::{PIECE, Shared, check_shape, with};

mod adamw;
mod ema;
mod lars;
mod norm;
mod rows;
mod sgd;
#[cfg(test)]
mod tests;

pub use adamw::{AdamWStep, adamw_step};
pub use ema::ema_update;
pub use lars::{LarsStep, lars_step};
pub use norm::{scale_in_place, sum_of_squares};
pub use rows::{adamw_rows_step, sgd_rows_step};
pub use sgd::{SgdStep, sgd_step};

/// What a step does beside its own formula, in the same pass.
#[derive(Clone, Copy, Debug)]
pub struct Also<'a> {
    /// Factor on the gradient before all else: clipping, without a copy of the gradient.
    pub gradient_scale: f32,
    /// A tensor of the parameter's shape that follows its new value, t ← m t + (1 − m) p, and the momentum m.
    pub follower: Option<(&'a Var, f32)>,
}

impl Default for Also<'_> {
    fn default() -> Self {
        Self { gradient_scale: 1.0, follower: None }
    }
}

impl Also<'_> {
    /// As the function, with the follower among what is written.
    fn check(&self, param: &Var, grad: &Tensor, state: &[&Var]) -> Result<()> {
        let follower = self.follower.iter().map(|(var, _)| *var);
        check(param, grad, &state.iter().copied().chain(follower).collect::<Vec<_>>())
    }

    /// The gradient times the factor, in a tensor of its own.
    fn scaled(&self, grad: &Tensor) -> Result<Tensor> {
        grad.detach() * f64::from(self.gradient_scale)
    }

    /// The follower's part in a pass of its own.
    fn follow(&self, param: &Var) -> Result<()> {
        self.follower.map_or(Ok(()), |(target, momentum)| ema_update(target, param, momentum))
    }
}

/// Calls `step` with each piece of the parameter, its state and its gradient, then moves the follower's piece.
fn sweep<const N: usize>(
    param: &Var,
    state: [&Var; N],
    grad: &Tensor,
    also: Also<'_>,
    step: impl Fn(&mut [f32], [&mut [f32]; N], &[f32]) + Sync,
) -> Result<()> {
    if let Some((target, _)) = also.follower.filter(|(target, _)| !crate::storage::fast(&[target])) {
        bail!("optimiser step: a follower of {:?} on {:?} beside f32 on the CPU", target.dtype(), target.device())
    }
    let follower = also.follower.map(|(target, _)| target);
    let written: Vec<&Var> = [param].into_iter().chain(state).chain(follower).collect();
    with(&grad.detach(), |g| {
        lock(&written, &mut Vec::new(), &mut |pointers| {
            g.par_chunks(PIECE).enumerate().for_each(|(i, g)| {
                // SAFETY: `pointers` are the elements of `written`, locked for the time of this call, each as many as
                // the gradient has, in storages of their own; each piece belongs to one task.
                let piece = |which: usize| unsafe { pointers[which].at(i * PIECE, g.len()) };
                let p = piece(0);
                step(p, std::array::from_fn(|j| piece(1 + j)), g);
                if let Some((_, momentum)) = also.follower {
                    ema::ema(piece(1 + N), p, momentum);
                }
            });
            Ok(())
        })
    })
}

/// Calls `f` with the elements of all `vars`, under the write lock of each.
fn lock(vars: &[&Var], held: &mut Vec<Shared>, f: &mut dyn FnMut(&[Shared]) -> Result<()>) -> Result<()> {
    match vars {
        [] => f(held),
        [first, rest @ ..] => with_mut(first, |values| {
            held.push(Shared::new(values));
            lock(rest, held, f)
        }),
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
