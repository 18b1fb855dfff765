//! Masked prediction: say what was hidden.

pub mod autoencoder;
pub mod joint;
pub mod mask;
pub mod quantised;
pub mod reconstruction;
mod shared;

pub(in crate::method) use shared::{codes_used, hidden, masked_error, no_tokens, one_view};
