//! Masked language modelling: Devlin et al., *BERT*, arXiv:1810.04805.
//!
//! A share of the tokens is hidden, the encoder sees what is left, and the head names what stood there: `ℓ` is the
//! cross-entropy over the vocabulary at the hidden tokens alone.
//!
//! Shapes: tokens `(ΣT)`, hidden ones `(M)`, scores `(M, V)`. Cost: one pass a text, and the scores.
//!
//! Defaults: 15 % of the tokens, whole words (arXiv:1906.08101), no dropout (Geiping & Goldstein, *Cramming*,
//! arXiv:2212.14034: nothing is seen often enough in a short run to be learnt by heart), AdamW (0.9, 0.98) at 1e-3.

use manabi_core::{
    Error, Result,
    encoder::{Encoder, Mode, Sees},
    loss::cross_entropy,
    method::{BuildContext, DatasetFacts, Family, Loss, Method, MethodEntry, Step, TrainDefaults, ViewPlan},
    modality::ViewKind,
    optim::OptimizerConfig,
};
use manabi_kernels::index::gather_rows;
use serde::{Deserialize, Serialize};

use super::{corrupt::Corruption, head::TokenHead};
use crate::batch::TextBatch;

/// Settings of masked language modelling.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Share of the tokens that is hidden.
    pub ratio: f64,
    /// Hide whole words.
    pub whole_words: bool,
}

impl Config {
    /// Defaults for such a dataset.
    pub fn for_dataset(_facts: &DatasetFacts) -> Self {
        Self { ratio: 0.15, whole_words: true }
    }

    /// Says what cannot work.
    pub fn validate(&self) -> Result<()> {
        if !(self.ratio > 0.0 && self.ratio < 1.0) {
            return Err(Error::config(format!(
                "the share of hidden tokens must be between 0 and 1, not {}",
                self.ratio
            )));
        }
        Ok(())
    }
}

/// How token prediction likes to be trained: many small steps, as a text is many questions.
pub(super) fn defaults(facts: &DatasetFacts) -> TrainDefaults {
    let optimizer = OptimizerConfig::Adamw { lr: 1e-3, beta1: 0.9, beta2: 0.98, eps: 1e-8, weight_decay: 0.01 };
    TrainDefaults { optimizer, batch: 64.min(facts.samples), warmup: 0.1, clip: 1.0 }
}

/// The list's entry.
pub fn entry() -> MethodEntry<TextBatch> {
    MethodEntry {
        name: "mlm",
        aliases: &["bert"],
        family: Family::Masked,
        paper: "Devlin et al. 2019, arXiv:1810.04805",
        summary: "name the words that were hidden (Transformer)",
        build: |context| Ok(Box::new(Mlm::new(context)?)),
        defaults,
        settings: |facts| super::table(&Config::for_dataset(facts)),
    }
}

/// The method.
pub struct Mlm {
    corruption: Corruption,
    head: TokenHead,
}

impl Mlm {
    fn new(context: &BuildContext<TextBatch>) -> Result<Self> {
        let config: Config = context.overrides.apply("mlm", &Config::for_dataset(&context.facts))?;
        config.validate()?;
        let packed = super::packed("mlm", context.encoder, Sees::All)?;
        let table = packed.table().dims2()?;
        let head = TokenHead::new(&context.heads.pp("predictions"), packed.part_dim(), table)?;
        let Config { ratio, whole_words } = config;
        let corruption = Corruption { share: ratio, whole_words, all_masked: false, vocabulary: table.0 };
        Ok(Self { corruption, head })
    }
}

impl Method<TextBatch> for Mlm {
    fn name(&self) -> &'static str {
        "mlm"
    }

    fn plan(&self) -> ViewPlan {
        ViewPlan::Views(vec![ViewKind::Weak])
    }

    fn loss(&mut self, encoder: &dyn Encoder<TextBatch>, views: &[TextBatch], step: &Step) -> Result<Loss> {
        let [batch] = super::views("mlm", views)?;
        let packed = super::packed("mlm", encoder, Sees::All)?;
        let hidden = self.corruption.apply(batch, step)?;
        let parts = packed.parts(&hidden.batch, Mode::Train)?;
        let logits = self.head.forward(&gather_rows(&parts, &hidden.rows)?, packed.table())?;
        let value = cross_entropy(&logits, &hidden.truth, 0.0)?;
        let features = super::pooled(&parts.detach(), batch)?;
        Ok(Loss { value, features, second: None, metrics: Vec::new() })
    }
}
