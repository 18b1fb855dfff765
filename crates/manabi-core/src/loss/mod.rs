//! Losses: pure functions of tensors, one file each, tested against closed forms,
//! finite differences and PyTorch's figures.

mod cross_entropy;
mod info_nce;
mod masked;
mod nt_xent;
mod regression;
mod swapped;
#[cfg(test)]
mod testing;
mod vicreg;

pub use cross_entropy::{balanced_cross_entropy, cross_entropy};
pub use info_nce::info_nce;
pub use masked::masked_mse;
pub use nt_xent::nt_xent;
pub use regression::regression;
pub use swapped::{sinkhorn, swapped_prediction};
pub use vicreg::{VicRegTerms, vicreg};
