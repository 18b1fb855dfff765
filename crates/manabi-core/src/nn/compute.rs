//! How layers compute, besides what they compute.

pub use manabi_kernels::Precision;

/// Carried by [`super::Params`] to every layer that is built on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compute {
    /// The factors of matrix products.
    pub precision: Precision,
    /// Forget what is inside a block after the forward pass, and compute it again in the backward pass: a third more
    /// time for a fraction of the memory.
    pub recompute: bool,
}
