//! The supervised baseline: a linear classifier on the encoder, trained end to end.
//!
//! `read-out → linear → cross-entropy`, on the labelled rows only. It runs through the
//! same loop, loader and optimisers as the pretext tasks, so that the comparison is fair;
//! fine-tuning is the same method on an encoder that was pre-trained.
//!
//! Shapes: read-outs `(N, R)`, scores `(N, C)`. Cost: one pass a sample.
//!
//! Defaults: label smoothing 0.1 (Szegedy et al., arXiv:1512.00567), which helps with few labels; an
//! exponential average of the weights is what is evaluated (Izmailov et al., arXiv:1803.05407,
//! in Tarvainen & Valpola's running form), for from-scratch training and fine-tuning alike. Where classes are of very
//! different size the scores are trained for balanced accuracy (`class_counts`; Menon et al., arXiv:2007.07314).

use std::collections::BTreeMap;

use candle_core::Tensor;
use serde::{Deserialize, Serialize};

use super::{
    BuildContext, DatasetFacts, Family, Loss, Method, MethodEntry, Step, TrainDefaults, ViewPlan, settings,
    transformation::prediction::accuracy,
};
use crate::{
    Error, Result,
    encoder::{Encoder, Mode},
    loss::{balanced_cross_entropy, cross_entropy},
    modality::ViewKind,
    nn::{Linear, Params},
    optim::ema::Follower,
};

/// Settings of the supervised baseline.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Label smoothing.
    pub smoothing: f64,
    /// Decay of the average of the weights; 0 for none.
    pub ema: f64,
    /// Batch norms keep the statistics that they have (fine-tuning with a handful of labels).
    pub frozen_norms: bool,
    /// Labelled rows of each class: scores are trained as if all classes were equally frequent. Empty for the
    /// classes' own frequencies.
    pub class_counts: Vec<usize>,
}

impl Config {
    /// Defaults for such a dataset.
    pub fn for_dataset(_facts: &DatasetFacts) -> Self {
        Self { smoothing: 0.1, ema: 0.99, frozen_norms: false, class_counts: Vec::new() }
    }

    /// Says what cannot work.
    pub fn validate(&self) -> Result<()> {
        if !(0.0..1.0).contains(&self.smoothing) {
            return Err(Error::config(format!("label smoothing must be in [0, 1), not {}", self.smoothing)));
        }
        if !(0.0..1.0).contains(&self.ema) {
            return Err(Error::config(format!(
                "the decay of the weights' average must be in [0, 1), not {}",
                self.ema
            )));
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
    /// Encoder and head.
    average: Option<[Params; 2]>,
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
        let head = Linear::new(&context.heads.pp("classifier"), context.encoder.readout_dim(), context.facts.classes)?;
        let average =
            (config.ema > 0.0).then(|| Ok::<_, Error>([context.student.duplicate()?, context.heads.duplicate()?]));
        Ok(Self { config, head, average: average.transpose()? })
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
        let features = encoder.readout(batch, mode)?;
        let logits = self.head.forward(&features)?;
        let (labels, smoothing) = (step.labels, self.config.smoothing);
        let value = match self.config.class_counts.as_slice() {
            [] => cross_entropy(&logits, labels, smoothing)?,
            counts => balanced_cross_entropy(&logits, labels, smoothing, counts)?,
        };
        let accuracy = accuracy(&logits, step.labels)?;
        Ok(Loss { value, features: features.detach(), second: None, metrics: vec![("accuracy", accuracy)] })
    }

    fn followers(&self, student: &Params, step: &Step) -> Vec<Follower> {
        // The first weights are random: the average must not carry them for long.
        let t = step.index as f64;
        let momentum = self.config.ema.min((1.0 + t) / (10.0 + t));
        let parts = self.average.iter().flatten().zip(["encoder", "head"]);
        parts.map(|(own, part)| Follower { params: own.clone(), student: student.pp(part), momentum }).collect()
    }

    fn averaged(&self) -> Result<Option<BTreeMap<String, Tensor>>> {
        match &self.average {
            Some([encoder, head]) => Ok(Some(encoder.snapshot()?.into_iter().chain(head.snapshot()?).collect())),
            None => Ok(None),
        }
    }

    fn state(&self) -> BTreeMap<String, Tensor> {
        let entries = self.average.iter().flatten().flat_map(Params::named);
        entries.map(|(name, var, _)| (format!("average.{name}"), var.as_tensor().detach())).collect()
    }

    fn load_state(&mut self, state: &BTreeMap<String, Tensor>) -> Result<()> {
        let Some(parts) = &self.average else { return Ok(()) };
        for (part, prefix) in parts.iter().zip(["average.encoder.", "average.head."]) {
            let own = state.iter().filter(|(name, _)| name.starts_with(prefix));
            part.load(&own.map(|(name, t)| (name["average.".len()..].to_string(), t.clone())).collect())?;
        }
        Ok(())
    }

    fn logits(&self, features: &Tensor) -> Result<Option<Tensor>> {
        Ok(Some(self.head.forward(features)?))
    }
}
