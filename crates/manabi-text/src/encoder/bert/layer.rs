//! One layer, post-norm.

use candle_core::Tensor;
use manabi_core::{
    Result,
    nn::{Init, Params, Precision, Role},
};
use manabi_kernels::{
    activation::gelu,
    attention::{attention_packed, attention_packed_causal},
    linear::linear_with,
};

use super::{BertConfig, Family, Norm, STD, dropout::Dropout, relative::RelativeBias};
use crate::batch::TextBatch;

/// Weight and bias.
struct Affine {
    weight: Tensor,
    bias: Tensor,
}

impl Affine {
    fn new(params: &Params, inputs: usize, outputs: usize) -> Result<Self> {
        Ok(Self {
            weight: params.get("weight", (outputs, inputs), STD, Role::Weight)?,
            bias: params.get("bias", outputs, Init::Constant(0.0), Role::NoDecay)?,
        })
    }
}

/// Where a family keeps the parts of a layer.
struct Names {
    layer: &'static str,
    query: &'static str,
    key: &'static str,
    value: &'static str,
    out: &'static str,
    attention_norm: &'static str,
    first: &'static str,
    second: &'static str,
    output_norm: &'static str,
}

impl Names {
    fn of(family: Family) -> Self {
        match family {
            Family::Bert => Self {
                layer: "encoder.layer",
                query: "attention.self.query",
                key: "attention.self.key",
                value: "attention.self.value",
                out: "attention.output.dense",
                attention_norm: "attention.output.LayerNorm",
                first: "intermediate.dense",
                second: "output.dense",
                output_norm: "output.LayerNorm",
            },
            Family::Distilbert => Self {
                layer: "transformer.layer",
                query: "attention.q_lin",
                key: "attention.k_lin",
                value: "attention.v_lin",
                out: "attention.out_lin",
                attention_norm: "sa_layer_norm",
                first: "ffn.lin1",
                second: "ffn.lin2",
                output_norm: "output_layer_norm",
            },
            Family::Mpnet => Self {
                layer: "encoder.layer",
                query: "attention.attn.q",
                key: "attention.attn.k",
                value: "attention.attn.v",
                out: "attention.attn.o",
                attention_norm: "attention.LayerNorm",
                first: "intermediate.dense",
                second: "output.dense",
                output_norm: "output.LayerNorm",
            },
        }
    }
}

/// The layer.
pub(super) struct Layer {
    /// Queries, keys, values.
    inputs: [Affine; 3],
    out: Affine,
    attention_norm: Norm,
    first: Affine,
    second: Affine,
    output_norm: Norm,
    heads: usize,
    causal: bool,
    precision: Precision,
}

impl Layer {
    /// Layer `number` below the encoder's `params`.
    pub fn new(params: &Params, config: &BertConfig, number: usize) -> Result<Self> {
        let names = Names::of(config.family);
        let p = params.pp(names.layer).pp(number);
        let (d, hidden) = (config.hidden, config.intermediate);
        Ok(Self {
            inputs: [
                Affine::new(&p.pp(names.query), d, d)?,
                Affine::new(&p.pp(names.key), d, d)?,
                Affine::new(&p.pp(names.value), d, d)?,
            ],
            out: Affine::new(&p.pp(names.out), d, d)?,
            attention_norm: Norm::new(&p.pp(names.attention_norm), config)?,
            first: Affine::new(&p.pp(names.first), d, hidden)?,
            second: Affine::new(&p.pp(names.second), hidden, d)?,
            output_norm: Norm::new(&p.pp(names.output_norm), config)?,
            heads: config.heads,
            causal: config.causal,
            precision: params.compute().precision,
        })
    }

    fn linear(&self, x: &Tensor, affine: &Affine) -> Result<Tensor> {
        Ok(linear_with(x, &affine.weight, Some(&affine.bias), self.precision)?)
    }

    /// `x (ΣT, D)` → the same; dropout counts its layers from `number` on.
    pub fn forward(
        &self,
        x: &Tensor,
        batch: &TextBatch,
        relative: Option<&RelativeBias>,
        dropout: &Dropout<'_>,
        number: u64,
    ) -> Result<Tensor> {
        // One product for all three: the rows of x are read once.
        let [q, k, v] = &self.inputs;
        let weight = Tensor::cat(&[&q.weight, &k.weight, &v.weight], 0)?;
        let bias = Tensor::cat(&[&q.bias, &k.bias, &v.bias], 0)?;
        let qkv = linear_with(x, &weight, Some(&bias), self.precision)?; // (ΣT, 3·D)
        let seen = match relative {
            Some(relative) => relative.attention(&qkv, self.heads, &batch.lengths)?,
            None if self.causal => attention_packed_causal(&qkv, self.heads, &batch.lengths)?,
            None => attention_packed(&qkv, self.heads, &batch.lengths)?,
        };
        let seen = dropout.apply(self.linear(&seen, &self.out)?, number)?;
        let x = self.attention_norm.forward(&(x + seen)?)?;
        let hidden = gelu(&self.linear(&x, &self.first)?)?;
        let hidden = dropout.apply(self.linear(&hidden, &self.second)?, number + 1)?;
        self.output_norm.forward(&(x + hidden)?)
    }
}
