//! What a Transformer of BERT's kind is made of.

use manabi_core::{Error, Result};
use serde::{Deserialize, Serialize};

/// Whose names and details.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// `BertModel`, MiniLM among them.
    Bert,
    /// `DistilBertModel`.
    Distilbert,
    /// `MPNetModel`.
    Mpnet,
}

/// How a text's tokens become its features.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pooling {
    /// Their mean.
    Mean,
    /// The first one's.
    Cls,
    /// Their mean; for evaluation beside the mean of what the first layer was given.
    FirstLast,
}

/// Sizes and details.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BertConfig {
    /// Whose names and details.
    pub family: Family,
    /// Tokens `V` of the vocabulary.
    pub tokens: usize,
    /// Width `D`.
    pub hidden: usize,
    /// Layers.
    pub layers: usize,
    /// Attention heads; divides `D`.
    pub heads: usize,
    /// Width of the perceptron's hidden layer.
    pub intermediate: usize,
    /// Rows of the table of places.
    pub positions: usize,
    /// Rows of the table of text numbers (0 where there is none).
    pub types: usize,
    /// Added to the variance in layer norms.
    pub eps: f64,
    /// Share of hidden values that is dropped where a view says so.
    pub dropout: f32,
    /// How a text's tokens become its features.
    pub pooling: Pooling,
    /// Evaluation sees features of length 1.
    pub normalize: bool,
    /// A token sees itself and those before it alone.
    pub causal: bool,
    /// Number of buckets of distances (MPNet), else 0.
    pub buckets: usize,
}

impl BertConfig {
    /// A new one: `layers` × `hidden` for texts of up to `most` tokens.
    pub fn scratch(tokens: usize, most: usize, layers: usize, hidden: usize, heads: usize) -> Self {
        Self {
            family: Family::Bert,
            tokens,
            hidden,
            layers,
            heads,
            intermediate: 4 * hidden,
            positions: most,
            types: 2,
            eps: 1e-12,
            dropout: 0.1,
            pooling: Pooling::FirstLast,
            normalize: false,
            causal: false,
            buckets: 0,
        }
    }

    /// An error that names what cannot be.
    pub fn validate(&self) -> Result<()> {
        let fail = |message: String| Err(Error::config(message));
        let Self { tokens, hidden, layers, heads, intermediate, positions, .. } = *self;
        if tokens == 0 || layers == 0 || intermediate == 0 || positions <= self.first_place() as usize {
            return fail(format!(
                "a Transformer of {tokens} tokens, {layers} layers, {intermediate} hidden units and {positions} places"
            ));
        }
        if heads == 0 || hidden == 0 || !hidden.is_multiple_of(heads) {
            return fail(format!("a width of {hidden} cannot be split into {heads} attention heads"));
        }
        if !(self.eps > 0.0 && (0.0..1.0).contains(&self.dropout)) {
            return fail(format!(
                "eps = {} must be above 0 and dropout = {} from 0 to below 1",
                self.eps, self.dropout
            ));
        }
        if (self.family == Family::Mpnet) != (self.buckets > 0) {
            return fail(format!("{} buckets of distances; MPNet has some, others have none", self.buckets));
        }
        Ok(())
    }

    /// The row of a text's first place: MPNet's come after the one for padding.
    pub fn first_place(&self) -> u32 {
        if self.family == Family::Mpnet { 2 } else { 0 }
    }

    /// Tokens of the longest text.
    pub fn longest(&self) -> usize {
        self.positions.saturating_sub(self.first_place() as usize)
    }

    /// Multiply-adds of one forward pass of a text of `length` tokens.
    pub fn cost(&self, length: usize) -> f64 {
        let (t, d) = (length as f64, self.hidden as f64);
        self.layers as f64 * (4.0 * t * d * d + 2.0 * t * d * self.intermediate as f64 + 2.0 * t * t * d)
    }
}
