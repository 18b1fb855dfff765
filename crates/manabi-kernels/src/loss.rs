//! Losses that are worth a kernel: the cross-entropy of classes, that under distributions over them, and a logistic
//! unit's.

mod cross_entropy;
mod soft_cross_entropy;
mod softplus;

pub use cross_entropy::{SKIP, cross_entropy};
pub use soft_cross_entropy::soft_cross_entropy;
pub use softplus::softplus_sum;

use crate::storage::PIECE;

/// Rows a task takes at once.
fn rows(classes: usize) -> usize {
    (PIECE / classes).max(1)
}
