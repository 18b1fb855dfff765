//! Group normalisation, Wu & He, arXiv:1803.08494: channels of one sample in groups, the same in training and evaluation.
//!
//! One group is layer normalisation over channels and positions (wav2vec 2.0's extractor), as many groups as channels
//! instance normalisation.

use candle_core::Tensor;
use manabi_kernels::norm::group_norm;

use super::{Init, Params, Role};
use crate::Result;

const EPS: f64 = 1e-5;

/// Normalises groups of channels of `(N, C, …)`, then scales and shifts channel by channel.
#[derive(Clone, Debug)]
pub struct GroupNorm {
    groups: usize,
    gamma: Tensor,
    beta: Tensor,
}

impl GroupNorm {
    /// Scale one, shift zero, ε 1e-5 (PyTorch). That the channels divide into the groups shows in [`Self::forward`].
    pub fn new(params: &Params, groups: usize, channels: usize) -> Result<Self> {
        Ok(Self {
            groups,
            gamma: params.get("weight", channels, Init::Constant(1.0), Role::NoDecay)?,
            beta: params.get("bias", channels, Init::Constant(0.0), Role::NoDecay)?,
        })
    }

    /// # Shapes
    /// `(N, C, …)` → the same.
    ///
    /// # Errors
    /// Where C does not divide into the groups.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Ok(group_norm(x, self.groups, &self.gamma, &self.beta, EPS)?)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    // torch.nn.GroupNorm(1, 2)(torch.tensor([[[1., 2.], [3., 6.]]]))   # [[[-1.0690, -0.5345], [0.0, 1.6036]]]
    #[test]
    fn one_group_has_pytorchs_figures() {
        let norm = GroupNorm::new(&Params::new(0, &Device::Cpu), 1, 2).unwrap();
        let y = norm.forward(&Tensor::new(&[[[1f32, 2.], [3., 6.]]], &Device::Cpu).unwrap()).unwrap();
        let y = y.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert!(y.iter().zip([-1.06904, -0.53452, 0.0, 1.60357]).all(|(y, want)| (y - want).abs() < 1e-4), "{y:?}");
    }

    #[test]
    fn channels_that_do_not_divide_are_refused() {
        let norm = GroupNorm::new(&Params::new(0, &Device::Cpu), 3, 4).unwrap();
        let x = Tensor::zeros((1, 4, 2), candle_core::DType::F32, &Device::Cpu).unwrap();
        assert!(norm.forward(&x).is_err());
    }
}
