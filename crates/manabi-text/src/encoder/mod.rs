//! Encoders by name. All take packed batches of token numbers, whatever their lengths.

use manabi_core::{Result, encoder::Encoder, nn::Params};

mod bert;
mod mean;

pub use bert::{Bert, BertConfig, Family, Pooling, hub, weights};
pub use mean::{StaticConfig, StaticEmbedding, weights as token_weights};

use crate::batch::TextBatch;

/// Names that can be asked for; `pretrained` is what `init_from` holds.
pub const NAMES: &[&str] =
    &["static", "bert-mini", "bert-small", "bert-medium", "bert-base", "causal-mini", "causal-small", "pretrained"];

/// What an encoder is made of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    /// A Transformer.
    Bert(BertConfig),
    /// A table of vectors.
    Static(StaticConfig),
}

impl Shape {
    /// The shape of that name for a vocabulary of `size` tokens and texts of up to `most`; `None` for `pretrained`.
    pub fn named(name: &str, size: usize, most: usize) -> Option<Self> {
        let bert = |layers, hidden, heads| Some(BertConfig::scratch(size, most, layers, hidden, heads));
        let causal = |config| BertConfig { causal: true, ..config };
        let config = match name {
            "static" => return Some(Self::Static(StaticConfig { tokens: size, dim: 256 })),
            "bert-mini" => bert(4, 256, 4),
            "bert-small" => bert(4, 512, 8),
            "bert-medium" => bert(8, 512, 8),
            "bert-base" => bert(12, 768, 12),
            "causal-mini" => bert(4, 256, 4).map(causal),
            "causal-small" => bert(4, 512, 8).map(causal),
            _ => None,
        };
        config.map(Self::Bert)
    }

    /// Builds the encoder below `params`; a new static one weighs tokens by `weights`.
    pub fn build(&self, params: &Params, weights: &[f32]) -> Result<Box<dyn Encoder<TextBatch>>> {
        Ok(match self {
            Self::Bert(config) => Box::new(Bert::new(params, *config)?),
            Self::Static(config) => Box::new(StaticEmbedding::new(params, *config, weights)?),
        })
    }

    /// Multiply-adds of one forward pass of a text of `length` tokens.
    pub fn cost(&self, length: usize) -> f64 {
        match self {
            Self::Bert(config) => config.cost(length),
            Self::Static(config) => (config.dim * length) as f64,
        }
    }
}

#[cfg(test)]
mod tests;
