//! Random views of a recording: one operation a file, composed by [`Recipe`].
//!
//! Some operations work on samples (crop, gain, noise, speed), the others on the log-mel map (resize crop, fader, masks,
//! mixup). All randomness comes from the [`manabi_core::rng::Rng`] that is handed in.

pub mod config;
pub mod crop;
pub mod fader;
pub mod gain;
pub mod mask;
pub mod mixup;
pub mod noise;
pub mod recipe;
pub mod resize;
pub mod shift;
pub mod speed;

pub use config::AugmentConfig;
pub use recipe::Recipe;

#[cfg(test)]
pub(crate) mod testing {
    use manabi_core::rng::{Key, Purpose, Rng};

    use crate::frontend::LogMel;

    pub fn rng(sample: u64) -> Rng {
        Key::new(3, Purpose::Augment).sample(sample).rng()
    }

    /// A map of `bins × frames` whose values are all different.
    pub fn ramp(bins: usize, frames: usize) -> LogMel {
        let values = (0..bins * frames).map(|i| (i * 7919 % 1013) as f32 / 100.0 - 5.0).collect();
        LogMel::new(bins, frames, values).unwrap()
    }
}
