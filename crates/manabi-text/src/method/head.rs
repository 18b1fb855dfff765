//! The head that names tokens, BERT's: `logits = LN(GELU(W h)) · Eᵀ + b`, `E` the encoder's own table of tokens.
//!
//! Shapes: `(M, D)` → `(M, V)`. Cost: `M·(D² + D·V)` multiply-adds: it is asked for hidden tokens alone.

use candle_core::Tensor;
use manabi_core::{
    Result,
    nn::{Init, LayerNorm, Linear, Params, Role},
};
use manabi_kernels::{activation::gelu, linear::linear};

/// The head.
pub struct TokenHead {
    transform: Linear,
    norm: LayerNorm,
    bias: Tensor,
}

impl TokenHead {
    /// For features of width `inputs` and a table `(vocabulary, width)`.
    pub fn new(params: &Params, inputs: usize, table: (usize, usize)) -> Result<Self> {
        let (vocabulary, width) = table;
        let init = Init::TruncatedNormal(0.02);
        Ok(Self {
            transform: Linear::with_init(
                &params.pp("transform.dense"),
                inputs,
                width,
                init,
                Some(Init::Constant(0.0)),
            )?,
            norm: LayerNorm::new(&params.pp("transform.LayerNorm"), width)?,
            bias: params.get("bias", vocabulary, Init::Constant(0.0), Role::NoDecay)?,
        })
    }

    /// Scores of all tokens.
    pub fn forward(&self, x: &Tensor, table: &Tensor) -> Result<Tensor> {
        let hidden = self.norm.forward(&gelu(&self.transform.forward(x)?)?)?;
        Ok(linear(&hidden, table, Some(&self.bias))?)
    }
}
