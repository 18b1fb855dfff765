//! Masked prediction: say what was hidden.

pub mod autoencoder;
mod error;
pub mod mask;
pub mod reconstruction;
