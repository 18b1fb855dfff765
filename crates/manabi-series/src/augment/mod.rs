//! Random views of a series: one operation a file, composed by [`Recipe`].
//!
//! Operations work in place on normalised values and leave missing values missing. What moves in time (permutation,
//! warping, cropping) moves all channels alike, so that what they say of one another stays true. All randomness comes
//! from the [`manabi_core::rng::Rng`] that is handed in.

pub mod config;
pub mod crop;
pub mod curve;
pub mod dropout;
pub mod frequency;
pub mod jitter;
pub mod magnitude_warp;
pub mod permute;
pub mod recipe;
pub mod resample;
pub mod scale;
pub mod time_warp;

pub use config::AugmentConfig;
pub use frequency::Spectrum;
pub use recipe::Recipe;

/// What the tests begin with.
#[cfg(test)]
pub(crate) mod testing {
    use manabi_core::rng::{Key, Purpose, Rng};

    use crate::series::Series;

    /// Channel `c` at step `t` is `100 c + t`: its value tells where it came from.
    pub fn ramps(channels: usize, length: usize) -> Series {
        let values = (0..channels * length).map(|i| (i / length * 100 + i % length) as f32).collect();
        Series::new(channels, length, values).unwrap()
    }

    pub fn rng(sample: u64) -> Rng {
        Key::new(1, Purpose::Augment).sample(sample).rng()
    }

    /// True if every channel went where channel 0 went.
    pub fn together(series: &Series) -> bool {
        let first: Vec<f32> = series.rows().next().unwrap().to_vec();
        let mut channels = series.rows().enumerate();
        channels.all(|(c, row)| row.iter().zip(&first).all(|(v, f)| (v - f - 100.0 * c as f32).abs() < 1e-2))
    }
}
