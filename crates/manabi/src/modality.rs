//! The one list of modalities, and the object-safe face that the command line sees.
//!
//! Adding a modality is a new crate and one line in [`REGISTRY`].

use std::marker::PhantomData;

use anyhow::Result;
use manabi_core::{data::DataSpec, modality::Modality};

use crate::{
    cli::{EmbedArgs, EvaluateArgs, FinetuneArgs, InspectArgs, PilotArgs, PredictArgs, PretrainArgs},
    command::{self, Global},
};

/// Every modality that the command line knows.
pub const REGISTRY: &[&dyn AnyModality] = &[&Of::<manabi_image::ImageModality>::NEW];

/// A modality without its types.
pub trait AnyModality: Sync {
    /// The fixed word of the command line.
    fn name(&self) -> &'static str;
    /// True if it can read what lies there.
    fn detect(&self, spec: &DataSpec) -> bool;
    /// Names of its encoders.
    fn encoders(&self) -> &'static [&'static str];
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
    /// `manabi pilot`.
    fn pilot(&self, args: &PilotArgs, global: Global) -> Result<()>;
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

    fn pilot(&self, args: &PilotArgs, global: Global) -> Result<()> {
        command::pilot::run::<M>(args, global)
    }
}
