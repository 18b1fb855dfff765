//! One number that depends on any number of tensors, since candle's custom operations take three arguments.
//!
//! An operation of one input and many parameters has the input and this *handle* as its arguments. Backward it runs before
//! the handle, computes all gradients, and leaves those of the parameters here; each link of the chain that the handle is
//! made of then gives out its two. To the graph every parameter is an ordinary argument.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use candle_core::{CpuStorage, CustomOp3, DType, Device, Layout, Result, Tensor, TensorId};

use crate::storage::Forward;

/// The gradients of an operation's parameters between its backward pass and that of the links.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gradients(Arc<Mutex<HashMap<TensorId, Tensor>>>);

impl Gradients {
    /// Leaves those of a backward pass; what a tensor gets several times is added up.
    pub(crate) fn leave(&self, all: impl IntoIterator<Item = (TensorId, Tensor)>) -> Result<()> {
        let mut kept = self.lock();
        kept.clear();
        for (id, gradient) in all {
            match kept.entry(id) {
                Entry::Vacant(entry) => drop(entry.insert(gradient)),
                Entry::Occupied(mut entry) => {
                    let sum = (entry.get() + gradient)?;
                    entry.insert(sum);
                }
            }
        }
        Ok(())
    }

    fn take(&self, tensor: &Tensor) -> Option<Tensor> {
        self.lock().remove(&tensor.id())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TensorId, Tensor>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The handle of `tensors`.
pub(crate) fn join(tensors: &[Tensor], gradients: &Gradients) -> Result<Tensor> {
    // Takes no part, and fills up the last link.
    let none = Tensor::zeros((), DType::F32, &Device::Cpu)?;
    let mut handle = none.clone();
    for pair in tensors.chunks(2) {
        if let [a, rest @ ..] = pair {
            handle = handle.apply_op3(a, rest.first().unwrap_or(&none), Link(gradients.clone()))?;
        }
    }
    Ok(handle)
}

/// The gradient that an operation gives its handle: only there to be passed on.
pub(crate) fn onward(handle: &Tensor) -> Result<Option<Tensor>> {
    handle.track_op().then(|| handle.zeros_like()).transpose()
}

struct Link(Gradients);

impl CustomOp3 for Link {
    fn name(&self) -> &'static str {
        "manabi-join"
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout, _: &CpuStorage, _: &Layout, _: &CpuStorage, _: &Layout) -> Forward {
        Ok((CpuStorage::F32(vec![0.0]), ().into()))
    }

    fn bwd(
        &self,
        handle: &Tensor,
        a: &Tensor,
        b: &Tensor,
        _: &Tensor,
        _: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        Ok((onward(handle)?, self.0.take(a), self.0.take(b)))
    }
}
