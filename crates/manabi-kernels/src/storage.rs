//! The bridge between candle's tensors and plain slices.
//!
//! Everything here is for contiguous `f32` on the CPU; [`fast`] says whether tensors qualify, and the public functions
//! of the crate go to candle's own operations where they do not.

use candle_core::{CpuStorage, DType, Error, Layout, Result, Shape, Storage, Tensor, bail};

/// What a custom operation's forward pass returns.
pub(crate) type Forward = Result<(CpuStorage, Shape)>;

/// Elements per parallel piece of an element-wise loop: 64 KiB, so that a piece stays in the second-level cache.
pub(crate) const PIECE: usize = 1 << 14;

/// True if all tensors are `f32` on the CPU.
pub(crate) fn fast(tensors: &[&Tensor]) -> bool {
    tensors.iter().all(|t| t.device().is_cpu() && t.dtype() == DType::F32)
}

/// The elements of a contiguous CPU tensor inside a custom operation.
pub(crate) fn slice<'a>(storage: &'a CpuStorage, layout: &Layout, op: &'static str) -> Result<&'a [f32]> {
    let (start, end) = layout.contiguous_offsets().ok_or(Error::RequiresContiguous { op })?;
    let all = storage.as_slice::<f32>()?;
    all.get(start..end)
        .ok_or_else(|| Error::Msg(format!("{op}: elements {start}..{end} of a storage of {}", all.len())))
}

/// Calls `f` with the elements of a CPU tensor, made contiguous first if need be.
pub(crate) fn with<R>(tensor: &Tensor, f: impl FnOnce(&[f32]) -> Result<R>) -> Result<R> {
    let tensor = tensor.contiguous()?;
    let (storage, layout) = tensor.storage_and_layout();
    match &*storage {
        Storage::Cpu(cpu) => f(slice(cpu, layout, "read")?),
        _ => bail!("a kernel for the CPU was given a tensor on {:?}", tensor.device()),
    }
}

/// As [`with`], for several contiguous tensors at once.
pub(crate) fn with_all<R>(tensors: &[Tensor], f: impl FnOnce(&[&[f32]]) -> Result<R>) -> Result<R> {
    let guards: Vec<_> = tensors.iter().map(Tensor::storage_and_layout).collect();
    let slices = guards.iter().map(|(storage, layout)| match &**storage {
        Storage::Cpu(cpu) => slice(cpu, layout, "read"),
        _ => bail!("a kernel for the CPU was given a tensor on another device"),
    });
    f(&slices.collect::<Result<Vec<_>>>()?)
}

/// A tensor of the shape and on the device of `like`.
pub(crate) fn tensor_like(values: Vec<f32>, like: &Tensor) -> Result<Tensor> {
    Tensor::from_vec(values, like.shape(), like.device())
}

/// The gradient of `of`, if it needs one.
pub(crate) fn wanted(values: Vec<f32>, of: &Tensor) -> Result<Option<Tensor>> {
    of.track_op().then(|| tensor_like(values, of)).transpose()
}

/// Fails unless `tensor` has `expected` as its shape.
pub(crate) fn check_shape(op: &str, what: &str, tensor: &Tensor, expected: &[usize]) -> Result<()> {
    if tensor.dims() != expected {
        bail!("{op}: {what} has shape {:?}, expected {expected:?}", tensor.dims())
    }
    Ok(())
}

/// The last dimension, which must exist and not be empty.
pub(crate) fn last_dim(op: &str, tensor: &Tensor) -> Result<usize> {
    match tensor.dims().last() {
        Some(&d) if d > 0 => Ok(d),
        _ => bail!("{op}: the last dimension is missing or empty in shape {:?}", tensor.dims()),
    }
}

/// A pointer that rayon's closures may share.
///
/// Whoever uses it writes each element from one task only.
#[derive(Clone, Copy)]
pub(crate) struct Shared(*mut f32);

// SAFETY: the type only carries the address; `at` below states what its callers owe.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    /// The address of `values`.
    pub(crate) fn new(values: &mut [f32]) -> Self {
        Self(values.as_mut_ptr())
    }

    /// The address of element `start`, which must lie inside the slice given to `new`.
    #[inline(always)]
    pub(crate) fn pointer(self, start: usize) -> *mut f32 {
        self.0.wrapping_add(start)
    }

    /// The address `count` elements on, which must lie inside the slice given to `new` or at its end.
    #[inline(always)]
    pub(crate) fn offset(self, count: usize) -> Self {
        Self(self.0.wrapping_add(count))
    }

    /// The elements `start..start + len` behind the pointer.
    ///
    /// # Safety
    /// The range lies inside the slice given to `new`, that slice outlives the result, and no other task reads or
    /// writes any element of the range meanwhile.
    #[inline(always)]
    pub(crate) unsafe fn at<'a>(self, start: usize, len: usize) -> &'a mut [f32] {
        // SAFETY: what this function asks of its caller.
        unsafe { std::slice::from_raw_parts_mut(self.0.add(start), len) }
    }
}
