//! What a method's defaults depend on, and how a user overrides them.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{Error, Result, optim::OptimizerConfig};

/// What is known of a dataset before training: defaults adapt to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetFacts {
    /// Samples to train on.
    pub samples: usize,
    /// Classes, where there are labels; 0 otherwise.
    pub classes: usize,
    /// Classes of the pretext task, for transformation prediction; 0 if there is none.
    pub transformations: usize,
    /// Samples in a batch.
    pub batch: usize,
    /// Steps of the whole run (for schedules inside the method).
    pub steps: u64,
    /// Encoder's feature width.
    pub dim: usize,
}

/// How a method likes to be trained; the trainer's configuration starts from it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainDefaults {
    /// Optimiser with its learning rate for `batch`.
    pub optimizer: OptimizerConfig,
    /// Samples a batch.
    pub batch: usize,
    /// Share of all steps spent warming up.
    pub warmup: f64,
    /// Global gradient norm above which gradients are scaled down; 0 for never.
    pub clip: f64,
}

impl TrainDefaults {
    /// Instance discrimination and clustering: LARS is for batches of thousands; at a few hundred
    /// AdamW learns fastest per step (see docs/BENCHMARKS.md). A batch is 256, less where that would leave fewer than
    /// eight steps an epoch: on some hundred samples it is the number of steps that is short.
    pub fn contrastive(lr: f64, samples: usize) -> Self {
        let batch = (samples / 8).clamp(32, 256).min(samples);
        let optimizer = OptimizerConfig::Adamw { lr, beta1: 0.9, beta2: 0.99, eps: 1e-8, weight_decay: 1e-2 };
        Self { optimizer, batch, warmup: 0.05, clip: 0.0 }
    }

    /// The same with the learning rate times `factor`.
    pub fn scaled(self, factor: f64) -> Self {
        Self { optimizer: self.optimizer.scaled(factor), ..self }
    }

    /// Classifiers: SGD with Nesterov momentum 0.9.
    pub fn classifier() -> Self {
        let optimizer = OptimizerConfig::Sgd { lr: 0.05, momentum: 0.9, nesterov: true, weight_decay: 5e-4 };
        Self { optimizer, batch: 64, warmup: 0.05, clip: 5.0 }
    }

    /// Transformers: AdamW as MAE's, arXiv:2111.06377, table 8; the rate is for batches of 128 and short runs.
    pub fn transformer() -> Self {
        let optimizer = OptimizerConfig::Adamw { lr: 5e-4, beta1: 0.9, beta2: 0.95, eps: 1e-8, weight_decay: 0.05 };
        Self { optimizer, batch: 128, warmup: 0.1, clip: 3.0 }
    }
}

/// A method's settings as a table; one that cannot be written as TOML is empty.
pub(super) fn table<T: Serialize>(config: &T) -> toml::Table {
    toml::Table::try_from(config).unwrap_or_default()
}

/// Settings given by the user for one method: a TOML table over the defaults.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Overrides(pub toml::Table);

impl Overrides {
    /// `defaults` with the user's settings on top; an unknown name is an error that lists the known ones.
    pub fn apply<T: Serialize + DeserializeOwned>(&self, method: &str, defaults: &T) -> Result<T> {
        let fail = |e: String| Error::config(format!("settings of {method}: {e}"));
        let mut table = toml::Table::try_from(defaults).map_err(|e| fail(e.to_string()))?;
        for (key, value) in &self.0 {
            if !table.contains_key(key) {
                let known: Vec<&str> = table.keys().map(String::as_str).collect();
                return Err(fail(format!("there is no \"{key}\"; known: {}", known.join(", "))));
            }
            // `--set temperature=1` is meant as 1.0 where the default is a float.
            let value = match (&table[key], value) {
                (toml::Value::Float(_), toml::Value::Integer(i)) => toml::Value::Float(*i as f64),
                _ => value.clone(),
            };
            table.insert(key.clone(), value);
        }
        table.try_into().map_err(|e: toml::de::Error| fail(e.message().to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Config {
        temperature: f64,
        hidden: usize,
    }

    fn apply(text: &str) -> Result<Config> {
        Overrides(text.parse().unwrap()).apply("simclr", &Config { temperature: 0.5, hidden: 64 })
    }

    #[test]
    fn few_samples_are_trained_on_in_small_batches() {
        let batch = |samples| TrainDefaults::contrastive(1e-3, samples).batch;
        assert_eq!([batch(20), batch(100), batch(600), batch(2048), batch(60_000)], [20, 32, 75, 256, 256]);
    }

    #[test]
    fn a_setting_replaces_its_default_and_leaves_the_others() {
        assert_eq!(apply("temperature = 1").unwrap(), Config { temperature: 1.0, hidden: 64 });
    }

    #[test]
    fn an_unknown_setting_is_refused_with_the_known_ones() {
        let message = apply("temprature = 1").unwrap_err().to_string();
        assert!(
            message.contains("temprature") && message.contains("temperature, hidden")
                || message.contains("hidden, temperature"),
            "{message}"
        );
    }

    #[test]
    fn a_setting_of_the_wrong_kind_is_refused() {
        assert!(apply("hidden = \"many\"").is_err());
    }
}
