//! DeCLUTR: Giorgi et al., *Deep Contrastive Learning for Unsupervised Textual Representations*, arXiv:2006.03659.
//!
//! Two stretches of one document must find each other among those of others (InfoNCE of cosines, temperature 0.05), and
//! words that are hidden in the first one are named: `ℓ = ℓ_contrast + ℓ_MLM`.
//!
//! Shapes: features `(N, D)`, scores `(M, V)`. Cost: two passes over stretches of a quarter to all of a text.
//!
//! Defaults: 15 % hidden; the paper takes documents of 2 048 tokens and more, two anchors and two positives; here a
//! document gives one of each, as batches of a few documents are more than two cores finish.

use manabi_core::{
    Error, Result,
    encoder::{Encoder, Mode, Sees},
    loss::{cross_entropy, info_nce},
    method::{BuildContext, DatasetFacts, Family, Loss, Method, MethodEntry, Step, ViewPlan},
    modality::ViewKind,
};
use manabi_kernels::index::gather_rows;
use serde::{Deserialize, Serialize};

use super::{corrupt::Corruption, head::TokenHead, mlm};
use crate::batch::TextBatch;

/// Settings of DeCLUTR.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Softmax temperature of cosines.
    pub temperature: f64,
    /// Share of the first stretch's tokens that is hidden.
    pub ratio: f64,
    /// Weight of naming them.
    pub mlm: f64,
}

impl Config {
    /// Defaults for such a dataset.
    pub fn for_dataset(_facts: &DatasetFacts) -> Self {
        Self { temperature: 0.05, ratio: 0.15, mlm: 1.0 }
    }

    /// Says what cannot work.
    pub fn validate(&self) -> Result<()> {
        let Self { temperature, ratio, mlm } = *self;
        if !(temperature > 0.0 && ratio > 0.0 && ratio < 1.0 && mlm >= 0.0) {
            return Err(Error::config(format!(
                "DeCLUTR needs a temperature above 0 ({temperature}), a ratio between 0 and 1 ({ratio}) and a weight of \
                 0 or more ({mlm})"
            )));
        }
        Ok(())
    }
}

/// The list's entry.
pub fn entry() -> MethodEntry<TextBatch> {
    MethodEntry {
        name: "declutr",
        aliases: &[],
        family: Family::Instance,
        paper: "Giorgi et al. 2021, arXiv:2006.03659",
        summary: "two stretches of a document find each other, and hidden words are named (Transformer)",
        build: |context| Ok(Box::new(Declutr::new(context)?)),
        defaults: mlm::defaults,
        settings: |facts| super::table(&Config::for_dataset(facts)),
    }
}

/// The method.
pub struct Declutr {
    config: Config,
    corruption: Corruption,
    head: TokenHead,
}

impl Declutr {
    fn new(context: &BuildContext<TextBatch>) -> Result<Self> {
        let config: Config = context.overrides.apply("declutr", &Config::for_dataset(&context.facts))?;
        config.validate()?;
        let packed = super::packed("declutr", context.encoder, Sees::All)?;
        let table = packed.table().dims2()?;
        let head = TokenHead::new(&context.heads.pp("predictions"), packed.part_dim(), table)?;
        let corruption = Corruption { share: config.ratio, whole_words: true, all_masked: false, vocabulary: table.0 };
        Ok(Self { config, corruption, head })
    }
}

impl Method<TextBatch> for Declutr {
    fn name(&self) -> &'static str {
        "declutr"
    }

    fn plan(&self) -> ViewPlan {
        ViewPlan::Views(vec![ViewKind::Local, ViewKind::Local])
    }

    fn loss(&mut self, encoder: &dyn Encoder<TextBatch>, views: &[TextBatch], step: &Step) -> Result<Loss> {
        let [anchor, positive] = super::views("DeCLUTR", views)?;
        let packed = super::packed("declutr", encoder, Sees::All)?;
        let hidden = self.corruption.apply(anchor, step)?;
        let parts = packed.parts(&hidden.batch, Mode::Train)?;
        let logits = self.head.forward(&gather_rows(&parts, &hidden.rows)?, packed.table())?;
        let named = cross_entropy(&logits, &hidden.truth, 0.0)?;
        let (h0, h1) = (super::pooled(&parts, anchor)?, encoder.features(positive, Mode::Train)?);
        let found = info_nce(&super::unit_rows(&h0)?, &super::unit_rows(&h1)?, 1.0 / self.config.temperature)?;
        let value = (&found + named.affine(self.config.mlm, 0.0)?)?;
        let metrics =
            vec![("contrast", f64::from(found.to_scalar::<f32>()?)), ("mlm", f64::from(named.to_scalar::<f32>()?))];
        Ok(Loss { value, features: h0.detach(), second: Some(h1.detach()), metrics })
    }
}
