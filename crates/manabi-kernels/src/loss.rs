//! Losses that are worth a kernel: the cross-entropy of classes.

mod cross_entropy;

pub use cross_entropy::{SKIP, cross_entropy};
