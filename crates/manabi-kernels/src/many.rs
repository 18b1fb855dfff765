//! Operations of one input and any number of parameters, under candle's autograd, which knows three arguments.
//!
//! A chain of one-element tensors, the handles, takes up the parameters two at a time; the operation itself has the
//! input and the last handle as its arguments. Backward it runs before all of them, computes every gradient, keeps those
//! of the parameters aside, and each handle then gives out its two. To the graph every parameter is an ordinary argument.

use std::sync::{Arc, Mutex, PoisonError};

use candle_core::{CpuStorage, CustomOp2, CustomOp3, DType, Layout, Result, Tensor, bail};

use crate::storage::{Forward, slice, tensor_like};

/// The gradients of the input and of each parameter, where wanted.
pub(crate) type Gradients = (Option<Vec<f32>>, Vec<Option<Vec<f32>>>);

/// An operation whose output has the shape of its input.
pub(crate) trait Fused: Send + Sync + 'static {
    /// What errors call it.
    fn name(&self) -> &'static str;

    /// The output for the contiguous input.
    fn forward(&self, x: &[f32], parameters: &[Tensor]) -> Result<Vec<f32>>;

    /// The gradients, for that of the output; of those that do not track they may be missing.
    fn backward(&self, x: &Tensor, parameters: &[Tensor], grad: &Tensor) -> Result<Gradients>;
}

/// Applies `op` to `x` and the contiguous `parameters`, all `f32` on the CPU.
pub(crate) fn apply(x: &Tensor, parameters: Vec<Tensor>, op: impl Fused) -> Result<Tensor> {
    let cell = Cell::default();
    // Takes no part: it makes the first link like all others.
    let mut handle = Tensor::zeros(1, DType::F32, x.device())?;
    for (pair, two) in parameters.chunks(2).enumerate() {
        let (a, b) = (&two[0], two.get(1).unwrap_or(&handle));
        handle = handle.apply_op3(a, b, Handle { cell: cell.clone(), first: 2 * pair, both: two.len() == 2 })?;
    }
    x.contiguous()?.apply_op2(&handle, Operation { op, parameters, cell })
}

/// Where the operation leaves the parameters' gradients for the handles.
type Cell = Arc<Mutex<Vec<Option<Tensor>>>>;

struct Operation<F> {
    op: F,
    parameters: Vec<Tensor>,
    cell: Cell,
}

impl<F: Fused> CustomOp2 for Operation<F> {
    fn name(&self) -> &'static str {
        self.op.name()
    }

    fn cpu_fwd(&self, s1: &CpuStorage, l1: &Layout, _: &CpuStorage, _: &Layout) -> Forward {
        let y = self.op.forward(slice(s1, l1, self.name())?, &self.parameters)?;
        Ok((CpuStorage::F32(y), l1.shape().clone()))
    }

    fn bwd(&self, x: &Tensor, handle: &Tensor, _: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let (gx, gradients) = self.op.backward(x, &self.parameters, grad)?;
        if gradients.len() != self.parameters.len() {
            bail!("{}: {} gradients for {} parameters", self.name(), gradients.len(), self.parameters.len())
        }
        let pairs = gradients.into_iter().zip(&self.parameters);
        let tensors = pairs.map(|(values, like)| values.map(|v| tensor_like(v, like)).transpose());
        *self.cell.lock().unwrap_or_else(PoisonError::into_inner) = tensors.collect::<Result<_>>()?;
        let gx = gx.filter(|_| x.track_op()).map(|values| tensor_like(values, x)).transpose()?;
        Ok((gx, Some(handle.zeros_like()?)))
    }
}

/// A link of the chain: takes parameters `first` and, with `both`, the next.
struct Handle {
    cell: Cell,
    first: usize,
    both: bool,
}

impl CustomOp3 for Handle {
    fn name(&self) -> &'static str {
        "manabi-handle"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout, _: &CpuStorage, _: &Layout, _: &CpuStorage, _: &Layout) -> Forward {
        Ok((CpuStorage::F32(vec![0.0]), 1.into()))
    }

    fn bwd(
        &self,
        before: &Tensor,
        _: &Tensor,
        _: &Tensor,
        _: &Tensor,
        _: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let mut gradients = self.cell.lock().unwrap_or_else(PoisonError::into_inner);
        let mut take = |i: usize| gradients.get_mut(i).and_then(Option::take);
        let (a, b) = (take(self.first), if self.both { take(self.first + 1) } else { None });
        let link = before.track_op().then(|| before.zeros_like()).transpose()?;
        Ok((link, a, b))
    }
}
