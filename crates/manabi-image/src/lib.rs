//! Images for manabi: sources, augmentations, encoders and pretext transformations.
//!
//! [`open`] lists and decodes a dataset, [`augment`] makes views, [`collate`] stacks them
//! into `(N, C, H, W)` batches, [`encoder`] turns those into features; [`ImageModality`]
//! is all of it behind the core's trait.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod augment;
pub mod collate;
pub mod decode;
pub mod encoder;
pub mod idx;
pub mod image;
pub mod inspect;
pub mod modality;
pub mod normalise;
pub mod open;
pub mod preview;
pub mod raw;
pub mod similar;
pub mod synthetic;
pub mod transform;

pub use augment::AugmentConfig;
pub use image::{Image, Pixels};
pub use modality::{ImageConfig, ImageModality};
