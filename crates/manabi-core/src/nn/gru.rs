//! A gated recurrent unit, Cho et al., arXiv:1406.1078, in PyTorch's form and with its names and initialisation.
//!
//! `r = σ(W_ir x + b_ir + W_hr h + b_hr)`, `z = σ(W_iz x + b_iz + W_hz h + b_hz)`,
//! `n = tanh(W_in x + b_in + r ⊙ (W_hn h + b_hn))`, `h ← (1 − z) ⊙ n + z ⊙ h`.
//!
//! The products with the inputs are one for all steps; those with the state are one a step. Cost: `6 N T H (I + H)`.

use candle_core::{DType, Tensor};
use manabi_kernels::linear::linear_with;

use super::{Init, Params, Precision, Role};
use crate::Result;

/// One layer, forwards in time.
#[derive(Clone, Debug)]
pub struct Gru {
    input_weight: Tensor,
    input_bias: Tensor,
    state_weight: Tensor,
    state_bias: Tensor,
    width: usize,
    precision: Precision,
}

impl Gru {
    /// `inputs` values a step, a state of `width`; all uniform in `± 1/sqrt(width)`.
    pub fn new(params: &Params, inputs: usize, width: usize) -> Result<Self> {
        let init = Init::Uniform(1.0 / (width.max(1) as f32).sqrt());
        Ok(Self {
            input_weight: params.get("weight_ih_l0", (3 * width, inputs), init, Role::Weight)?,
            input_bias: params.get("bias_ih_l0", 3 * width, init, Role::NoDecay)?,
            state_weight: params.get("weight_hh_l0", (3 * width, width), init, Role::Weight)?,
            state_bias: params.get("bias_hh_l0", 3 * width, init, Role::NoDecay)?,
            width,
            precision: params.compute().precision,
        })
    }

    /// The state after each step, from a state of zeros.
    ///
    /// # Shapes
    /// `(N, T, I)` → `(N, T, H)`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (n, steps, _) = x.dims3()?;
        let inputs = linear_with(x, &self.input_weight, Some(&self.input_bias), self.precision)?; // (N, T, 3H)
        let mut state = Tensor::zeros((n, self.width), DType::F32, x.device())?;
        let mut states = Vec::with_capacity(steps);
        for t in 0..steps {
            let from_input = inputs.narrow(1, t, 1)?.squeeze(1)?;
            let from_state = linear_with(&state, &self.state_weight, Some(&self.state_bias), self.precision)?;
            let part = |x: &Tensor, gate: usize| x.narrow(1, gate * self.width, self.width);
            let reset = sigmoid(&(part(&from_input, 0)? + part(&from_state, 0)?)?)?;
            let keep = sigmoid(&(part(&from_input, 1)? + part(&from_state, 1)?)?)?;
            let new = (part(&from_input, 2)? + (reset * part(&from_state, 2)?)?)?.tanh()?;
            state = (&new + (keep * (state - &new)?)?)?;
            states.push(state.clone());
        }
        Ok(Tensor::stack(&states, 1)?)
    }
}

/// `1 / (1 + exp(−x))` as `(1 + tanh(x/2)) / 2`, which overflows nowhere.
fn sigmoid(x: &Tensor) -> Result<Tensor> {
    Ok(x.affine(0.5, 0.0)?.tanh()?.affine(0.5, 0.5)?)
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    fn layer(inputs: usize, width: usize) -> (Params, Gru) {
        let params = Params::new(1, &Device::Cpu);
        let gru = Gru::new(&params, inputs, width).unwrap();
        (params, gru)
    }

    fn wave(shape: &[usize]) -> Tensor {
        let count: usize = shape.iter().product();
        let values: Vec<f32> = (0..count).map(|i| (0.7 * i as f32).sin()).collect();
        Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
    }

    // g = torch.nn.GRU(2, 2, batch_first=True)
    // for p in g.parameters(): p.data = torch.sin(0.7 * torch.arange(p.numel())).view(p.shape)
    // x = torch.sin(0.7 * torch.arange(6)).view(1, 3, 2); g(x)[0].flatten()
    #[test]
    fn the_states_are_pytorchs() {
        let (params, gru) = layer(2, 2);
        let values = params.named().into_iter().map(|(name, var, _)| (name, wave(var.dims()))).collect();
        params.load(&values).unwrap();
        let y = gru.forward(&wave(&[1, 3, 2])).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let expected = [0.07415196, -0.0042868, 0.05507165, 0.3523334, 0.07788187, 0.19747099];
        for (y, expected) in y.iter().zip(expected) {
            assert!((y - expected).abs() < 1e-5, "{y} {expected}");
        }
    }

    #[test]
    fn a_state_knows_nothing_of_later_inputs() {
        let (_, gru) = layer(3, 4);
        let x = wave(&[2, 5, 3]);
        let all = gru.forward(&x).unwrap().narrow(1, 0, 3).unwrap();
        let part = gru.forward(&x.narrow(1, 0, 3).unwrap()).unwrap();
        let apart = (all - part).unwrap().abs().unwrap().max_all().unwrap().to_scalar::<f32>().unwrap();
        assert!(apart < 1e-6);
    }

    #[test]
    fn every_parameter_receives_a_gradient() {
        let (params, gru) = layer(3, 4);
        let grads = gru.forward(&wave(&[2, 5, 3])).unwrap().sqr().unwrap().sum_all().unwrap().backward().unwrap();
        for (name, var, _) in params.named() {
            let g = grads.get(var.as_tensor()).unwrap_or_else(|| panic!("{name}"));
            assert!(g.abs().unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap() > 0.0, "{name}");
        }
    }
}
