//! Masked prediction: say what was hidden.

pub mod autoencoder;
pub mod mask;
pub mod reconstruction;
mod shared;
