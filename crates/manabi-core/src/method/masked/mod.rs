//! Masked prediction: say what was hidden.

pub mod mask;
pub mod reconstruction;
