//! Operations of one input and any number of parameters, with the shape of the input.

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Tensor, bail};

use crate::join::{self, join, onward};
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
    let gradients = join::Gradients::default();
    let handle = join(&parameters, &gradients)?;
    x.contiguous()?.apply_op2(&handle, Operation { op, parameters, gradients })
}

struct Operation<F> {
    op: F,
    parameters: Vec<Tensor>,
    gradients: join::Gradients,
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
        let pairs = gradients.into_iter().zip(&self.parameters).filter(|(_, like)| like.track_op());
        let tensors = pairs.filter_map(|(values, like)| Some((like.id(), tensor_like(values?, like))));
        self.gradients.leave(tensors.map(|(id, t)| t.map(|t| (id, t))).collect::<Result<Vec<_>>>()?)?;
        let gx = gx.filter(|_| x.track_op()).map(|values| tensor_like(values, x)).transpose()?;
        Ok((gx, onward(handle)?))
    }
}
