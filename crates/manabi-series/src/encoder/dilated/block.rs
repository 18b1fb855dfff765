//! A residual block of dilated convolutions, with the names of TS2Vec's program (`conv1.conv`, `conv2.conv`, `projector`).

use candle_core::Tensor;
use manabi_core::{
    Result,
    nn::{Conv1dParams, Init, Params, Precision, Role},
};
use manabi_kernels::{activation::gelu, conv::conv1d};

/// A convolution of three taps, `weight (O, I, 3)`, or of one.
struct Conv {
    weight: Tensor,
    bias: Tensor,
    dilation: usize,
    precision: Precision,
}

impl Conv {
    /// PyTorch's initialisation.
    fn new(params: &Params, inputs: usize, outputs: usize, taps: usize, dilation: usize) -> Result<Self> {
        let bound = Init::Uniform(1.0 / ((inputs * taps).max(1) as f32).sqrt());
        Ok(Self {
            weight: params.get("weight", (outputs, inputs, taps), Init::FanIn, Role::Weight)?,
            bias: params.get("bias", outputs, bound, Role::NoDecay)?,
            dilation,
            precision: params.compute().precision,
        })
    }

    /// `(N, I, L)` → `(N, O, L)`.
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let taps = self.weight.dim(2)?;
        let mut shape = Conv1dParams { dilation: self.dilation, precision: self.precision, ..Conv1dParams::default() };
        if taps > 1 && self.dilation >= x.dim(2)? {
            // The outer taps lie in the padding everywhere: products with zeros, a third of the work is left.
            let middle = self.weight.narrow(2, taps / 2, 1)?.contiguous()?;
            return Ok(conv1d(x, &middle, Some(&self.bias), &shape)?);
        }
        shape.padding = taps / 2 * self.dilation;
        Ok(conv1d(x, &self.weight, Some(&self.bias), &shape)?)
    }
}

/// `GELU → conv → GELU → conv`, plus a shortcut.
pub(super) struct Block {
    convs: [Conv; 2],
    shortcut: Option<Conv>,
}

impl Block {
    /// `inputs` → `outputs` channels; the shortcut is a convolution of one tap where they differ.
    pub(super) fn new(params: &Params, inputs: usize, outputs: usize, dilation: usize) -> Result<Self> {
        let conv = |name, inputs, taps, dilation| Conv::new(&params.pp(name), inputs, outputs, taps, dilation);
        Ok(Self {
            convs: [conv("conv1.conv", inputs, 3, dilation)?, conv("conv2.conv", outputs, 3, dilation)?],
            shortcut: (inputs != outputs).then(|| conv("projector", inputs, 1, 1)).transpose()?,
        })
    }

    /// `(N, I, L)` → `(N, O, L)`.
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let y = self.convs[0].forward(&gelu(x)?)?;
        let y = self.convs[1].forward(&gelu(&y)?)?;
        match &self.shortcut {
            Some(shortcut) => Ok((y + shortcut.forward(x)?)?),
            None => Ok((y + x)?),
        }
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;
    use crate::encoder::testing::apart;

    #[test]
    fn taps_that_lie_in_the_padding_are_left_out_without_a_trace() {
        let params = Params::new(1, &Device::Cpu);
        let conv = Conv::new(&params, 2, 4, 3, 5).unwrap();
        let x: Vec<f32> = (0..20).map(|i| (i as f32 * 0.7).sin()).collect();
        let x = Tensor::from_vec(x, (2, 2, 5), &Device::Cpu).unwrap();
        let shape = Conv1dParams { padding: 5, dilation: 5, ..Conv1dParams::default() };
        let whole = conv1d(&x, &conv.weight, Some(&conv.bias), &shape).unwrap();
        let short = conv.forward(&x).unwrap();
        assert!(apart(&whole, &short) < 1e-6);
        let gradient =
            |y: &Tensor| y.sqr().unwrap().sum_all().unwrap().backward().unwrap().remove(&conv.weight).unwrap();
        assert!(apart(&gradient(&whole), &gradient(&short)) < 1e-4);
    }
}
