//! SimCLR: Chen, Kornblith, Norouzi & Hinton, *A Simple Framework for Contrastive Learning
//! of Visual Representations*, arXiv:2002.05709.
//!
//! `features → projector → NT-Xent` over two strongly augmented views of each sample; all
//! other rows of the batch are negatives.
//!
//! Shapes: features `(N, D)`, projections `(N, P)`. Cost: two forward and backward passes
//! and a `2N × 2N` similarity matrix a step.
//!
//! Defaults: two-layer projector with batch norm and temperature 0.1 as in lightly's benchmarks; with runs of a
//! few epochs 0.1 learns faster than solo-learn's 0.2 (docs/BENCHMARKS.md), the paper's 0.5 needs many epochs.

use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    encoder::{Encoder, Mode},
    loss::nt_xent,
    method::{BuildContext, DatasetFacts, Family, Loss, Method, MethodEntry, Step, TrainDefaults, ViewPlan, settings},
    modality::ViewKind,
    nn::{Mlp, MlpConfig},
};

/// Settings of SimCLR.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Softmax temperature; lower makes hard negatives count more.
    pub temperature: f64,
    /// Hidden width of the projector.
    pub hidden: usize,
    /// Output width of the projector.
    pub projection: usize,
}

impl Config {
    /// Defaults for such a dataset.
    pub fn for_dataset(facts: &DatasetFacts) -> Self {
        Self { temperature: 0.1, hidden: facts.dim.max(128), projection: 128 }
    }

    /// Says what cannot work.
    pub fn validate(&self) -> Result<()> {
        if self.temperature <= 0.0 || self.hidden == 0 || self.projection == 0 {
            return Err(Error::config("SimCLR needs a temperature, a hidden and a projection width above 0"));
        }
        Ok(())
    }
}

/// The list's entry.
pub fn entry<B: Clone + 'static>() -> MethodEntry<B> {
    MethodEntry {
        name: "simclr",
        aliases: &["nt-xent"],
        family: Family::Instance,
        paper: "Chen et al. 2020, arXiv:2002.05709",
        summary: "two views of a sample attract, all others in the batch repel",
        build: |context| Ok(Box::new(SimClr::new(context)?)),
        defaults: |facts| TrainDefaults::contrastive(8e-3, facts.samples),
        settings: |facts| settings::table(&Config::for_dataset(facts)),
    }
}

/// The method.
pub struct SimClr {
    config: Config,
    projector: Mlp,
}

impl SimClr {
    fn new<B>(context: &BuildContext<B>) -> Result<Self> {
        let config: Config = context.overrides.apply("simclr", &Config::for_dataset(&context.facts))?;
        config.validate()?;
        let widths = vec![context.encoder.dim(), config.hidden, config.projection];
        let projector = Mlp::new(&context.heads.pp("projector"), &MlpConfig { widths, last_norm: false })?;
        Ok(Self { config, projector })
    }
}

impl<B: Clone + 'static> Method<B> for SimClr {
    fn name(&self) -> &'static str {
        "simclr"
    }

    fn plan(&self) -> ViewPlan {
        ViewPlan::Views(vec![ViewKind::Strong(0), ViewKind::Strong(1)])
    }

    fn loss(&mut self, encoder: &dyn Encoder<B>, views: &[B], _step: &Step) -> Result<Loss> {
        let [h0, h1] = super::two_views(encoder, views)?;
        let z0 = self.projector.forward(&h0, Mode::Train)?;
        let z1 = self.projector.forward(&h1, Mode::Train)?;
        let value = nt_xent(&z0, &z1, self.config.temperature)?;
        Ok(Loss { value, features: h0.detach(), second: Some(h1.detach()), metrics: Vec::new() })
    }
}
