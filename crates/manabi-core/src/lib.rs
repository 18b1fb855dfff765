//! Losses, methods, training loop, checkpoints and evaluation of self-supervised
//! learning, for any modality.
//!
//! Data flows one way: [`data`] (files → records → samples → batches) →
//! [`encoder`] (batch → features) → [`method`] (features → loss) → [`optim`] →
//! [`train`] (loop, checkpoints, monitor) → [`eval`] (what the features are worth).
//! A modality crate implements [`modality::Modality`]; nothing here knows which.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]
// Figures of reference programs are pasted as they were printed.
#![cfg_attr(test, allow(clippy::excessive_precision, clippy::type_complexity))]

pub mod data;
pub mod encoder;
pub mod error;
pub mod eval;
pub mod loss;
pub mod method;
pub mod modality;
pub mod nn;
pub mod optim;
pub mod rng;
pub mod train;

pub use error::{Error, Result};
