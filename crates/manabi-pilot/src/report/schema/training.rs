//! What was run, on what, for how long, and whether it learned.

use serde::{Deserialize, Serialize};

/// What the study cost; every figure was measured, none is a guess.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cost {
    /// Samples a second during pre-training.
    pub samples_per_second: Option<f64>,
    /// Epochs that were planned for pre-training.
    pub planned_epochs: Option<f64>,
    /// Epochs that were trained.
    pub used_epochs: Option<f64>,
    /// Share of their full length that trainings on labels (from scratch and fine-tuned) had; `None` without any.
    pub label_training_share: Option<f64>,
    /// The phases in order.
    pub phases: Vec<Phase>,
    /// Wall time of all phases, in seconds.
    pub wall_seconds: f64,
    /// Processor cores that were used.
    pub cores: usize,
    /// The peak of resident memory, in bytes.
    pub peak_memory_bytes: Option<u64>,
}

/// One phase of the study: inspect, calibrate, pretrain, evaluate …
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Phase {
    /// Its name.
    pub name: String,
    /// Its wall time in seconds.
    pub seconds: f64,
}

/// What became of pre-training.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// It was not watched, or there was no pre-training.
    #[default]
    Unknown,
    /// The loss fell and the features stayed apart.
    Healthy,
    /// The features became the same for every sample.
    Collapsed,
    /// The loss became infinite, not a number, or ran away.
    Diverged,
    /// The loss hardly moved.
    NotLearning,
}

/// Whether pre-training learned, and its curves.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Monitor {
    /// The verdict of the monitor.
    pub health: Health,
    /// The same in one plain sentence, with the figure that decided it.
    pub message: String,
    /// The dimension of the features, the upper bound of the effective rank.
    pub feature_dim: Option<usize>,
    /// The curves, one point a measurement.
    pub curve: Vec<CurvePoint>,
}

/// One measurement during pre-training; what was not measured is null.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct CurvePoint {
    /// The epoch, fractional within one.
    pub epoch: f64,
    /// The optimiser step.
    pub step: u64,
    /// The training loss.
    pub loss: Option<f64>,
    /// The mean standard deviation of the normalised features.
    pub feature_std: Option<f64>,
    /// The effective rank of the features (RankMe).
    pub effective_rank: Option<f64>,
    /// The mean squared distance of positive pairs.
    pub alignment: Option<f64>,
    /// The log of the mean Gaussian potential of all pairs.
    pub uniformity: Option<f64>,
    /// The kNN score on the validation split, 0 to 1.
    pub online_knn: Option<f64>,
}

/// The machine that ran the study.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Machine {
    /// The processor.
    pub cpu: String,
    /// Its cores.
    pub cores: usize,
    /// The threads that were used.
    pub threads: usize,
    /// Its memory in bytes.
    pub memory_bytes: Option<u64>,
    /// The operating system.
    pub os: String,
    /// The device of the tensors: `cpu` or `cuda`.
    pub device: String,
}

/// The method that pre-trained the encoder.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MethodInfo {
    /// Its name, as `--method` takes it.
    pub name: String,
    /// Its family of pretext task.
    pub family: String,
    /// The encoder, as `--encoder` takes it.
    pub encoder: String,
    /// What it does, in one sentence.
    pub summary: String,
    /// Settings of pre-training.
    pub settings: Vec<Setting>,
    /// Settings of the evaluation: k and temperature of kNN, the probe, the test of the differences.
    pub evaluation: Vec<Setting>,
}

/// A setting and its value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// The setting.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// A step to go on with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextStep {
    /// What it is good for.
    pub what: String,
    /// The command.
    pub command: String,
}

/// What is needed to repeat the study.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Reproducibility {
    /// The seed of pre-training.
    pub seed: u64,
    /// The seeds of the label draws.
    pub label_seeds: Vec<u64>,
    /// The version of manabi.
    pub version: String,
    /// The command that ran the study.
    pub command: String,
    /// When it was finished, as RFC 3339.
    pub finished: String,
    /// The resolved configuration as TOML.
    pub config: String,
    /// The hash of the data, where it was taken.
    pub data_hash: Option<String>,
}
