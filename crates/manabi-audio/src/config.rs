//! The settings of recordings.

use manabi_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::{
    augment::AugmentConfig, decode::RATES, encoder, frontend::FrontEndConfig, raw::RawFeatures, source::SplitRule,
};

/// Settings of recordings. What is not given is taken from the data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AudioConfig {
    /// Working rate in Hz: the recordings' commonest, at most 16 000. All others are resampled to it.
    pub rate: Option<u32>,
    /// Length that evaluation hears, in seconds: that of the longest but one in ten, at most 5. Of longer recordings the
    /// middle is heard, shorter ones lie in the middle of digital silence. It is also the length of the clips that long
    /// recordings are cut into.
    pub seconds: Option<f64>,
    /// Longer recordings are cut into clips, each of them a row, in seconds.
    pub max_seconds: f64,
    /// How a dataset is split that has groups (speakers, source recordings) as well as an official split.
    pub split: SplitRule,
    /// The group that is the test and no other: a speaker, a machine; of ESC-50 the fold ("1" to "5").
    #[serde(deserialize_with = "name_or_number")]
    pub held_out: Option<String>,
    /// Mean of the log-mel values.
    pub mean: Option<f32>,
    /// Standard deviation of the log-mel values.
    pub std: Option<f32>,
    /// Name of the encoder.
    pub encoder: String,
    /// Features of the baseline that learns nothing.
    pub raw: RawFeatures,
    /// Samples to log-mel maps.
    pub frontend: FrontEndConfig,
    /// How views are made.
    pub augment: AugmentConfig,
}

/// A group's name; folds are numbers, and nobody should have to quote one.
fn name_or_number<'de, D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Option<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Group {
        Name(String),
        Number(u64),
    }
    Ok(Option::<Group>::deserialize(deserializer)?.map(|group| match group {
        Group::Name(name) => name,
        Group::Number(number) => number.to_string(),
    }))
}

impl Default for AudioConfig {
    fn default() -> Self {
        Self {
            rate: None,
            seconds: None,
            max_seconds: 30.0,
            split: SplitRule::Speaker,
            held_out: None,
            mean: None,
            std: None,
            encoder: "small".into(),
            raw: RawFeatures::LogMel,
            frontend: FrontEndConfig::default(),
            augment: AugmentConfig::default(),
        }
    }
}

impl AudioConfig {
    /// An error that names the first setting that cannot be.
    pub fn validate(&self) -> Result<()> {
        let fail = |message: String| Err(Error::config(message));
        if let Some(rate) = self.rate {
            if !RATES.contains(&rate) {
                return fail(format!("rate = {rate} is not between {} and {} Hz", RATES.start, RATES.end - 1));
            }
            self.frontend.resolve(rate)?;
        }
        if let Some(seconds) = self.seconds.filter(|s| !(0.05..=60.0).contains(s)) {
            return fail(format!("seconds = {seconds} is not between 0.05 and 60"));
        }
        if !(1.0..=3_600.0).contains(&self.max_seconds) {
            return fail(format!("max_seconds = {} is not between 1 and 3600", self.max_seconds));
        }
        if self.mean.is_some_and(|m| !m.is_finite()) {
            return fail("mean must be a number".into());
        }
        if self.std.is_some_and(|s| !(s > 0.0 && s.is_finite())) {
            return fail("std must be above 0".into());
        }
        if !encoder::NAMES.contains(&self.encoder.as_str()) {
            return fail(format!("there is no encoder \"{}\"; known: {}", self.encoder, encoder::NAMES.join(", ")));
        }
        self.augment.validate()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid_and_survive_a_round_trip() {
        let config = AudioConfig::default();
        config.validate().unwrap();
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<AudioConfig>(&text).unwrap(), config);
        let official: AudioConfig = serde_json::from_str("{\"split\":\"official\",\"raw\":\"mfcc\"}").unwrap();
        assert_eq!((official.split, official.raw), (SplitRule::Official, RawFeatures::Mfcc));
        for (given, expected) in [("3", Some("3")), ("\"theo\"", Some("theo")), ("null", None)] {
            let config: AudioConfig = serde_json::from_str(&format!("{{\"held_out\":{given}}}")).unwrap();
            assert_eq!(config.held_out.as_deref(), expected);
        }
    }

    #[test]
    fn impossible_settings_are_refused_by_name() {
        let refused = |config: AudioConfig| config.validate().unwrap_err().to_string();
        assert!(refused(AudioConfig { rate: Some(10), ..Default::default() }).contains("rate = 10"));
        assert!(refused(AudioConfig { seconds: Some(0.0), ..Default::default() }).contains("seconds = 0"));
        assert!(refused(AudioConfig { max_seconds: f64::NAN, ..Default::default() }).contains("max_seconds"));
        assert!(refused(AudioConfig { encoder: "tiny".into(), ..Default::default() }).contains("\"tiny\""));
        assert!(refused(AudioConfig { std: Some(0.0), ..Default::default() }).contains("std"));
        let frontend = FrontEndConfig { f_max: Some(9_000.0), ..Default::default() };
        assert!(refused(AudioConfig { rate: Some(16_000), frontend, ..Default::default() }).contains("f_max = 9000"));
    }
}
