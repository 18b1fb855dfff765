//! RMS normalisation, Zhang & Sennrich, arXiv:1910.07467: `y = x / sqrt(mean(x²) + ε) · γ` over the last dimension.

use candle_core::Tensor;
use manabi_kernels::norm::rms_norm;

use super::{Init, Params, Role};
use crate::Result;

/// Llama's.
const EPS: f64 = 1e-6;

/// Divides the last dimension by its root mean square.
#[derive(Clone, Debug)]
pub struct RmsNorm {
    gamma: Tensor,
}

impl RmsNorm {
    /// Scale one, ε 1e-6.
    pub fn new(params: &Params, dim: usize) -> Result<Self> {
        Ok(Self { gamma: params.get("weight", dim, Init::Constant(1.0), Role::NoDecay)? })
    }

    /// # Shapes
    /// `(…, D)` → the same.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        Ok(rms_norm(x, &self.gamma, EPS)?)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    // torch.nn.RMSNorm(3, eps=1e-6)(torch.tensor([[1., 2., 3.]]))   # [[0.4629, 0.9258, 1.3887]]
    #[test]
    fn a_row_has_pytorchs_figures() {
        let norm = RmsNorm::new(&Params::new(0, &Device::Cpu), 3).unwrap();
        let y = norm.forward(&Tensor::new(&[[1f32, 2., 3.]], &Device::Cpu).unwrap()).unwrap();
        let y = y.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert!(y.iter().zip([0.46291, 0.92582, 1.38873]).all(|(y, want)| (y - want).abs() < 1e-5), "{y:?}");
    }
}
