//! Activation checkpointing: a block whose inside is forgotten and computed again in the backward pass
//! (Chen et al., arXiv:1604.06174).
//!
//! Kept are the block's input and output; a stack of L blocks needs the memory of one block's inside instead of L. Cost:
//! the block's forward pass once more, a copy of its input and one of its output.
//!
//! The first pass runs on a detached input and only shows which variables the block uses; its graph is dropped. In the
//! outer graph the block is one operation of two arguments, its input and the handle of these variables (see `join`); its
//! backward pass runs the block again and walks the inner graph.

use std::sync::{Mutex, PoisonError};

use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Storage, Tensor, Var, bail};

use crate::join::{Gradients, join, onward};
use crate::storage::Forward;

/// Which of the two times a block is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// In the forward pass.
    First,
    /// In the backward pass, with the same result: what the first pass has written down (running statistics) is not to
    /// be written again.
    Again,
}

/// `f` of `x`, without keeping what is inside for the backward pass, where `f` runs again.
///
/// Value and gradients are those of `f(x)`, bit for bit where `f` is deterministic and uses each variable once. Gradients
/// reach `x` and every variable that `f` holds. On another device than the CPU this is `f(x)`.
pub fn recompute<F>(x: &Tensor, f: F) -> Result<Tensor>
where
    F: Fn(&Tensor, Pass) -> Result<Tensor> + Send + Sync + 'static,
{
    if !x.device().is_cpu() {
        return f(x, Pass::First);
    }
    let y = f(&x.detach(), Pass::First)?;
    let variables: Vec<Tensor> = y.sorted_nodes().into_iter().filter(|t| t.is_variable()).cloned().collect();
    if !x.track_op() && variables.is_empty() {
        return Ok(y);
    }
    let gradients = Gradients::default();
    let handle = join(&variables, &gradients)?;
    let output = Mutex::new(Some((cpu_storage(&y)?, y.dims().to_vec())));
    drop(y);
    x.apply_op2(&handle, Block { f, output, gradients })
}

/// A copy of the elements of a tensor on the CPU.
fn cpu_storage(tensor: &Tensor) -> Result<CpuStorage> {
    let tensor = if tensor.is_contiguous() && tensor.layout().start_offset() == 0 {
        tensor.clone()
    } else {
        tensor.force_contiguous()?
    };
    let (storage, _) = tensor.storage_and_layout();
    match &*storage {
        Storage::Cpu(cpu) => Ok(cpu.clone()),
        _ => bail!("recompute: a block takes a tensor on the CPU to {:?}", tensor.device()),
    }
}

struct Block<F> {
    f: F,
    /// The first pass's output and its shape, until the operation hands them out.
    output: Mutex<Option<(CpuStorage, Vec<usize>)>>,
    gradients: Gradients,
}

impl<F> CustomOp2 for Block<F>
where
    F: Fn(&Tensor, Pass) -> Result<Tensor>,
{
    fn name(&self) -> &'static str {
        "manabi-recompute"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout, _: &CpuStorage, _: &Layout) -> Forward {
        let output = self.output.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some((storage, shape)) = output else { bail!("recompute: the block's output was taken before") };
        Ok((storage, shape.into()))
    }

    fn bwd(&self, x: &Tensor, handle: &Tensor, _: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        // A variable is a leaf, and candle makes one by copying; the outer graph begins behind it.
        let input = if x.track_op() { Var::from_tensor(&x.detach())?.into_inner() } else { x.clone() };
        let y = (self.f)(&input, Pass::Again)?;
        if y.dims() != grad.dims() {
            bail!("recompute: the block gave {:?} first and {:?} again", grad.dims(), y.dims())
        }
        let mut store = y.apply_op1(Seed { grad: grad.clone() })?.backward()?;
        let gx = match (x.track_op(), store.remove(&input)) {
            (false, _) => None,
            (true, Some(gradient)) => Some(gradient),
            // The block does not depend on its input, and candle wants an answer.
            (true, None) => Some(x.zeros_like()?),
        };
        let variables = y.sorted_nodes().into_iter().filter(|t| t.is_variable());
        self.gradients.leave(variables.filter_map(|t| Some((t.id(), store.remove(t)?))))?;
        Ok((gx, onward(handle)?))
    }
}

/// The end of an inner graph: sends `grad` back whatever comes.
struct Seed {
    grad: Tensor,
}

impl CustomOp1 for Seed {
    fn name(&self) -> &'static str {
        "manabi-recompute-seed"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> Forward {
        Ok((CpuStorage::F32(vec![0.0]), ().into()))
    }

    fn bwd(&self, _: &Tensor, _: &Tensor, _: &Tensor) -> Result<Option<Tensor>> {
        Ok(Some(self.grad.clone()))
    }
}

#[cfg(test)]
mod tests;
