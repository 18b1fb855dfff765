//! Settings of series. What is not given is taken from the data.

use manabi_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::{augment::AugmentConfig, encoder, read::clock::Resample};

/// The encoder that is taken where none is named.
const ENCODER: &str = "resnet1d";

/// How a table is laid out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// Told from its name and its beginning.
    #[default]
    Auto,
    /// A line is a step of time, a column a channel.
    Steps,
    /// A line is a series, its first cell the class (UCR).
    Series,
    /// A line is one value of one channel at one time.
    Long,
}

/// What a class is, where the data lets one choose.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LabelRule {
    /// As fine as the data has it: for CWRU the fault's kind and size.
    #[default]
    Auto,
    /// The fault's kind alone; its size is the group, so that a split is by size.
    Kind,
}

/// What separates training from test.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SplitRule {
    /// The official split; else by recording where each class has several; else by position.
    #[default]
    Auto,
    /// Recordings (groups, where they are named) are kept whole.
    Recording,
    /// The first 70 % of each recording against the last 30 %, one window between them left out.
    Position,
    /// The official split and no other.
    Official,
}

/// Which mean is taken away and which deviation is divided by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Normalise {
    /// Those of the training rows, channel by channel: levels and amplitudes stay comparable.
    #[default]
    Dataset,
    /// Those of the window itself, channel by channel: only its shape is left.
    Window,
    /// None.
    None,
}

/// What is done with missing values within a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fill {
    /// They stay missing: encoders see where nothing was measured.
    #[default]
    None,
    /// They are interpolated between their neighbours.
    Linear,
}

/// Settings of series.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SeriesConfig {
    /// Steps of a window. If not given 1024 where sampling is fast (100 a second or more, or 20 000 rows without time
    /// stamps), 30 for C-MAPSS as in its literature, else 128; at most half of the median
    /// recording, or an eighth where the split is by position.
    pub window: Option<usize>,
    /// Steps from one window to the next: the window itself, so that none overlap; a quarter of it where recordings are
    /// kept whole and have fewer than 1000 windows; 1 for C-MAPSS.
    pub stride: Option<usize>,
    /// Steps that the encoder sees: the longest training row, up to 2048. Shorter rows are padded with missing
    /// values, longer ones are shrunk.
    pub length: Option<usize>,
    /// Number of channels; taken from the data.
    pub channels: Option<usize>,
    /// Names of the channels to read; all that hold numbers and that every recording has, if empty.
    pub columns: Vec<String>,
    /// Column of the class; `label`, `class` or `target` if not given.
    pub label_column: Option<String>,
    /// Column of the group; `group`, `machine`, `engine`, `subject` or `recording` if not given. A change begins
    /// another recording.
    pub group_column: Option<String>,
    /// Column of the time; told from names and values if not given.
    pub time_column: Option<String>,
    /// Column of a number to be regressed.
    pub target_column: Option<String>,
    /// How tables are laid out.
    pub layout: Layout,
    /// What a class is.
    pub label: LabelRule,
    /// What separates training from test.
    pub split: SplitRule,
    /// What is done where time stamps jump.
    pub resample: Resample,
    /// What is done with missing values.
    pub fill: Fill,
    /// How values are normalised.
    pub normalise: Normalise,
    /// Mean of each channel.
    pub mean: Option<Vec<f32>>,
    /// Standard deviation of each channel; 0 for a constant one, which is set to zero.
    pub std: Option<Vec<f32>>,
    /// Remaining life above this many steps counts as this many: 125, as in the literature on C-MAPSS.
    pub life_cap: f64,
    /// Values in memory, in MiB; more lie in a temporary file.
    pub memory: u64,
    /// Name of the encoder.
    pub encoder: String,
    /// How views are made.
    pub augment: AugmentConfig,
}

impl Default for SeriesConfig {
    fn default() -> Self {
        Self {
            window: None,
            stride: None,
            length: None,
            channels: None,
            columns: Vec::new(),
            label_column: None,
            group_column: None,
            time_column: None,
            target_column: None,
            layout: Layout::Auto,
            label: LabelRule::Auto,
            split: SplitRule::Auto,
            resample: Resample::Auto,
            fill: Fill::None,
            normalise: Normalise::Dataset,
            mean: None,
            std: None,
            life_cap: 125.0,
            memory: 64,
            encoder: ENCODER.into(),
            augment: AugmentConfig::default(),
        }
    }
}

impl SeriesConfig {
    /// An error that names the first setting that cannot be.
    pub fn validate(&self) -> Result<()> {
        let fail = |message: String| Err(Error::config(message));
        for (name, value, least) in [("window", self.window, 4), ("length", self.length, 4), ("stride", self.stride, 1)]
        {
            if let Some(value) = value.filter(|v| !(least..=1 << 20).contains(v)) {
                return fail(format!("{name} = {value} is not between {least} and {} steps", 1 << 20));
            }
        }
        if let Some(channels) = self.channels.filter(|c| !(1..=10_000).contains(c)) {
            return fail(format!("channels = {channels} is not between 1 and 10000"));
        }
        for (name, values) in [("mean", &self.mean), ("std", &self.std)] {
            if values.iter().flatten().any(|v| !v.is_finite() || (name == "std" && *v < 0.0)) {
                return fail(format!("{name} must be finite, and std not below 0, in every channel"));
            }
        }
        if self.life_cap.is_nan() || self.life_cap <= 0.0 {
            return fail(format!("life_cap = {} is not above 0", self.life_cap));
        }
        if self.memory == 0 {
            return fail("memory = 0: at least 1 MiB is needed".into());
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
        let config = SeriesConfig::default();
        config.validate().unwrap();
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<SeriesConfig>(&text).unwrap(), config);
        let some: SeriesConfig =
            serde_json::from_str(r#"{"split":"position","label":"kind","normalise":"window"}"#).unwrap();
        assert_eq!((some.split, some.label, some.normalise), (SplitRule::Position, LabelRule::Kind, Normalise::Window));
    }

    #[test]
    fn impossible_settings_are_refused_by_name() {
        let refused = |config: SeriesConfig| config.validate().unwrap_err().to_string();
        assert!(refused(SeriesConfig { window: Some(2), ..Default::default() }).contains("window = 2"));
        assert!(refused(SeriesConfig { stride: Some(0), ..Default::default() }).contains("stride = 0"));
        assert!(refused(SeriesConfig { encoder: "none".into(), ..Default::default() }).contains("\"none\""));
        assert!(refused(SeriesConfig { std: Some(vec![-1.0]), ..Default::default() }).contains("std"));
        assert!(refused(SeriesConfig { life_cap: f64::NAN, ..Default::default() }).contains("life_cap"));
        assert!(serde_json::from_str::<SeriesConfig>(r#"{"windows":3}"#).is_err());
    }
}
