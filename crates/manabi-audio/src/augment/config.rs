//! The settings of all augmentations.

use manabi_core::{Error, Result};
use serde::{Deserialize, Serialize};

/// How views are made. The defaults are BYOL-A v2's (arXiv:2204.07402): mixup, resize crop and linear fader; and a little
/// gain and noise, which its mixup with AudioSet's clips brought along and a small dataset's does not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AugmentConfig {
    /// Length of a strong view in seconds. Three quarters of the working length, at most 2 s, if not given: two views of
    /// a clip then differ, and a step costs less.
    pub strong_seconds: Option<f64>,
    /// Length of a local view in seconds; half of a strong one if not given.
    pub local_seconds: Option<f64>,
    /// Largest change of loudness in dB, either way.
    pub gain: f32,
    /// Probability of adding noise to a strong view.
    pub noise: f32,
    /// Smallest and largest signal-to-noise ratio in dB.
    pub noise_snr: (f32, f32),
    /// Largest share of another clip's power that is mixed into a strong view; 0 mixes nothing in.
    pub mixup: f32,
    /// Probability of the random resize crop.
    pub resize: f32,
    /// Smallest and largest height of its crop, of the map's bins.
    pub resize_bins: (f32, f32),
    /// Smallest and largest width of its crop, of the map's frames; beyond 1 it reaches past the ends.
    pub resize_frames: (f32, f32),
    /// Largest change at either end of the linear fader, in standard deviations of the log-mel values.
    pub fader: f32,
    /// Largest share of the bins that a frequency mask of a strong view hides (SpecAugment).
    pub mask_bins: f32,
    /// Largest share of the frames that a time mask of a strong view hides.
    pub mask_frames: f32,
    /// Masks of each kind.
    pub masks: usize,
    /// Largest relative change of speed, which changes pitch as well; 0.1 is a tenth faster or slower.
    pub speed: f32,
    /// Largest circular shift of a strong view along time, of its length.
    pub shift: f32,
}

impl Default for AugmentConfig {
    fn default() -> Self {
        Self {
            strong_seconds: None,
            local_seconds: None,
            gain: 6.0,
            noise: 0.3,
            noise_snr: (10.0, 30.0),
            mixup: 0.2,
            resize: 1.0,
            resize_bins: (0.6, 1.5),
            resize_frames: (0.6, 1.5),
            fader: 1.0,
            mask_bins: 0.0,
            mask_frames: 0.0,
            masks: 1,
            speed: 0.0,
            shift: 0.0,
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
        let range = |name: &str, range: (f32, f32), low: f32, high: f32| {
            between(name, range.0, low, range.1)?;
            between(name, range.1, low, high)
        };
        for (name, seconds) in [("strong_seconds", self.strong_seconds), ("local_seconds", self.local_seconds)] {
            if let Some(seconds) = seconds.filter(|s| !(0.02..=60.0).contains(s)) {
                return Err(Error::config(format!("augment.{name} = {seconds} is not between 0.02 and 60 seconds")));
            }
        }
        between("gain", self.gain, 0.0, 60.0)?;
        between("noise", self.noise, 0.0, 1.0)?;
        range("noise_snr", self.noise_snr, -40.0, 120.0)?;
        between("mixup", self.mixup, 0.0, 0.5)?;
        between("resize", self.resize, 0.0, 1.0)?;
        range("resize_bins", self.resize_bins, 0.1, 1.5)?;
        range("resize_frames", self.resize_frames, 0.1, 1.5)?;
        between("fader", self.fader, 0.0, 10.0)?;
        between("mask_bins", self.mask_bins, 0.0, 1.0)?;
        between("mask_frames", self.mask_frames, 0.0, 1.0)?;
        between("speed", self.speed, 0.0, 0.5)?;
        between("shift", self.shift, 0.0, 1.0)?;
        if self.masks > 16 {
            return Err(Error::config(format!("augment.masks = {} is not between 0 and 16", self.masks)));
        }
        Ok(())
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
        let unknown = serde_json::from_str::<AugmentConfig>("{\"gains\":0.1}").unwrap_err().to_string();
        assert!(unknown.contains("gains"), "{unknown}");
        let message = AugmentConfig { mixup: 0.7, ..Default::default() }.validate().unwrap_err().to_string();
        assert!(message.contains("augment.mixup = 0.7") && message.contains("0.5"), "{message}");
        assert!(AugmentConfig { gain: f32::NAN, ..Default::default() }.validate().is_err());
        assert!(AugmentConfig { noise_snr: (30.0, 10.0), ..Default::default() }.validate().is_err());
        assert!(AugmentConfig { strong_seconds: Some(f64::NAN), ..Default::default() }.validate().is_err());
    }
}
