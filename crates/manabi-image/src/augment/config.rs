//! The settings of all augmentations.

use manabi_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::colour_jitter::Jitter;

/// How views are made. The defaults are SimCLR's for small images (jitter 0.4, no blur below 48 pixels), with
/// colour removed less often (0.1 is worth a point on CIFAR-10) and larger crops.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AugmentConfig {
    /// Smallest share of the area that a strong view keeps. 0.5 suits runs of minutes: on CIFAR-10 it is worth 1.5
    /// points over 0.2 after 3 epochs (docs/BENCHMARKS.md); 0.08 to 0.2 suit runs of hundreds of epochs.
    pub crop: f32,
    /// Side of a strong view in pixels. If not given, convolutional encoders train on three
    /// quarters of the working size (a multiple of four): twice as many views a second, and random
    /// crops then show things at the scale at which evaluation will (Touvron et al., arXiv:1906.06423).
    pub strong_size: Option<usize>,
    /// The same for weak views (masked and transformation prediction).
    pub crop_weak: f32,
    /// The same for labelled training.
    pub crop_supervised: f32,
    /// Smallest and largest share of the area that a local view keeps.
    pub crop_local: (f32, f32),
    /// Side of a local view in pixels; about half the working size (a multiple of four) if not given.
    pub local_size: Option<usize>,
    /// Probability of mirroring left and right; 0 where sides matter (text, left and right parts).
    pub flip: f32,
    /// Probability of mirroring top and bottom; 0.5 where a photo has no up and down.
    pub flip_vertical: f32,
    /// Largest rotation of strong views in degrees, either way.
    pub rotate: f32,
    /// Probability of the colour jitter in strong views.
    pub jitter: f32,
    /// Largest change of brightness.
    pub brightness: f32,
    /// Largest change of contrast.
    pub contrast: f32,
    /// Largest change of saturation; colour images only.
    pub saturation: f32,
    /// Largest turn of the colour circle, up to 0.5; colour images only.
    pub hue: f32,
    /// Probability of removing colour; colour images only.
    pub grey: f32,
    /// Probability of blurring; if not given 0.5 from 48 pixels on and 0 below.
    pub blur: Option<f32>,
    /// Probability of inverting bright values in every second strong view; colour images only.
    pub solarise: f32,
    /// Probability of erasing a rectangle of a strong view.
    pub erase: f32,
}

impl Default for AugmentConfig {
    fn default() -> Self {
        Self {
            crop: 0.5,
            strong_size: None,
            crop_weak: 0.67,
            crop_supervised: 0.5,
            crop_local: (0.05, 0.3),
            local_size: None,
            flip: 0.5,
            flip_vertical: 0.0,
            rotate: 0.0,
            jitter: 0.8,
            brightness: 0.4,
            contrast: 0.4,
            saturation: 0.4,
            hue: 0.1,
            grey: 0.1,
            blur: None,
            solarise: 0.0,
            erase: 0.0,
        }
    }
}

impl AugmentConfig {
    /// The largest changes of colour.
    pub fn colours(&self) -> Jitter {
        Jitter { brightness: self.brightness, contrast: self.contrast, saturation: self.saturation, hue: self.hue }
    }

    /// Probability of blurring a view of `size` pixels.
    pub fn blur_at(&self, size: usize) -> f32 {
        self.blur.unwrap_or(if size >= 48 { 0.5 } else { 0.0 })
    }

    /// An error that names the first setting that cannot be.
    pub fn validate(&self) -> Result<()> {
        let between = |name: &str, value: f32, low: f32, high: f32| {
            if (low..=high).contains(&value) {
                return Ok(());
            }
            Err(Error::config(format!("augment.{name} = {value} is not between {low} and {high}")))
        };
        for (name, share) in
            [("crop", self.crop), ("crop_weak", self.crop_weak), ("crop_supervised", self.crop_supervised)]
        {
            between(name, share, 0.01, 1.0)?;
        }
        between("crop_local", self.crop_local.0, 0.01, self.crop_local.1)?;
        between("crop_local", self.crop_local.1, 0.01, 1.0)?;
        let probabilities = [
            ("flip", self.flip),
            ("flip_vertical", self.flip_vertical),
            ("jitter", self.jitter),
            ("grey", self.grey),
            ("blur", self.blur.unwrap_or(0.0)),
            ("solarise", self.solarise),
            ("erase", self.erase),
        ];
        for (name, probability) in probabilities {
            between(name, probability, 0.0, 1.0)?;
        }
        for (name, change) in
            [("brightness", self.brightness), ("contrast", self.contrast), ("saturation", self.saturation)]
        {
            between(name, change, 0.0, 2.0)?;
        }
        between("hue", self.hue, 0.0, 0.5)?;
        between("rotate", self.rotate, 0.0, 180.0)?;
        for (name, size) in [("local_size", self.local_size), ("strong_size", self.strong_size)] {
            if let Some(size) = size.filter(|s| !(4..=1024).contains(s)) {
                return Err(Error::config(format!("augment.{name} = {size} is not between 4 and 1024")));
            }
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
        let unknown = serde_json::from_str::<AugmentConfig>("{\"hues\":0.1}").unwrap_err().to_string();
        assert!(unknown.contains("hues"), "{unknown}");
        let message = AugmentConfig { hue: 0.7, ..Default::default() }.validate().unwrap_err().to_string();
        assert!(message.contains("augment.hue = 0.7") && message.contains("0.5"), "{message}");
        assert!(AugmentConfig { crop: f32::NAN, ..Default::default() }.validate().is_err());
    }
}
