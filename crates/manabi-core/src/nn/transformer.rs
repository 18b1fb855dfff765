//! Pre-norm Transformer blocks with timm's names (`blocks.0.norm1`, `attn.qkv`, `attn.proj`, `mlp.fc1`, `mlp.fc2`).
//!
//! `x ← x + Attention(LN(x))`, `x ← x + W₂ GELU(W₁ LN(x))`.
//! Cost of a block: `12·T·D² + 2·T²·D` multiply-adds a sample.

use candle_core::Tensor;
use manabi_kernels::transformer::{AttentionBranch, MlpBranch, add_attention, add_mlp};

use super::{Init, LayerNorm, Linear, Params, recompute::recompute};
use crate::{Error, Result, encoder::Mode};

/// Depth, width and heads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransformerConfig {
    /// Blocks.
    pub depth: usize,
    /// Width `D`.
    pub dim: usize,
    /// Attention heads; divides `D`.
    pub heads: usize,
}

#[derive(Clone)]
struct Block {
    norms: [LayerNorm; 2],
    qkv: Linear,
    proj: Linear,
    fc1: Linear,
    fc2: Linear,
}

impl Block {
    fn forward(&self, x: &Tensor, heads: usize, keep: Option<&Tensor>) -> Result<Tensor> {
        let [norm1, norm2] = [&self.norms[0], &self.norms[1]].map(LayerNorm::fused);
        let (qkv, out) = (self.qkv.fused()?, self.proj.fused()?);
        let x = add_attention(x, &AttentionBranch { norm: norm1, qkv, out, heads, keep })?;
        Ok(add_mlp(&x, &MlpBranch { norm: norm2, first: self.fc1.fused()?, second: self.fc2.fused()? })?)
    }
}

/// A stack of blocks and a last layer norm (`norm`).
pub struct Transformer {
    blocks: Vec<Block>,
    norm: LayerNorm,
    heads: usize,
    recompute: bool,
}

impl Transformer {
    /// Builds the stack below `params`.
    pub fn new(params: &Params, config: &TransformerConfig) -> Result<Self> {
        let TransformerConfig { depth, dim, heads } = *config;
        if heads == 0 || dim % heads != 0 {
            return Err(Error::config(format!("a width of {dim} cannot be split into {heads} attention heads")));
        }
        let linear = |params: Params, i, o| Linear::with_init(&params, i, o, Init::Xavier, Some(Init::Constant(0.0)));
        let blocks = (0..depth)
            .map(|i| {
                let p = params.pp("blocks").pp(i);
                Ok(Block {
                    norms: [LayerNorm::new(&p.pp("norm1"), dim)?, LayerNorm::new(&p.pp("norm2"), dim)?],
                    qkv: linear(p.pp("attn.qkv"), dim, 3 * dim)?,
                    proj: linear(p.pp("attn.proj"), dim, dim)?,
                    fc1: linear(p.pp("mlp.fc1"), dim, 4 * dim)?,
                    fc2: linear(p.pp("mlp.fc2"), 4 * dim, dim)?,
                })
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            blocks,
            norm: LayerNorm::new(&params.pp("norm"), dim)?,
            heads,
            recompute: params.compute().recompute,
        })
    }

    /// `keep (N, T)`: 1 for tokens, 0 for padding.
    ///
    /// # Shapes
    /// `(N, T, D)` → the same.
    pub fn forward(&self, x: &Tensor, keep: Option<&Tensor>) -> Result<Tensor> {
        let mut x = x.clone();
        for block in &self.blocks {
            let (block, heads, keep) = (block.clone(), self.heads, keep.cloned());
            x = recompute(self.recompute, &x, Mode::Train, move |x, _| block.forward(x, heads, keep.as_ref()))?;
        }
        self.norm.forward(&x)
    }
}
