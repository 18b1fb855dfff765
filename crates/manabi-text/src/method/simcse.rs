//! SimCSE: Gao, Yao & Chen, *Simple Contrastive Learning of Sentence Embeddings*, arXiv:2104.08821.
//!
//! The same text goes through the encoder twice, with other dropout; both must find each other among the texts of the
//! batch: InfoNCE of cosines at temperature 0.05. A dense layer with tanh stands on the pooled features in training
//! alone.
//!
//! Shapes: features `(N, D)`. Cost: two passes a text.
//!
//! It tunes an encoder that has been trained before; from scratch dropout teaches nothing (its authors say so), and a
//! run of it shows that. Defaults: batch 64, temperature 0.05, AdamW; the paper's rate of 3e-5 follows from the factor
//! of a given encoder.

use manabi_core::{
    Error, Result,
    encoder::{Encoder, Mode},
    loss::info_nce,
    method::{BuildContext, DatasetFacts, Family, Loss, Method, MethodEntry, Step, TrainDefaults, ViewPlan},
    modality::ViewKind,
    nn::Linear,
    optim::OptimizerConfig,
};
use serde::{Deserialize, Serialize};

use crate::batch::TextBatch;

/// Settings of SimCSE.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Softmax temperature of cosines.
    pub temperature: f64,
    /// A dense layer with tanh in training.
    pub head: bool,
}

impl Config {
    /// Defaults for such a dataset.
    pub fn for_dataset(_facts: &DatasetFacts) -> Self {
        Self { temperature: 0.05, head: true }
    }

    /// Says what cannot work.
    pub fn validate(&self) -> Result<()> {
        if self.temperature.is_nan() || self.temperature <= 0.0 {
            return Err(Error::config(format!("SimCSE needs a temperature above 0, not {}", self.temperature)));
        }
        Ok(())
    }
}

/// The list's entry.
pub fn entry() -> MethodEntry<TextBatch> {
    MethodEntry {
        name: "simcse",
        aliases: &[],
        family: Family::Instance,
        paper: "Gao et al. 2021, arXiv:2104.08821",
        summary: "a text finds itself again under other dropout (tunes a pre-trained encoder)",
        build: |context| Ok(Box::new(SimCse::new(context)?)),
        defaults: |facts| {
            let optimizer = OptimizerConfig::Adamw { lr: 3e-4, beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.0 };
            TrainDefaults { optimizer, batch: 64.min(facts.samples), warmup: 0.05, clip: 1.0 }
        },
        settings: |facts| super::table(&Config::for_dataset(facts)),
    }
}

/// The method.
pub struct SimCse {
    config: Config,
    head: Option<Linear>,
}

impl SimCse {
    fn new(context: &BuildContext<TextBatch>) -> Result<Self> {
        let config: Config = context.overrides.apply("simcse", &Config::for_dataset(&context.facts))?;
        config.validate()?;
        let dim = context.encoder.dim();
        let head = config.head.then(|| Linear::new(&context.heads.pp("mlp.dense"), dim, dim)).transpose()?;
        Ok(Self { config, head })
    }
}

impl Method<TextBatch> for SimCse {
    fn name(&self) -> &'static str {
        "simcse"
    }

    fn plan(&self) -> ViewPlan {
        ViewPlan::Views(vec![ViewKind::Strong(0), ViewKind::Strong(1)])
    }

    fn loss(&mut self, encoder: &dyn Encoder<TextBatch>, views: &[TextBatch], _step: &Step) -> Result<Loss> {
        let [first, second] = super::views("SimCSE", views)?;
        let (h0, h1) = (encoder.features(first, Mode::Train)?, encoder.features(second, Mode::Train)?);
        let project = |h: &candle_core::Tensor| match &self.head {
            Some(head) => super::unit_rows(&head.forward(h)?.tanh()?),
            None => super::unit_rows(h),
        };
        let value = info_nce(&project(&h0)?, &project(&h1)?, 1.0 / self.config.temperature)?;
        Ok(Loss { value, features: h0.detach(), second: Some(h1.detach()), metrics: Vec::new() })
    }
}
