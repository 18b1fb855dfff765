//! Batch normalisation, Ioffe & Szegedy, arXiv:1502.03167, with an optional ReLU fused in.
//!
//! `y = (x − E[x]) / sqrt(Var[x] + ε) · γ + β` a channel; running statistics with
//! PyTorch's momentum 0.1 (unbiased variance) and ε 1e-5.

use candle_core::{Tensor, Var};
use manabi_kernels::norm::{batch_norm, batch_norm_eval};

use super::{Init, Params, Role};
use crate::{Result, encoder::Mode};

const EPS: f64 = 1e-5;
const MOMENTUM: f64 = 0.1;

/// Batch normalisation over channels of `(N, C, H, W)` or `(N, C)`.
#[derive(Clone, Debug)]
pub struct BatchNorm {
    gamma: Tensor,
    beta: Tensor,
    mean: Var,
    var: Var,
    relu: bool,
}

impl BatchNorm {
    /// Scale one, shift zero.
    pub fn new(params: &Params, channels: usize) -> Result<Self> {
        Self::with_gamma(params, channels, 1.0)
    }

    /// The last norm of a residual branch may start at zero, so that the block starts as the identity.
    pub fn with_gamma(params: &Params, channels: usize, gamma: f32) -> Result<Self> {
        Ok(Self {
            gamma: params.get("weight", channels, Init::Constant(gamma), Role::NoDecay)?,
            beta: params.get("bias", channels, Init::Constant(0.0), Role::NoDecay)?,
            mean: params.var("running_mean", channels, Init::Constant(0.0), Role::Buffer)?,
            var: params.var("running_var", channels, Init::Constant(1.0), Role::Buffer)?,
            relu: false,
        })
    }

    /// The same followed by a ReLU, in one pass over memory.
    pub fn relu(params: &Params, channels: usize) -> Result<Self> {
        Ok(Self { relu: true, ..Self::new(params, channels)? })
    }

    /// # Shapes
    /// `(N, C, …)` → the same.
    pub fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        match mode {
            Mode::Train | Mode::Again => {
                let (y, stats) = batch_norm(x, &self.gamma, &self.beta, EPS, self.relu)?;
                if mode == Mode::Again {
                    return Ok(y);
                }
                let unbias = stats.count as f64 / stats.count.saturating_sub(1).max(1) as f64;
                blend(&self.mean, &stats.mean, 1.0)?;
                blend(&self.var, &stats.var, unbias)?;
                Ok(y)
            }
            Mode::Eval => {
                let (mean, var) = (self.mean.as_tensor(), self.var.as_tensor());
                Ok(batch_norm_eval(x, mean, var, &self.gamma, &self.beta, EPS, self.relu)?)
            }
        }
    }
}

/// `running ← (1 − momentum) · running + momentum · scale · batch`.
fn blend(running: &Var, batch: &Tensor, scale: f64) -> Result<()> {
    let old = running.as_tensor().detach().affine(1.0 - MOMENTUM, 0.0)?;
    Ok(running.set(&(old + batch.detach().affine(MOMENTUM * scale, 0.0)?)?)?)
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn running_statistics_follow_pytorch() {
        // import torch
        // bn = torch.nn.BatchNorm1d(2); bn(torch.tensor([[1., 2.], [3., 6.], [5., 1.]]))
        // print(bn.running_mean, bn.running_var)   # [0.3, 0.3], [1.3, 1.6]
        let params = Params::new(0, &Device::Cpu);
        let bn = BatchNorm::new(&params, 2).unwrap();
        let x = Tensor::new(&[[1f32, 2.], [3., 6.], [5., 1.]], &Device::Cpu).unwrap();
        bn.forward(&x, Mode::Train).unwrap();
        let state = params.snapshot().unwrap();
        let close = |name: &str, want: [f32; 2]| {
            let got = state[name].to_vec1::<f32>().unwrap();
            assert!(got.iter().zip(want).all(|(g, w)| (g - w).abs() < 1e-5), "{name} {got:?}");
        };
        close("running_mean", [0.3, 0.3]);
        close("running_var", [1.3, 1.6]);
        let y = bn.forward(&x, Mode::Eval).unwrap().to_vec2::<f32>().unwrap();
        assert!((y[0][0] - 0.7 / 1.30001f32.sqrt()).abs() < 1e-5);
    }
}
