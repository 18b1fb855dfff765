//! Activations: ReLU, add + ReLU, GELU, and softmax over the last dimension.
//!
//! relu(x) = max(x, 0) with relu′(0) = 0; gelu(x) = x Φ(x) with the normal distribution Φ (the erf form). NaN passes
//! through all of them. Each is one pass forward and one backward.

mod elementwise;
mod softmax;

pub use elementwise::{add_relu, gelu, relu};
pub use softmax::{log_softmax_last, softmax_last};
