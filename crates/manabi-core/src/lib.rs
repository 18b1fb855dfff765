//! Losses, methods, training loop, checkpoints and evaluation of self-supervised learning, for any modality.

pub mod error;
pub mod eval;
