//! The one list of modalities, and the object-safe face that the command line sees.
//!
//! Adding a modality is a new crate and one line in [`REGISTRY`].

use std::{marker::PhantomData, path::Path};

use anyhow::Result;
use manabi_core::{
    data::DataSpec,
    method::{self, DatasetFacts},
    modality::Modality,
    train::Quiet,
};
use manabi_pilot::{
    report::Report,
    study::{self, Start, StudyConfig},
};

use crate::{
    cli::{AnomalyArgs, EmbedArgs, EvaluateArgs, FinetuneArgs, InspectArgs, PilotArgs, PredictArgs, PretrainArgs},
    command::{self, Global},
};

/// Every modality that the command line knows.
pub const REGISTRY: &[&dyn AnyModality] = &[
    &Of::<manabi_image::ImageModality>::NEW,
    &Of::<manabi_audio::AudioModality>::NEW,
    &Of::<manabi_series::SeriesModality>::NEW,
    &Of::<manabi_text::TextModality>::NEW,
];

/// A method without the type of its batch.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct MethodFacts {
    /// The fixed word of the command line.
    pub name: &'static str,
    /// Other words for it.
    pub aliases: &'static [&'static str],
    /// Its family.
    pub family: &'static str,
    /// The paper.
    pub paper: &'static str,
    /// What it does.
    pub summary: &'static str,
    /// Its settings.
    pub settings: toml::Table,
}

/// A modality without its types.
pub trait AnyModality: Sync {
    /// The fixed word of the command line.
    fn name(&self) -> &'static str;
    /// True if it can read what lies there.
    fn detect(&self, spec: &DataSpec) -> bool;
    /// Names of its encoders.
    fn encoders(&self) -> &'static [&'static str];
    /// Its methods, with the settings that they have by default on such a dataset.
    fn methods(&self, facts: &DatasetFacts) -> Vec<MethodFacts>;
    /// `manabi inspect`.
    fn inspect(&self, args: &InspectArgs, global: Global) -> Result<()>;
    /// `manabi pretrain`.
    fn pretrain(&self, args: &PretrainArgs, global: Global) -> Result<()>;
    /// `manabi embed`.
    fn embed(&self, args: &EmbedArgs, global: Global) -> Result<()>;
    /// `manabi evaluate`.
    fn evaluate(&self, args: &EvaluateArgs, global: Global) -> Result<()>;
    /// `manabi finetune`.
    fn finetune(&self, args: &FinetuneArgs, global: Global) -> Result<()>;
    /// `manabi predict`.
    fn predict(&self, args: &PredictArgs, global: Global) -> Result<()>;
    /// `manabi anomaly`.
    fn anomaly(&self, args: &AnomalyArgs, global: Global) -> Result<()>;
    /// `manabi pilot`.
    fn pilot(&self, args: &PilotArgs, global: Global) -> Result<()>;
    /// A study with the modality's default settings and without a word: what benchmarks run.
    fn study(&self, data: &Path, config: StudyConfig) -> Result<Report>;
}

/// [`AnyModality`] for every [`Modality`].
pub struct Of<M>(PhantomData<fn() -> M>);

impl<M> Of<M> {
    /// The one value.
    pub const NEW: Self = Self(PhantomData);
}

impl<M: Modality> AnyModality for Of<M> {
    fn name(&self) -> &'static str {
        M::NAME
    }

    fn detect(&self, spec: &DataSpec) -> bool {
        M::detect(spec)
    }

    fn encoders(&self) -> &'static [&'static str] {
        M::encoders()
    }

    fn methods(&self, facts: &DatasetFacts) -> Vec<MethodFacts> {
        let all = method::list::<M>().into_iter();
        all.map(|entry| MethodFacts {
            name: entry.name,
            aliases: entry.aliases,
            family: entry.family.title(),
            paper: entry.paper,
            summary: entry.summary,
            settings: (entry.settings)(facts),
        })
        .collect()
    }

    fn inspect(&self, args: &InspectArgs, global: Global) -> Result<()> {
        command::inspect::run::<M>(args, global)
    }

    fn pretrain(&self, args: &PretrainArgs, global: Global) -> Result<()> {
        command::pretrain::run::<M>(args, global)
    }

    fn embed(&self, args: &EmbedArgs, global: Global) -> Result<()> {
        command::embed::run::<M>(args, global)
    }

    fn evaluate(&self, args: &EvaluateArgs, global: Global) -> Result<()> {
        command::evaluate::run::<M>(args, global)
    }

    fn finetune(&self, args: &FinetuneArgs, global: Global) -> Result<()> {
        command::finetune::run::<M>(args, global)
    }

    fn predict(&self, args: &PredictArgs, global: Global) -> Result<()> {
        command::predict::run::<M>(args, global)
    }

    fn anomaly(&self, args: &AnomalyArgs, global: Global) -> Result<()> {
        command::anomaly::run::<M>(args, global)
    }

    fn pilot(&self, args: &PilotArgs, global: Global) -> Result<()> {
        command::pilot::run::<M>(args, global)
    }

    fn study(&self, data: &Path, config: StudyConfig) -> Result<Report> {
        let settings = M::Config::default();
        let source = M::open(&DataSpec::new(data), &settings)?;
        let start = Start::<M> { settings, source: source.as_ref(), config, signals: None, encoder: "default".into() };
        Ok(study::pilot(&start, &mut Quiet, &mut |_| {})?)
    }
}
