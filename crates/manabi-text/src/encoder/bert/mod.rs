//! Transformer encoders in BERT's layout: Devlin et al., arXiv:1810.04805, with the names and order of operations of
//! Hugging Face's `BertModel`, `DistilBertModel` (arXiv:1910.01108) and `MPNetModel` (arXiv:2004.09297).
//!
//! `x = LN(W[token] + P[place] (+ S[0]))`; a layer is `x ← LN(x + Attention(x))`, `x ← LN(x + W₂ GELU(W₁ x))`. Features
//! are the mean over a text's tokens, or its first one's. MPNet adds to the scores of attention a number for the
//! distance of two tokens.
//!
//! Texts lie one after the other, without padding ([`TextBatch`]): what is not written is not computed. Dropout is that of
//! the hidden layers; its numbers come with the batch, so that a view drops what its key says. The attention's weights
//! are not dropped.
//!
//! Shapes: `ΣT` token numbers → `(ΣT, D)` → `(N, D)`. Cost: `layers·(12·T·D² + 2·T²·D)` multiply-adds a text.

mod config;
mod dropout;
pub mod hub;
mod layer;
mod relative;
pub mod weights;

use candle_core::Tensor;
use manabi_core::{
    Error, Result,
    encoder::{Encoder, Mode, PackedEncoder, Sees},
    nn::{Init, Params, Role},
};
use manabi_kernels::{
    index::{embedding, gather_rows, segment_mean},
    norm::{l2_normalize, layer_norm},
};

pub use config::{BertConfig, Family, Pooling};

use self::{dropout::Dropout, layer::Layer, relative::RelativeBias};
use crate::batch::TextBatch;

/// Scale and shift of a layer norm.
struct Norm {
    gamma: Tensor,
    beta: Tensor,
    eps: f64,
}

impl Norm {
    fn new(params: &Params, config: &BertConfig) -> Result<Self> {
        Ok(Self {
            gamma: params.get("weight", config.hidden, Init::Constant(1.0), Role::NoDecay)?,
            beta: params.get("bias", config.hidden, Init::Constant(0.0), Role::NoDecay)?,
            eps: config.eps,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Ok(layer_norm(x, &self.gamma, &self.beta, self.eps)?)
    }
}

/// The encoder.
pub struct Bert {
    words: Tensor,
    places: Tensor,
    types: Option<Tensor>,
    norm: Norm,
    relative: Option<RelativeBias>,
    layers: Vec<Layer>,
    config: BertConfig,
}

/// BERT's start.
const STD: Init = Init::TruncatedNormal(0.02);

impl Bert {
    /// Builds it below `params`.
    ///
    /// # Errors
    /// If the sizes are impossible.
    pub fn new(params: &Params, config: BertConfig) -> Result<Self> {
        config.validate()?;
        let shape = (config.tokens, config.hidden);
        let words = params.pp("embeddings").get("word_embeddings.weight", shape, STD, Role::Weight)?;
        Self::over(params, config, words)
    }

    /// Builds it below `params` over a table of words `(V, D)` that another one has.
    ///
    /// # Errors
    /// If the sizes are impossible.
    pub fn over(params: &Params, config: BertConfig, words: Tensor) -> Result<Self> {
        config.validate()?;
        if words.dims() != [config.tokens, config.hidden] {
            let (rows, width) = (config.tokens, config.hidden);
            return Err(Error::config(format!("a table of words {:?} instead of ({rows}, {width})", words.dims())));
        }
        let p = params.pp("embeddings");
        let table =
            |name: &str, rows: usize| p.get(&format!("{name}.weight"), (rows, config.hidden), STD, Role::Weight);
        Ok(Self {
            words,
            places: table("position_embeddings", config.positions)?,
            types: (config.types > 0).then(|| table("token_type_embeddings", config.types)).transpose()?,
            norm: Norm::new(&p.pp("LayerNorm"), &config)?,
            relative: RelativeBias::of(params, &config)?,
            layers: (0..config.layers).map(|i| Layer::new(params, &config, i)).collect::<Result<_>>()?,
            config,
        })
    }

    /// What it is made of.
    pub fn config(&self) -> &BertConfig {
        &self.config
    }

    fn embed(&self, batch: &TextBatch, dropout: &Dropout<'_>) -> Result<Tensor> {
        let most = self.config.longest();
        if let Some(long) = batch.lengths.iter().find(|length| **length > most) {
            return Err(Error::config(format!("this encoder was built for texts of up to {most} tokens, not {long}")));
        }
        let places = embedding(&self.places, &batch.places(self.config.first_place()))?;
        let mut x = (embedding(&self.words, &batch.ids)? + places)?;
        if let Some(types) = &self.types {
            x = x.broadcast_add(&types.narrow(0, 0, 1)?)?;
        }
        dropout.apply(self.norm.forward(&x)?, 0)
    }

    /// Features of all tokens `(ΣT, D)`, to each of which a row of `beside (ΣT, D)` was added before the first layer.
    pub fn parts_beside(&self, batch: &TextBatch, beside: &Tensor) -> Result<Tensor> {
        let dropout = Dropout::of(batch, self.config.dropout, Mode::Train);
        self.layers_over((self.embed(batch, &dropout)? + beside)?, batch, &dropout)
    }

    /// Token features after the embeddings and after the last layer, `(ΣT, D)` each.
    fn run(&self, batch: &TextBatch, mode: Mode) -> Result<(Tensor, Tensor)> {
        let dropout = Dropout::of(batch, self.config.dropout, mode);
        let first = self.embed(batch, &dropout)?;
        let last = self.layers_over(first.clone(), batch, &dropout)?;
        Ok((first, last))
    }

    fn layers_over(&self, mut x: Tensor, batch: &TextBatch, dropout: &Dropout<'_>) -> Result<Tensor> {
        for (number, layer) in self.layers.iter().enumerate() {
            x = layer.forward(&x, batch, self.relative.as_ref(), dropout, 2 * number as u64 + 1)?;
        }
        Ok(x)
    }

    fn pool(&self, x: &Tensor, batch: &TextBatch) -> Result<Tensor> {
        Ok(match self.config.pooling {
            Pooling::Cls => gather_rows(x, &batch.starts())?,
            Pooling::Mean | Pooling::FirstLast => segment_mean(x, &batch.owners(), batch.len())?,
        })
    }
}

impl Encoder<TextBatch> for Bert {
    fn features(&self, batch: &TextBatch, mode: Mode) -> Result<Tensor> {
        self.pool(&self.run(batch, mode)?.1, batch)
    }

    fn dim(&self) -> usize {
        self.config.hidden
    }

    /// What was read from a model of others is pooled as its makers do. From scratch the mean of the first layer stands
    /// beside that of the last: words themselves are what a little training is surest of.
    fn readout(&self, batch: &TextBatch, mode: Mode) -> Result<Tensor> {
        let (first, last) = self.run(batch, mode)?;
        let pooled = self.pool(&last, batch)?;
        let pooled = match self.config.pooling {
            Pooling::FirstLast => Tensor::cat(&[self.pool(&first, batch)?, pooled], 1)?,
            _ => pooled,
        };
        Ok(if self.config.normalize { l2_normalize(&pooled, 1e-12)? } else { pooled })
    }

    fn readout_dim(&self) -> usize {
        if self.config.pooling == Pooling::FirstLast { 2 * self.config.hidden } else { self.config.hidden }
    }

    fn packed(&self) -> Option<&dyn PackedEncoder<TextBatch>> {
        Some(self)
    }
}

impl PackedEncoder<TextBatch> for Bert {
    fn part_dim(&self) -> usize {
        self.config.hidden
    }

    fn parts(&self, batch: &TextBatch, mode: Mode) -> Result<Tensor> {
        Ok(self.run(batch, mode)?.1)
    }

    fn table(&self) -> &Tensor {
        &self.words
    }

    fn sees(&self) -> Sees {
        if self.config.causal { Sees::Before } else { Sees::All }
    }
}

#[cfg(test)]
mod tests;
