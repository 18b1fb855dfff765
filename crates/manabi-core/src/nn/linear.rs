//! `y = x Wᵀ + b`, PyTorch's layout and default initialisation.

use candle_core::Tensor;
use manabi_kernels::{linear::linear_with, transformer::Affine};

use super::{Init, Params, Precision, Role};
use crate::{Error, Result};

/// A linear layer: `weight (O, I)`, `bias (O)`.
#[derive(Clone, Debug)]
pub struct Linear {
    weight: Tensor,
    bias: Option<Tensor>,
    precision: Precision,
}

impl Linear {
    /// `weight` and `bias` uniform in `± 1/sqrt(inputs)`, as PyTorch's.
    pub fn new(params: &Params, inputs: usize, outputs: usize) -> Result<Self> {
        let bound = 1.0 / (inputs.max(1) as f32).sqrt();
        Self::with_init(params, inputs, outputs, Init::FanIn, Some(Init::Uniform(bound)))
    }

    /// Without a bias (before a batch norm, or prototypes).
    pub fn without_bias(params: &Params, inputs: usize, outputs: usize) -> Result<Self> {
        Self::with_init(params, inputs, outputs, Init::FanIn, None)
    }

    /// With the initialisation of choice.
    pub fn with_init(params: &Params, inputs: usize, outputs: usize, weight: Init, bias: Option<Init>) -> Result<Self> {
        Ok(Self {
            weight: params.get("weight", (outputs, inputs), weight, Role::Weight)?,
            bias: bias.map(|init| params.get("bias", outputs, init, Role::NoDecay)).transpose()?,
            precision: params.compute().precision,
        })
    }

    /// As a part of a fused operation, which needs a bias.
    pub fn fused(&self) -> Result<Affine<'_>> {
        match &self.bias {
            Some(bias) => Ok(Affine { weight: &self.weight, bias, precision: self.precision }),
            None => Err(Error::config("a fused layer needs a bias".to_string())),
        }
    }

    /// # Shapes
    /// `(…, I)` → `(…, O)`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Ok(linear_with(x, &self.weight, self.bias.as_ref(), self.precision)?)
    }

    /// `(O, I)`.
    pub fn weight(&self) -> &Tensor {
        &self.weight
    }
}
