//! 2-D convolution without bias (a norm follows), PyTorch's layout.

use candle_core::Tensor;
use manabi_kernels::conv::{Conv2dParams, conv2d};

use super::{Init, Params, Role};
use crate::Result;

/// A square convolution: `weight (O, I, K, K)`, padding `K / 2` unless it is a patch embedding.
#[derive(Debug)]
pub struct Conv2d {
    weight: Tensor,
    bias: Option<Tensor>,
    shape: Conv2dParams,
}

fn defaults(params: &Params) -> Conv2dParams {
    Conv2dParams { precision: params.compute().precision, ..Conv2dParams::default() }
}

impl Conv2d {
    /// He initialisation (fan-out), as torchvision's ResNets.
    pub fn new(params: &Params, inputs: usize, outputs: usize, kernel: usize, stride: usize) -> Result<Self> {
        let weight = params.get("weight", (outputs, inputs, kernel, kernel), Init::KaimingFanOut, Role::Weight)?;
        let shape = Conv2dParams { stride, padding: kernel / 2, ..defaults(params) };
        Ok(Self { weight, bias: None, shape })
    }

    /// The first layer of an encoder: the gradient of its input is nobody's, and never computed.
    pub fn stem(params: &Params, inputs: usize, outputs: usize, kernel: usize, stride: usize) -> Result<Self> {
        let mut conv = Self::new(params, inputs, outputs, kernel, stride)?;
        conv.shape.input_grad = false;
        Ok(conv)
    }

    /// Non-overlapping patches of `kernel × kernel`, each mapped linearly, with bias (ViT).
    pub fn patches(params: &Params, inputs: usize, outputs: usize, kernel: usize) -> Result<Self> {
        let weight = params.get("weight", (outputs, inputs, kernel, kernel), Init::Xavier, Role::Weight)?;
        let bias = Some(params.get("bias", outputs, Init::Constant(0.0), Role::NoDecay)?);
        let shape = Conv2dParams { stride: kernel, input_grad: false, ..defaults(params) };
        Ok(Self { weight, bias, shape })
    }

    /// # Shapes
    /// `(N, I, H, W)` → `(N, O, H', W')`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let y = conv2d(x, &self.weight, &self.shape)?;
        match &self.bias {
            Some(bias) => Ok(y.broadcast_add(&bias.reshape((1, (), 1, 1))?)?),
            None => Ok(y),
        }
    }
}
