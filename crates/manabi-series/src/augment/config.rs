//! The settings of all augmentations.

use manabi_core::{Error, Result};
use serde::{Deserialize, Serialize};

/// How views are made; deviations are in units of the channel's own, as views are of normalised values.
///
/// Weak views are scaled and jittered, strong ones cropped, permuted and jittered, as TS-TCC's two families (IJCAI
/// 2021) are. Its figures (jitter 0.8 and eight segments for activity data, 0.001 and five for EEG) differ by a factor
/// of 800 between datasets; the defaults here are Um et al.'s (ICMI 2017), which leave shapes recognisable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AugmentConfig {
    /// Deviation of the noise on weak and supervised views.
    pub jitter_weak: f32,
    /// Deviation of the noise on strong views.
    pub jitter: f32,
    /// Deviation of each channel's factor, in all views.
    pub scale: f32,
    /// Smallest share of the steps that a strong view keeps; 1 switches cropping off.
    pub crop: f32,
    /// Probability of permuting segments of a strong view.
    pub permute: f32,
    /// The most segments.
    pub segments: usize,
    /// Probability of warping time in strong views.
    pub time_warp: f32,
    /// Deviation of the logarithm of its speed.
    pub time_sigma: f32,
    /// Probability of warping the magnitude of strong views.
    pub magnitude_warp: f32,
    /// Deviation of its gain.
    pub magnitude_sigma: f32,
    /// Probability of silencing a band of frequencies of a strong view.
    pub frequency: f32,
    /// The band's share of the spectrum.
    pub band: f32,
    /// Probability that a channel of a strong view falls silent; three channels or more only.
    pub dropout: f32,
}

impl Default for AugmentConfig {
    fn default() -> Self {
        Self {
            jitter_weak: 0.03,
            jitter: 0.1,
            scale: 0.1,
            crop: 0.6,
            permute: 0.3,
            segments: 5,
            time_warp: 0.3,
            time_sigma: 0.2,
            magnitude_warp: 0.3,
            magnitude_sigma: 0.2,
            frequency: 0.3,
            band: 0.1,
            dropout: 0.1,
        }
    }
}

impl AugmentConfig {
    /// An error that names the first setting that cannot be.
    pub fn validate(&self) -> Result<()> {
        let between = |name: &str, value: f32, low: f32, high: f32| {
            if (low..=high).contains(&value) {
                return Ok(());
            }
            Err(Error::config(format!("augment.{name} = {value} is not between {low} and {high}")))
        };
        for (name, sigma) in [
            ("jitter_weak", self.jitter_weak),
            ("jitter", self.jitter),
            ("scale", self.scale),
            ("time_sigma", self.time_sigma),
            ("magnitude_sigma", self.magnitude_sigma),
        ] {
            between(name, sigma, 0.0, 3.0)?;
        }
        for (name, probability) in [
            ("permute", self.permute),
            ("time_warp", self.time_warp),
            ("magnitude_warp", self.magnitude_warp),
            ("frequency", self.frequency),
            ("band", self.band),
            ("dropout", self.dropout),
        ] {
            between(name, probability, 0.0, 1.0)?;
        }
        between("crop", self.crop, 0.05, 1.0)?;
        between("segments", self.segments as f32, 2.0, 64.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid_and_survive_a_round_trip() {
        let config = AugmentConfig::default();
        config.validate().unwrap();
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<AugmentConfig>(&text).unwrap(), config);
    }

    #[test]
    fn unknown_and_impossible_settings_are_refused_by_name() {
        assert!(serde_json::from_str::<AugmentConfig>("{\"jiter\":0.1}").unwrap_err().to_string().contains("jiter"));
        let message = AugmentConfig { segments: 1, ..Default::default() }.validate().unwrap_err().to_string();
        assert!(message.contains("augment.segments = 1") && message.contains("64"), "{message}");
        assert!(AugmentConfig { crop: f32::NAN, ..Default::default() }.validate().is_err());
    }
}
