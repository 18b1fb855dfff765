//! Static embeddings: a vector for each token of the vocabulary, whatever stands around it, and a text is their weighted
//! mean. What word2vec (Mikolov et al., arXiv:1310.4546) and fastText (Bojanowski et al., arXiv:1607.04606) make of
//! text, with the pieces of words as tokens instead of hashed n-grams.
//!
//! `f = Σ_t w(t)·E[t] / Σ_t w(t)`, with `w(t) = a / (a + p(t))`, `a = 10⁻³` (SIF, Arora et al., ICLR 2017): common words
//! say little. Marks are not counted; a text of nothing else is zero.
//!
//! Shapes: `ΣT` token numbers → `(N, D)`, `D = 256`. Cost: `ΣT·D`; `V·D` parameters.

use candle_core::{Device, Tensor, Var};
use manabi_core::{
    Error, Result,
    encoder::{Encoder, Mode, PackedEncoder, Sees},
    nn::{Init, Params, Role},
};
use manabi_kernels::index::{embedding, embedding_bag};

use crate::batch::TextBatch;

/// `a`.
const SMOOTH: f64 = 1e-3;
/// Name of the buffer of weights.
const WEIGHTS: &str = "token_weights";

/// What the table is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StaticConfig {
    /// Tokens `V`.
    pub tokens: usize,
    /// Width `D`.
    pub dim: usize,
}

/// The encoder.
pub struct StaticEmbedding {
    table: Tensor,
    /// `w`, 0 for marks.
    weights: Var,
    config: StaticConfig,
}

/// `w` of tokens that were counted so often, 0 for `marks`.
pub fn weights(counts: &[u64], marks: &[u32]) -> Vec<f32> {
    let total = counts.iter().sum::<u64>().max(1) as f64;
    let mut weights: Vec<f32> = counts.iter().map(|n| (SMOOTH / (SMOOTH + *n as f64 / total)) as f32).collect();
    for mark in marks {
        if let Some(weight) = weights.get_mut(*mark as usize) {
            *weight = 0.0;
        }
    }
    weights
}

impl StaticEmbedding {
    /// Builds it below `params`; a new one weighs tokens by `start`.
    ///
    /// # Errors
    /// If there are not as many weights as tokens.
    pub fn new(params: &Params, config: StaticConfig, start: &[f32]) -> Result<Self> {
        if config.tokens == 0 || config.dim == 0 || start.len() != config.tokens {
            let (tokens, dim) = (config.tokens, config.dim);
            return Err(Error::config(format!(
                "a table of {tokens} tokens and {dim} columns, {} weights",
                start.len()
            )));
        }
        // word2vec's start, ± 1 / 2D.
        let init = Init::Uniform(0.5 / config.dim as f32);
        let table = params.get("embeddings.weight", (config.tokens, config.dim), init, Role::NoDecay)?;
        let start = Tensor::from_slice(start, config.tokens, params.device())?;
        let params = params.starting_from(&[(WEIGHTS.to_string(), start)].into());
        let weights = params.var(WEIGHTS, config.tokens, Init::Constant(1.0), Role::Buffer)?;
        Ok(Self { table, weights, config })
    }
}

impl Encoder<TextBatch> for StaticEmbedding {
    fn features(&self, batch: &TextBatch, _mode: Mode) -> Result<Tensor> {
        let all = self.weights.as_tensor().to_device(&Device::Cpu)?.to_vec1::<f32>()?;
        let mut shares: Vec<f32> = Vec::with_capacity(batch.ids.len());
        let mut next = 0;
        for length in &batch.lengths {
            let of = batch.ids.get(next..next + length).unwrap_or_default();
            next += length;
            let weight = |id: &u32| all.get(*id as usize).copied().unwrap_or(0.0);
            let total: f32 = of.iter().map(weight).sum();
            shares.extend(of.iter().map(|id| if total > 0.0 { weight(id) / total } else { 0.0 }));
        }
        Ok(embedding_bag(&self.table, &batch.ids, &shares, &batch.lengths)?)
    }

    fn dim(&self) -> usize {
        self.config.dim
    }

    fn packed(&self) -> Option<&dyn PackedEncoder<TextBatch>> {
        Some(self)
    }
}

impl PackedEncoder<TextBatch> for StaticEmbedding {
    fn part_dim(&self) -> usize {
        self.config.dim
    }

    fn parts(&self, batch: &TextBatch, _mode: Mode) -> Result<Tensor> {
        Ok(embedding(&self.table, &batch.ids)?)
    }

    fn table(&self) -> &Tensor {
        &self.table
    }

    fn sees(&self) -> Sees {
        Sees::Nothing
    }
}
