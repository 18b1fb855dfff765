//! Random views of an image: one operation a file, composed by [`Recipe`].
//!
//! Operations work in place on planar `f32` values in `[0, 1]` and mean what torchvision's
//! mean. All randomness comes from the [`manabi_core::rng::Rng`] that is handed in.

pub mod blur;
pub mod colour_jitter;
pub mod config;
pub mod crop;
pub mod erase;
pub mod flip;
pub mod grey;
pub mod recipe;
pub mod resample;
pub mod rotate;
pub mod solarise;

pub use config::AugmentConfig;
pub use recipe::Recipe;
