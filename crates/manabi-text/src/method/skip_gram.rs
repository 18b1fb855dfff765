//! Skip-gram with negative sampling: Mikolov et al., *Distributed Representations of Words and Phrases*, arXiv:1310.4546.
//!
//! A word's vector must tell the words around it from words drawn at random:
//! `ℓ = −ln σ(v_w · u_c) − k · E_n ln σ(−v_w · u_n)` for each word `w` and each neighbour `c` of it; `u` is a second table,
//! for words as neighbours, that is dropped in the end. Negatives are drawn once for the whole batch and shared by its
//! words, so that their scores are one product of matrices.
//!
//! Shapes: pairs `(P)`, vectors `(P, D)`, negatives `(K)`. Cost: `P·D + W·K·D` multiply-adds for `W` words.
//!
//! Defaults: word2vec's and fastText's window of 5, shrunk at random for each word, 5 negatives a pair, drawn by
//! frequency to the power ¾, common words left out with probability `1 − √(t/f)`; `t = 10⁻³`, as corpora here are small.

use std::collections::BTreeMap;

use candle_core::Tensor;
use manabi_core::{
    Error, Result,
    encoder::{Encoder, Mode, Sees},
    method::{BuildContext, DatasetFacts, Family, Loss, Method, MethodEntry, Step, TrainDefaults, ViewPlan},
    modality::ViewKind,
    nn::{Init, Role},
    optim::OptimizerConfig,
    rng::{Key, Purpose, Rng},
};
use manabi_kernels::{
    index::{embedding, gather_rows, pair_dots},
    linear::linear,
    loss::softplus_sum,
};
use serde::{Deserialize, Serialize};

use crate::batch::TextBatch;

/// Negatives that a batch's words share.
const SHARED: usize = 256;

/// Settings of skip-gram.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Neighbours up to so many words away.
    pub window: usize,
    /// Weight of negatives: as many as there would be for each pair.
    pub negatives: f64,
    /// Words more frequent than this are left out now and then; 0 keeps all.
    pub subsample: f64,
}

impl Config {
    /// Defaults for such a dataset.
    pub fn for_dataset(_facts: &DatasetFacts) -> Self {
        Self { window: 5, negatives: 5.0, subsample: 1e-3 }
    }

    /// Says what cannot work.
    pub fn validate(&self) -> Result<()> {
        let Self { window, negatives, subsample } = *self;
        let sound = negatives > 0.0 && subsample >= 0.0;
        if !sound || !(1..=64).contains(&window) {
            return Err(Error::config(format!(
                "skip-gram needs a window of 1 to 64 ({window}), negatives above 0 ({negatives}) and a subsample of 0 or \
                 more ({subsample})"
            )));
        }
        Ok(())
    }
}

/// The list's entry.
pub fn entry() -> MethodEntry<TextBatch> {
    MethodEntry {
        name: "skip-gram",
        aliases: &["word2vec", "fasttext"],
        family: Family::Masked,
        paper: "Mikolov et al. 2013, arXiv:1310.4546",
        summary: "a word's vector tells its neighbours from random words (static embeddings)",
        build: |context| Ok(Box::new(SkipGram::new(context)?)),
        defaults: |facts| {
            let optimizer = OptimizerConfig::Adamw { lr: 1e-2, beta1: 0.9, beta2: 0.98, eps: 1e-8, weight_decay: 0.0 };
            // Some fifty steps an epoch, also of few texts: fewer steps leave the table where it began.
            let batch = (facts.samples / 48).clamp(32, 256).min(facts.samples);
            TrainDefaults { optimizer, batch, warmup: 0.02, clip: 0.0 }
        },
        settings: |facts| super::table(&Config::for_dataset(facts)),
    }
}

/// The method.
pub struct SkipGram {
    config: Config,
    neighbours: Tensor,
    /// How often each token has been seen.
    counts: Vec<f64>,
    total: f64,
}

/// Words and neighbours, as rows of the batch's tokens.
struct Pairs {
    words: Vec<u32>,
    neighbours: Vec<u32>,
    /// Rows of the words that have a neighbour, and how many.
    centres: BTreeMap<u32, f32>,
}

impl SkipGram {
    fn new(context: &BuildContext<TextBatch>) -> Result<Self> {
        let config: Config = context.overrides.apply("skip-gram", &Config::for_dataset(&context.facts))?;
        config.validate()?;
        let packed = super::packed("skip-gram", context.encoder, Sees::Nothing)?;
        let shape = packed.table().dims2()?;
        let neighbours = context.heads.get("neighbours.weight", shape, Init::Constant(0.0), Role::NoDecay)?;
        Ok(Self { config, neighbours, counts: vec![0.0; shape.0], total: 0.0 })
    }

    /// Counts the tokens of a batch.
    fn count(&mut self, batch: &TextBatch) {
        for id in batch.ids.iter().filter(|id| !batch.marks.is(**id)) {
            if let Some(count) = self.counts.get_mut(*id as usize) {
                *count += 1.0;
                self.total += 1.0;
            }
        }
    }

    fn pairs(&self, batch: &TextBatch, rng: &mut Rng) -> Pairs {
        let mut pairs = Pairs { words: Vec::new(), neighbours: Vec::new(), centres: BTreeMap::new() };
        for (start, length) in batch.starts().into_iter().zip(&batch.lengths) {
            let kept: Vec<u32> = (start..start + *length as u32)
                .filter(|row| {
                    let id = batch.ids[*row as usize];
                    if batch.marks.is(id) {
                        return false;
                    }
                    let share = self.counts.get(id as usize).copied().unwrap_or(0.0) / self.total.max(1.0);
                    let keep = (self.config.subsample / share.max(1e-12)).sqrt();
                    self.config.subsample <= 0.0 || keep >= 1.0 || f64::from(rng.uniform()) < keep
                })
                .collect();
            for (at, word) in kept.iter().enumerate() {
                let reach = 1 + rng.below(self.config.window);
                let around = at.saturating_sub(reach)..(at + reach + 1).min(kept.len());
                for neighbour in around.filter(|other| *other != at) {
                    pairs.words.push(*word);
                    pairs.neighbours.push(kept[neighbour]);
                    *pairs.centres.entry(*word).or_default() += 1.0;
                }
            }
        }
        pairs
    }

    /// Tokens drawn by their frequency to the power ¾.
    fn negatives(&self, rng: &mut Rng) -> Vec<u32> {
        let mut sums = Vec::with_capacity(self.counts.len());
        let mut total = 0.0;
        for count in &self.counts {
            total += count.powf(0.75);
            sums.push(total);
        }
        let draw = |rng: &mut Rng| {
            let at = f64::from(rng.uniform()) * total;
            sums.partition_point(|sum| *sum <= at).min(sums.len().saturating_sub(1)) as u32
        };
        (0..SHARED).map(|_| draw(rng)).collect()
    }
}

impl Method<TextBatch> for SkipGram {
    fn name(&self) -> &'static str {
        "skip-gram"
    }

    fn plan(&self) -> ViewPlan {
        ViewPlan::Views(vec![ViewKind::Weak])
    }

    fn loss(&mut self, encoder: &dyn Encoder<TextBatch>, views: &[TextBatch], step: &Step) -> Result<Loss> {
        let [batch] = super::views("skip-gram", views)?;
        let packed = super::packed("skip-gram", encoder, Sees::Nothing)?;
        self.count(batch);
        let mut rng = Key::new(step.seed, Purpose::Method).epoch(step.index).rng();
        let pairs = self.pairs(batch, &mut rng);
        if pairs.words.is_empty() {
            return Err(Error::data("no text of this batch has two words beside each other"));
        }
        let count = pairs.words.len() as f64;
        // Rows of the batch, not of pairs: a word has several neighbours. (ΣT, D)
        let (words, around) = (embedding(packed.table(), &batch.ids)?, embedding(&self.neighbours, &batch.ids)?);
        let products = pair_dots(&words, &around, &pairs.words, &pairs.neighbours)?; // (P)
        let near = softplus_sum(&products.unsqueeze(0)?, &[1.0], true)?;
        let centres: Vec<u32> = pairs.centres.keys().copied().collect();
        let weights: Vec<f32> = pairs.centres.values().copied().collect();
        let centres = gather_rows(&words, &centres)?; // (W, D)
        let random = embedding(&self.neighbours, &self.negatives(&mut rng))?; // (K, D)
        let far = softplus_sum(&linear(&centres, &random, None)?, &weights, false)?;
        let far = far.affine(self.config.negatives / SHARED as f64, 0.0)?;
        let value = (near + far)?.affine(1.0 / count, 0.0)?;
        let features = encoder.features(batch, Mode::Train)?.detach();
        Ok(Loss { value, features, second: None, metrics: Vec::new() })
    }

    fn state(&self) -> BTreeMap<String, Tensor> {
        // Beyond 2²⁴ a float no longer counts by one, and the share is known well enough.
        let counts = self.counts.iter().map(|c| *c as f32).collect::<Vec<_>>();
        let length = counts.len();
        Tensor::from_vec(counts, length, &candle_core::Device::Cpu)
            .map(|t| ("counts".to_string(), t))
            .into_iter()
            .collect()
    }

    fn load_state(&mut self, state: &BTreeMap<String, Tensor>) -> Result<()> {
        let Some(counts) = state.get("counts") else { return Ok(()) };
        let counts = counts.to_vec1::<f32>()?;
        if counts.len() != self.counts.len() {
            return Err(Error::config(format!("{} counts for {} tokens", counts.len(), self.counts.len())));
        }
        self.counts = counts.into_iter().map(f64::from).collect();
        self.total = self.counts.iter().sum();
        Ok(())
    }
}
