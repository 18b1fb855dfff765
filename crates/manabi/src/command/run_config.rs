//! `config.toml` of a run: everything resolved, so that `--config` on it repeats the run bit for bit.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use manabi_core::{modality::Modality, train::TrainConfig};
use serde::{Deserialize, Serialize};

use crate::cli::{
    MethodArgs,
    settings::{self, Settings},
};

/// What a run was started with.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RunConfig {
    /// The fixed word of the modality.
    pub modality: String,
    /// The pretext task.
    pub method: String,
    /// The data, as it was given.
    pub dataset: PathBuf,
    /// The labels file, where one was given.
    pub labels: Option<PathBuf>,
    /// Settings of the method.
    pub settings: toml::Table,
    /// Settings of training.
    pub train: toml::Table,
    /// Settings of the modality.
    pub data: toml::Table,
}

impl RunConfig {
    /// From `--config`, with `--method`, `--encoder`, `--seed` and `--set` on top.
    pub fn from_args(args: &MethodArgs) -> Result<Self> {
        let mut config: Self = match &args.config {
            Some(path) => settings::read_toml(path)?,
            None => Self::default(),
        };
        let mut over = Settings::default();
        args.set.iter().try_for_each(|assignment| over.set(assignment))?;
        if let Some(encoder) = &args.encoder {
            over.data.insert("encoder".into(), encoder.clone().into());
        }
        if let Some(seed) = args.seed {
            over.train.insert("seed".into(), i64::try_from(seed).context("--seed is too large")?.into());
        }
        settings::merge(&mut config.settings, &over.method);
        settings::merge(&mut config.train, &over.train);
        settings::merge(&mut config.data, &over.data);
        if let Some(method) = &args.method {
            config.method.clone_from(method);
        }
        if config.method.is_empty() {
            config.method = "simclr".into();
        }
        Ok(config)
    }

    /// The trainer's settings.
    pub fn train(&self) -> Result<TrainConfig> {
        settings::resolve("training (--set train.…)", &TrainConfig::default(), &self.train)
    }

    /// The modality's settings.
    pub fn modality<M: Modality>(&self) -> Result<M::Config> {
        settings::resolve("the data (--set data.…)", &M::Config::default(), &self.data)
    }

    /// The encoder's name.
    pub fn encoder<M: Modality>(&self) -> String {
        let default = || toml::Table::try_from(M::Config::default()).ok()?.get("encoder").cloned();
        let name = self.data.get("encoder").cloned().or_else(default);
        name.and_then(|v| v.as_str().map(str::to_string)).unwrap_or_default()
    }

    /// Reads the configuration of a run folder.
    pub fn read(run: &Path) -> Result<Self> {
        let path = run.join("config.toml");
        anyhow::ensure!(
            path.is_file(),
            "{}: there is no config.toml here, so this is no run folder of manabi",
            run.display()
        );
        settings::read_toml(&path)
    }

    /// As TOML.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string_pretty(self).context("the run's configuration cannot be written as TOML")
    }
}
