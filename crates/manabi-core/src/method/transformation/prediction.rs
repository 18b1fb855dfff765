//! Transformation prediction: Gidaris, Singh & Komodakis, *Unsupervised Representation
//! Learning by Predicting Image Rotations*, arXiv:1803.07728, as one classifier for any
//! set of transformations that a modality names.
//!
//! Each sample appears under every transformation; a linear head says which.
//! `ℓ = cross-entropy`.
//!
//! Shapes: features `(N·R, D)`, scores `(N·R, R)`. Cost: `R` passes a sample (4 for quarter turns).
//!
//! Defaults: all transformations in each batch, as the authors'; SGD with Nesterov momentum 0.9.

use candle_core::{D, Tensor};
use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    encoder::{Encoder, Mode},
    loss::cross_entropy,
    method::{BuildContext, DatasetFacts, Family, Loss, Method, MethodEntry, Step, TrainDefaults, ViewPlan, settings},
    modality::PretextTask,
    nn::Linear,
};

/// Settings of transformation prediction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Label smoothing; the paper uses none.
    pub smoothing: f64,
}

impl Config {
    /// Defaults for such a dataset.
    pub fn for_dataset(_facts: &DatasetFacts) -> Self {
        Self { smoothing: 0.0 }
    }

    /// Says what cannot work.
    pub fn validate(&self) -> Result<()> {
        if !(0.0..1.0).contains(&self.smoothing) {
            return Err(Error::config(format!("label smoothing must be in [0, 1), not {}", self.smoothing)));
        }
        Ok(())
    }
}

/// The generic name; a task's own stands in the list.
pub const NAME: &str = "transformation";

/// The list's entry.
pub fn entry<B: Clone + 'static>() -> MethodEntry<B> {
    MethodEntry {
        name: NAME,
        aliases: &[],
        family: Family::Transformation,
        paper: "Gidaris et al. 2018, arXiv:1803.07728",
        summary: "say which transformation was applied",
        build: |context| Ok(Box::new(Prediction::new(context)?)),
        defaults: |facts| {
            // Every sample appears `transformations` times in the tensors.
            let batch = (512 / facts.transformations.max(1)).clamp(16, 128).min(facts.samples);
            TrainDefaults { batch, ..TrainDefaults::classifier() }
        },
        settings: |facts| settings::table(&Config::for_dataset(facts)),
    }
}

/// The method.
pub struct Prediction {
    config: Config,
    name: &'static str,
    task: usize,
    classes: usize,
    head: Linear,
}

impl Prediction {
    fn new<B>(context: &BuildContext<B>) -> Result<Self> {
        let config: Config = context.overrides.apply(context.name, &Config::for_dataset(&context.facts))?;
        config.validate()?;
        let named = context.tasks.iter().position(|task| task.name == context.name);
        let task = named.unwrap_or(0);
        let Some(&PretextTask { name, classes, .. }) = context.tasks.get(task) else {
            return Err(Error::config("this modality names no pretext tasks; choose another method"));
        };
        let head = Linear::new(&context.heads.pp("classifier"), context.encoder.dim(), classes)?;
        Ok(Self { config, name, task, classes, head })
    }
}

impl<B: Clone + 'static> Method<B> for Prediction {
    fn name(&self) -> &'static str {
        self.name
    }

    fn plan(&self) -> ViewPlan {
        ViewPlan::Transformed { task: self.task, classes: self.classes }
    }

    fn loss(&mut self, encoder: &dyn Encoder<B>, views: &[B], step: &Step) -> Result<Loss> {
        let [batch] = views else {
            return Err(Error::config(format!("transformation prediction takes 1 batch, not {}", views.len())));
        };
        let features = encoder.features(batch, Mode::Train)?;
        let logits = self.head.forward(&features)?;
        let value = cross_entropy(&logits, step.labels, self.config.smoothing)?;
        let accuracy = accuracy(&logits, step.labels)?;
        Ok(Loss { value, features: features.detach(), second: None, metrics: vec![("accuracy", accuracy)] })
    }
}

/// Share of rows whose highest score is at the label.
pub(crate) fn accuracy(logits: &Tensor, labels: &[u32]) -> Result<f64> {
    let best = logits.detach().argmax(D::Minus1)?.to_vec1::<u32>()?;
    let hits = best.iter().zip(labels).filter(|(a, b)| a == b).count();
    Ok(hits as f64 / labels.len().max(1) as f64)
}
