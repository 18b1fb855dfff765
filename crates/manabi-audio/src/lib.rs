//! Recordings for manabi: sources, log-mel front end, augmentations, encoders and pretext transformations.
//!
//! [`open`] lists and decodes a dataset, [`frontend`] turns samples into log-mel maps, [`augment`] makes views,
//! [`collate`] stacks them into `(N, 1, F, T)` batches, [`encoder`] turns those into features; [`AudioModality`] is all
//! of it behind the core's trait.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod augment;
pub mod clip;
pub mod collate;
pub mod config;
pub mod decode;
pub mod encoder;
pub mod frontend;
pub mod inspect;
pub mod modality;
pub mod normalise;
pub mod open;
pub mod preview;
pub mod raw;
pub mod source;
pub mod synthetic;
pub mod task;

pub use augment::AugmentConfig;
pub use clip::{Clip, Wave};
pub use config::AudioConfig;
pub use frontend::{FrontEnd, FrontEndConfig, LogMel};
pub use modality::AudioModality;
