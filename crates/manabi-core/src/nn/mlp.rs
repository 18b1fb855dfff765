//! The MLP head of projectors and predictors: `[Linear → BatchNorm → ReLU] × (L − 1) → Linear [→ BatchNorm]`.
//!
//! Names are those of a PyTorch `Sequential` without gaps: `0.weight`, `0.bn.weight`, `1.weight`, …

use candle_core::Tensor;

use super::{BatchNorm, Linear, Params};
use crate::{Result, encoder::Mode};

/// Widths and norms of an [`Mlp`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MlpConfig {
    /// Input, hidden …, output: at least two.
    pub widths: Vec<usize>,
    /// A batch norm after the last layer too (SimCLR v2, Barlow Twins).
    pub last_norm: bool,
}

/// The head.
#[derive(Debug)]
pub struct Mlp {
    layers: Vec<(Linear, Option<BatchNorm>)>,
}

impl Mlp {
    /// Builds the head below `params`.
    pub fn new(params: &Params, config: &MlpConfig) -> Result<Self> {
        let count = config.widths.len().saturating_sub(1);
        let layers = (0..count)
            .map(|i| {
                let (params, last) = (params.pp(i), i + 1 == count);
                let (inputs, outputs) = (config.widths[i], config.widths[i + 1]);
                // A bias before a batch norm is dead weight: the norm subtracts it, and its gradient is zero.
                Ok(match (last, config.last_norm) {
                    (false, _) => (
                        Linear::without_bias(&params, inputs, outputs)?,
                        Some(BatchNorm::relu(&params.pp("bn"), outputs)?),
                    ),
                    (true, true) => (
                        Linear::without_bias(&params, inputs, outputs)?,
                        Some(BatchNorm::new(&params.pp("bn"), outputs)?),
                    ),
                    (true, false) => (Linear::new(&params, inputs, outputs)?, None),
                })
            })
            .collect::<Result<_>>()?;
        Ok(Self { layers })
    }

    /// # Shapes
    /// `(N, widths[0])` → `(N, widths[last])`.
    pub fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let mut x = x.clone();
        for (linear, norm) in &self.layers {
            x = linear.forward(&x)?;
            if let Some(norm) = norm {
                x = norm.forward(&x, mode)?;
            }
        }
        Ok(x)
    }
}
