//! TSDAE: Wang, Reimers & Gurevych, *Transformer-based Sequential Denoising Auto-Encoder*, arXiv:2104.06979.
//!
//! Most words of a text are left out, the encoder makes one vector of the rest, and from this vector alone a decoder
//! writes the whole text again, word by word: what is not in the vector cannot be written. `ℓ` is the cross-entropy of
//! each next token.
//!
//! The decoder reads its own tokens so far through causal layers, and the vector at every place: attention to a single
//! vector, which the paper's decoder has, is that vector times a matrix whatever asks for it. Its tables are the encoder's.
//!
//! Shapes: features `(N, D)`, scores `(ΣT − N, V)`. Cost: a pass over the words that are left, one of two decoder layers
//! over all, and the scores of every token.
//!
//! Defaults: 60 % of the words left out, two decoder layers (the paper ties as many as the encoder has).

use manabi_core::{
    Error, Result,
    encoder::{Encoder, Mode, Sees},
    loss::cross_entropy,
    method::{BuildContext, DatasetFacts, Family, Loss, Method, MethodEntry, Step, ViewPlan},
    modality::ViewKind,
    nn::Linear,
    rng::{Key, Purpose},
};
use manabi_kernels::index::gather_rows;
use serde::{Deserialize, Serialize};

use super::{causal::next_tokens, head::TokenHead, mlm};
use crate::{
    augment,
    batch::TextBatch,
    encoder::{Bert, BertConfig},
    sample::{Sample, Tokens},
};

/// Settings of TSDAE.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Share of the words that is left out.
    pub delete: f64,
    /// Layers of the decoder.
    pub layers: usize,
}

impl Config {
    /// Defaults for such a dataset.
    pub fn for_dataset(_facts: &DatasetFacts) -> Self {
        Self { delete: 0.6, layers: 2 }
    }

    /// Says what cannot work.
    pub fn validate(&self) -> Result<()> {
        if !(0.0..1.0).contains(&self.delete) || self.layers == 0 {
            let Self { delete, layers } = self;
            return Err(Error::config(format!(
                "TSDAE leaves out a share from 0 to below 1 ({delete}) and needs at least one layer ({layers})"
            )));
        }
        Ok(())
    }
}

/// The list's entry.
pub fn entry() -> MethodEntry<TextBatch> {
    MethodEntry {
        name: "tsdae",
        aliases: &[],
        family: Family::Masked,
        paper: "Wang et al. 2021, arXiv:2104.06979",
        summary: "write a text again from the one vector of what is left of it (Transformer)",
        build: |context| Ok(Box::new(Tsdae::new(context)?)),
        defaults: mlm::defaults,
        settings: |facts| super::table(&Config::for_dataset(facts)),
    }
}

/// The method.
pub struct Tsdae {
    delete: f64,
    /// Its table of words is replaced by the encoder's.
    decoder: Bert,
    reads: Linear,
    head: TokenHead,
}

impl Tsdae {
    fn new(context: &BuildContext<TextBatch>) -> Result<Self> {
        let config: Config = context.overrides.apply("tsdae", &Config::for_dataset(&context.facts))?;
        config.validate()?;
        let packed = super::packed("tsdae", context.encoder, Sees::All)?;
        let (table, dim) = (packed.table().dims2()?, packed.part_dim());
        let heads = (1..=dim / 32).rev().find(|h| dim.is_multiple_of(*h)).unwrap_or(1);
        let places =
            context.student.named().into_iter().find(|(name, ..)| name.ends_with("position_embeddings.weight"));
        let most = places.and_then(|(_, var, _)| var.dim(0).ok()).unwrap_or(512);
        let scratch = BertConfig::scratch(table.0, most, config.layers, dim, heads);
        let decoder = BertConfig { causal: true, dropout: 0.0, ..scratch };
        Ok(Self {
            delete: config.delete,
            decoder: Bert::over(&context.heads.pp("decoder"), decoder, packed.table().clone())?,
            reads: Linear::new(&context.heads.pp("reads"), dim, dim)?,
            head: TokenHead::new(&context.heads.pp("predictions"), dim, table)?,
        })
    }

    /// The batch with most words left out, a pure function of the step and the texts' numbers.
    fn noisy(&self, batch: &TextBatch, step: &Step) -> Result<TextBatch> {
        let texts = batch.starts().into_iter().zip(&batch.lengths).enumerate();
        let left: Vec<Sample> = texts
            .map(|(text, (start, length))| {
                let rows = start as usize..start as usize + length;
                let tokens = Tokens {
                    ids: batch.ids[rows.clone()].to_vec(),
                    begins: batch.begins[rows].to_vec(),
                    dropout: batch.dropout.get(text).copied(),
                };
                let sample = step.samples.get(text).copied().unwrap_or(text) as u64;
                let key = Key::new(step.seed, Purpose::Mask).epoch(step.index).sample(sample).view(text as u32);
                let is_mark = |id| batch.marks.is(id);
                Sample::Tokens(augment::delete(&tokens, is_mark, self.delete as f32, &mut key.rng()))
            })
            .collect();
        TextBatch::of(&left, &batch.marks, &batch.device)
    }
}

impl Method<TextBatch> for Tsdae {
    fn name(&self) -> &'static str {
        "tsdae"
    }

    fn plan(&self) -> ViewPlan {
        ViewPlan::Views(vec![ViewKind::Weak])
    }

    fn loss(&mut self, encoder: &dyn Encoder<TextBatch>, views: &[TextBatch], step: &Step) -> Result<Loss> {
        let [batch] = super::views("tsdae", views)?;
        let packed = super::packed("tsdae", encoder, Sees::All)?;
        let features = encoder.features(&self.noisy(batch, step)?, Mode::Train)?;
        let told = gather_rows(&self.reads.forward(&features)?, &batch.owners())?; // (ΣT, D)
        let written = self.decoder.parts_beside(batch, &told)?;
        let (rows, next) = next_tokens(batch);
        let logits = self.head.forward(&gather_rows(&written, &rows)?, packed.table())?;
        let value = cross_entropy(&logits, &next, 0.0)?;
        Ok(Loss { value, features: features.detach(), second: None, metrics: Vec::new() })
    }
}
