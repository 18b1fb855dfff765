//! The supervised baseline: a linear classifier on the encoder, trained end to end.
//!
//! `features → linear → cross-entropy`, on the labelled rows only. It runs through the
//! same loop, loader and optimisers as the pretext tasks, so that the comparison is fair;
//! fine-tuning is the same method on an encoder that was pre-trained.
//!
//! Shapes: features `(N, D)`, scores `(N, C)`. Cost: one pass a sample.
//!
//! Defaults: label smoothing 0.1 (Szegedy et al., arXiv:1512.00567), which helps with few labels.

use candle_core::Tensor;
use serde::{Deserialize, Serialize};

use super::{
    BuildContext, DatasetFacts, Family, Loss, Method, MethodEntry, Step, TrainDefaults, ViewPlan, settings,
    transformation::prediction::accuracy,
};
use crate::{
    Error, Result,
    encoder::{Encoder, Mode},
    loss::cross_entropy,
    modality::ViewKind,
    nn::Linear,
};

/// Settings of the supervised baseline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Label smoothing.
    pub smoothing: f64,
    /// Batch norms keep the statistics that they have (fine-tuning with a handful of labels).
    pub frozen_norms: bool,
}

impl Config {
    /// Defaults for such a dataset.
    pub fn for_dataset(_facts: &DatasetFacts) -> Self {
        Self { smoothing: 0.1, frozen_norms: false }
    }

    /// Says what cannot work.
    pub fn validate(&self) -> Result<()> {
        if !(0.0..1.0).contains(&self.smoothing) {
            return Err(Error::config(format!("label smoothing must be in [0, 1), not {}", self.smoothing)));
        }
        Ok(())
    }
}

/// The list's entry.
pub fn entry<B: Clone + 'static>() -> MethodEntry<B> {
    MethodEntry {
        name: "supervised",
        aliases: &[],
        family: Family::Supervised,
        paper: "the baseline of every comparison",
        summary: "learn from the labels alone",
        build: |context| Ok(Box::new(Supervised::new(context)?)),
        defaults: |facts| TrainDefaults { batch: 64.min(facts.samples), ..TrainDefaults::classifier() },
        settings: |facts| settings::table(&Config::for_dataset(facts)),
    }
}

/// The method.
pub struct Supervised {
    config: Config,
    head: Linear,
}

impl Supervised {
    fn new<B>(context: &BuildContext<B>) -> Result<Self> {
        let config: Config = context.overrides.apply("supervised", &Config::for_dataset(&context.facts))?;
        config.validate()?;
        if context.facts.classes < 2 {
            return Err(Error::config(format!(
                "learning from labels needs at least 2 classes, not {}; give labels with --labels",
                context.facts.classes
            )));
        }
        let head = Linear::new(&context.heads.pp("classifier"), context.encoder.dim(), context.facts.classes)?;
        Ok(Self { config, head })
    }
}

impl<B: Clone + 'static> Method<B> for Supervised {
    fn name(&self) -> &'static str {
        "supervised"
    }

    fn plan(&self) -> ViewPlan {
        ViewPlan::Views(vec![ViewKind::Supervised])
    }

    fn loss(&mut self, encoder: &dyn Encoder<B>, views: &[B], step: &Step) -> Result<Loss> {
        let [batch] = views else {
            return Err(Error::config(format!("supervised training takes 1 view, not {}", views.len())));
        };
        let mode = if self.config.frozen_norms { Mode::Eval } else { Mode::Train };
        let features = encoder.features(batch, mode)?;
        let logits = self.head.forward(&features)?;
        let value = cross_entropy(&logits, step.labels, self.config.smoothing)?;
        let accuracy = accuracy(&logits, step.labels)?;
        Ok(Loss { value, features: features.detach(), second: None, metrics: vec![("accuracy", accuracy)] })
    }

    fn logits(&self, features: &Tensor) -> Result<Option<Tensor>> {
        Ok(Some(self.head.forward(features)?))
    }
}
