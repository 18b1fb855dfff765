//! Random views of an image: one operation a file, composed by [`Recipe`].
//!
//! Operations work in place on planar `f32` values in `[0, 1]` and mean what torchvision's
//! mean. All randomness comes from the [`manabi_core::rng::Rng`] that is handed in.

mod axis;
pub mod blur;
pub mod colour_jitter;
pub mod colours;
pub mod config;
pub mod crop;
pub mod erase;
pub mod flip;
pub mod recipe;
pub mod resample;
pub mod rotate;
pub mod solarise;

pub use config::AugmentConfig;
pub use recipe::Recipe;

/// What the tests compare with. Figures come from torchvision 0.29.2 (`transforms.v2.functional`
/// on `float32` tensors) on `v[c, y, x] = ((37 c + 11 y + 7 x) mod 23) / 22`.
#[cfg(test)]
pub(crate) mod reference {
    pub fn pattern(channels: usize, height: usize, width: usize) -> Vec<f32> {
        (0..channels * height * width)
            .map(|i| (i / (height * width), i / width % height, i % width))
            .map(|(c, y, x)| ((c * 37 + y * 11 + x * 7) % 23) as f32 / 22.0)
            .collect()
    }

    /// Compares values 0, 7, 13, 20, 26, 33, 40, 47, 53, 59 and the sum of a 3×4×5 result.
    #[track_caller]
    pub fn assert_figures(values: &[f32], expected: [f32; 10], sum: f32) {
        for (at, expected) in [0, 7, 13, 20, 26, 33, 40, 47, 53, 59].into_iter().zip(expected) {
            assert!((values[at] - expected).abs() < 1e-5, "value {at} is {} instead of {expected}", values[at]);
        }
        let found: f32 = values.iter().sum();
        assert!((found - sum).abs() < 1e-3, "the sum is {found} instead of {sum}");
    }

    /// Compares the first values and the sum.
    #[track_caller]
    pub fn assert_starts(values: &[f32], expected: &[f32], sum: f32) {
        for (at, (found, expected)) in values.iter().zip(expected).enumerate() {
            assert!((found - expected).abs() < 1e-5, "value {at} is {found} instead of {expected}");
        }
        let found: f32 = values.iter().sum();
        assert!((found - sum).abs() < 1e-3, "the sum is {found} instead of {sum}");
    }
}
