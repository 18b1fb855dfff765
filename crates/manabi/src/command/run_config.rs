//! `config.toml` of a run: everything resolved, so that `--config` on it repeats the run bit for bit.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use manabi_core::{modality::Modality, nn::Compute, train::TrainConfig};
use serde::{Deserialize, Serialize};

use crate::cli::{
    ComputeArgs, MethodArgs,
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
        if let Some(folder) = &args.init_from {
            anyhow::ensure!(folder.is_dir(), "--init-from {}: there is no such folder", folder.display());
            over.data.insert("init_from".into(), folder.display().to_string().into());
            over.data.insert("encoder".into(), "pretrained".into());
        }
        if args.redact {
            over.data.insert("redact".into(), true.into());
        }
        if let Some(seed) = args.seed {
            over.train.insert("seed".into(), i64::try_from(seed).context("--seed is too large")?.into());
        }
        set_compute(&mut over.train, &args.compute);
        settings::merge(&mut config.settings, &over.method);
        settings::merge(&mut config.train, &over.train);
        settings::merge(&mut config.data, &over.data);
        if let Some(method) = &args.method {
            config.method.clone_from(method);
        }
        Ok(config)
    }

    /// Takes the modality's own method for so many samples where none was named.
    pub fn settle_method<M: Modality>(&mut self, settings: &M::Config, samples: usize) {
        if self.method.is_empty() {
            self.method = M::method_for(settings, samples).into();
        }
    }

    /// The trainer's settings.
    pub fn train(&self) -> Result<TrainConfig> {
        settings::resolve("training (--set train.…)", &TrainConfig::default(), &self.train)
    }

    /// How layers compute: as this run's did, with the command line on top.
    pub fn compute(&self, args: &ComputeArgs) -> Result<Compute> {
        let mut over = self.clone();
        set_compute(&mut over.train, args);
        Ok(over.train()?.compute())
    }

    /// This run, which is in `out`, to go on with: in another precision it would be another run; computing again what was
    /// not kept changes nothing but time and memory.
    pub fn resumed(mut self, args: &ComputeArgs, out: &Path) -> Result<Self> {
        let (was, asked) = (self.train()?.precision, self.compute(args)?.precision);
        anyhow::ensure!(
            asked == was,
            "--precision {}: the run in {} was started with {} and can only go on with it; leave the option out, or start anew with --overwrite",
            asked.name(),
            out.display(),
            was.name()
        );
        set_compute(&mut self.train, args);
        Ok(self)
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

fn set_compute(train: &mut toml::Table, args: &ComputeArgs) {
    if let Some(precision) = &args.precision {
        train.insert("precision".into(), precision.clone().into());
    }
    if args.recompute {
        train.insert("recompute".into(), true.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser;
    use manabi_core::nn::Precision;

    fn args(words: &str) -> MethodArgs {
        let words = format!("manabi pretrain data {words}");
        match Cli::try_parse_from(words.split_whitespace()).unwrap().command {
            Command::Pretrain(args) => args.method,
            other => panic!("{other:?}"),
        }
    }

    fn config(words: &str) -> RunConfig {
        RunConfig::from_args(&args(words)).unwrap()
    }

    #[test]
    fn precision_and_recompute_are_settings_of_training_and_come_back_from_toml() {
        let run = config("--precision bf16 --recompute");
        let back: RunConfig = toml::from_str(&run.to_toml().unwrap()).unwrap();
        let compute = Compute { precision: Precision::Bf16, recompute: true };
        assert_eq!(back.train().unwrap().compute(), compute);
        assert_eq!(config("").train().unwrap().compute(), Compute::default());
        assert_eq!(config("--set train.precision=bf16").train().unwrap().precision, Precision::Bf16);
    }

    #[test]
    fn where_no_method_is_named_the_modality_and_the_number_of_samples_decide() {
        let settled = |words: &str, samples: usize| {
            let mut run = config(words);
            run.settle_method::<manabi_series::SeriesModality>(&Default::default(), samples);
            run.method
        };
        assert_eq!((settled("", 900), settled("", 9000)), ("vicreg".into(), "simclr".into()));
        assert_eq!(settled("--method cpc", 900), "cpc");
    }

    #[test]
    fn what_the_command_line_says_goes_over_what_the_run_says() {
        let run = config("--precision bf16");
        assert_eq!(run.compute(&args("").compute).unwrap().precision, Precision::Bf16);
        assert_eq!(run.compute(&args("--precision f32").compute).unwrap().precision, Precision::F32);
        assert!(run.compute(&args("--recompute").compute).unwrap().recompute);
    }

    #[test]
    fn a_run_goes_on_in_its_own_precision_only() {
        let (run, out) = (config("--precision bf16"), Path::new("runs/a"));
        let resumed = |words: &str| run.clone().resumed(&args(words).compute, out);
        assert_eq!(resumed("").unwrap(), run);
        let again = Compute { precision: Precision::Bf16, recompute: true };
        assert_eq!(resumed("--precision bf16 --recompute").unwrap().train().unwrap().compute(), again);
        let message = resumed("--precision f32").unwrap_err().to_string();
        assert!(message.contains("--precision f32") && message.contains("started with bf16"), "{message}");
    }

    #[test]
    fn another_word_than_the_two_is_refused_with_both() {
        let message =
            Cli::try_parse_from(["manabi", "pretrain", "data", "--precision", "f16"]).unwrap_err().to_string();
        assert!(message.contains("f32") && message.contains("bf16"), "{message}");
    }
}
