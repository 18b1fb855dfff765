//! Convolution layers, PyTorch's layout: [`Conv2d`] square and without bias (a norm follows) or as a patch embedding,
//! [`Conv1d`] along a line.

use candle_core::Tensor;
use manabi_kernels::conv::{Conv2dParams, conv1d, conv2d_bias};

use super::{Init, Params, Role};
use crate::Result;

pub use manabi_kernels::conv::Conv1dParams;

/// A square convolution: `weight (O, I, K, K)`, padding `K / 2` unless it is a patch embedding.
#[derive(Clone, Debug)]
pub struct Conv2d {
    weight: Tensor,
    bias: Option<Tensor>,
    shape: Conv2dParams,
}

impl Conv2d {
    /// He initialisation (fan-out), as torchvision's ResNets.
    pub fn new(params: &Params, inputs: usize, outputs: usize, kernel: usize, stride: usize) -> Result<Self> {
        let weight = params.get("weight", (outputs, inputs, kernel, kernel), Init::KaimingFanOut, Role::Weight)?;
        let precision = params.compute().precision;
        let shape = Conv2dParams { stride, padding: kernel / 2, precision, ..Conv2dParams::default() };
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
        let precision = params.compute().precision;
        let shape = Conv2dParams { stride: kernel, input_grad: false, precision, ..Conv2dParams::default() };
        Ok(Self { weight, bias, shape })
    }

    /// # Shapes
    /// `(N, I, H, W)` → `(N, O, H', W')`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Ok(conv2d_bias(x, &self.weight, self.bias.as_ref(), &self.shape)?)
    }
}

/// A convolution of lines: `weight (O, I / groups, K)`, `bias (O)`.
#[derive(Debug)]
pub struct Conv1d {
    weight: Tensor,
    bias: Option<Tensor>,
    shape: Conv1dParams,
}

impl Conv1d {
    /// With bias and PyTorch's initialisation, uniform in ± `1 / sqrt(fan in)`. The precision of `shape` is replaced by the
    /// store's.
    pub fn new(params: &Params, inputs: usize, outputs: usize, kernel: usize, shape: Conv1dParams) -> Result<Self> {
        let mut conv = Self::weights(params, inputs, outputs, kernel, shape, Init::FanIn)?;
        let fan_in = inputs / shape.groups.max(1) * kernel;
        let bound = Init::Uniform(1.0 / (fan_in.max(1) as f32).sqrt());
        conv.bias = Some(params.get("bias", outputs, bound, Role::NoDecay)?);
        Ok(conv)
    }

    /// Without bias and with He initialisation (fan-out): a norm follows.
    pub fn before_norm(
        params: &Params,
        inputs: usize,
        outputs: usize,
        kernel: usize,
        shape: Conv1dParams,
    ) -> Result<Self> {
        Self::weights(params, inputs, outputs, kernel, shape, Init::KaimingFanOut)
    }

    fn weights(
        params: &Params,
        inputs: usize,
        outputs: usize,
        kernel: usize,
        shape: Conv1dParams,
        init: Init,
    ) -> Result<Self> {
        let weight = params.get("weight", (outputs, inputs / shape.groups.max(1), kernel), init, Role::Weight)?;
        let shape = Conv1dParams { precision: params.compute().precision, ..shape };
        Ok(Self { weight, bias: None, shape })
    }

    /// # Shapes
    /// `(N, I, T)` → `(N, O, T')`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Ok(conv1d(x, &self.weight, self.bias.as_ref(), &self.shape)?)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{Device, Tensor};

    use super::*;

    fn ramp(shape: &[usize]) -> Tensor {
        let count: usize = shape.iter().product();
        Tensor::from_vec((0..count).map(|i| (i as f32 * 0.7).sin()).collect::<Vec<_>>(), shape, &Device::Cpu).unwrap()
    }

    #[test]
    fn every_parameter_of_a_convolution_receives_a_gradient() {
        let params = Params::new(1, &Device::Cpu);
        let shape = Conv1dParams { padding: 2, groups: 2, ..Default::default() };
        let line = Conv1d::new(&params.pp("line"), 4, 6, 5, shape).unwrap();
        let normed = Conv1d::before_norm(&params.pp("normed"), 6, 8, 3, Conv1dParams::default()).unwrap();
        let patches = Conv2d::patches(&params.pp("patches"), 3, 5, 4).unwrap();
        let y = normed.forward(&line.forward(&ramp(&[2, 4, 9])).unwrap()).unwrap();
        assert_eq!(y.dims(), [2, 8, 7]);
        let z = patches.forward(&ramp(&[2, 3, 8, 8])).unwrap();
        assert_eq!(z.dims(), [2, 5, 2, 2]);
        let loss = (y.sqr().unwrap().sum_all().unwrap() + z.sqr().unwrap().sum_all().unwrap()).unwrap();
        let grads = loss.backward().unwrap();
        let all = params.named();
        assert_eq!(all.len(), 5);
        for (name, var, _) in all {
            let size = grads.get(&var).unwrap().sqr().unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap();
            assert!(size > 0.0, "{name} has no gradient");
        }
    }

    #[test]
    fn the_bias_of_patches_is_added_at_every_position() {
        let params = Params::new(1, &Device::Cpu);
        let patches = Conv2d::patches(&params, 3, 5, 4).unwrap();
        let x = ramp(&[2, 3, 8, 8]);
        let without = patches.forward(&x).unwrap();
        for (name, var, _) in params.named() {
            if name == "bias" {
                var.set(&Tensor::new(&[1f32, 2., 3., 4., 5.], &Device::Cpu).unwrap()).unwrap();
            }
        }
        let added = (patches.forward(&x).unwrap() - without).unwrap();
        let sums = added.sum((0, 2, 3)).unwrap().to_vec1::<f32>().unwrap();
        for (i, sum) in sums.iter().enumerate() {
            assert!((sum - 8.0 * (i + 1) as f32).abs() < 1e-3, "{sums:?}");
        }
    }
}
