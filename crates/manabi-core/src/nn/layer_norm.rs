//! Layer normalisation, Ba et al., arXiv:1607.06450, with a gradient (candle's fused one has none).

use candle_core::Tensor;
use manabi_kernels::{norm::layer_norm, transformer::Norm};

use super::{Init, Params, Role};
use crate::Result;

/// ViT's.
const EPS: f64 = 1e-6;

/// Normalises the last dimension.
#[derive(Clone, Debug)]
pub struct LayerNorm {
    gamma: Tensor,
    beta: Tensor,
}

impl LayerNorm {
    /// Scale one, shift zero, ε 1e-6 (ViT).
    pub fn new(params: &Params, dim: usize) -> Result<Self> {
        Ok(Self {
            gamma: params.get("weight", dim, Init::Constant(1.0), Role::NoDecay)?,
            beta: params.get("bias", dim, Init::Constant(0.0), Role::NoDecay)?,
        })
    }

    /// # Shapes
    /// `(…, D)` → the same.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Ok(layer_norm(x, &self.gamma, &self.beta, EPS)?)
    }

    /// As a part of a fused operation.
    pub fn fused(&self) -> Norm<'_> {
        Norm { gamma: &self.gamma, beta: &self.beta, eps: EPS }
    }
}
