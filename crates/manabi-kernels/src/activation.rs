//! Activations: ReLU, add + ReLU, GELU in two forms, and softmax over the last dimension.
//!
//! relu(x) = max(x, 0) with relu′(0) = 0; gelu(x) = x Φ(x) with the normal distribution Φ. NaN passes through all of
//! them. Each is one pass forward and one backward.

mod elementwise;
mod gelu;
mod softmax;

pub use elementwise::{add_relu, relu};
pub(crate) use elementwise::{rectify, relu_gradient};
pub use gelu::{gelu, gelu_tanh};
pub(crate) use gelu::{gelu_again, gelu_gradient, gelu_into};
pub use softmax::{log_softmax_last, softmax_last};
