//! Residual blocks, He et al., arXiv:1512.03385, with torchvision's names
//! (`conv1`, `bn1`, `conv2`, `bn2`, `downsample.0`, `downsample.1`).

use candle_core::Tensor;
use manabi_kernels::activation::add_relu;

use super::{BatchNorm, Conv2d, Params, recompute::recompute};
use crate::{Result, encoder::Mode};

/// The shortcut: the identity, or a strided 1 × 1 convolution where the shape changes.
#[derive(Clone, Debug)]
struct Shortcut(Option<(Conv2d, BatchNorm)>);

impl Shortcut {
    fn new(params: &Params, inputs: usize, outputs: usize, stride: usize) -> Result<Self> {
        if inputs == outputs && stride == 1 {
            return Ok(Self(None));
        }
        let params = params.pp("downsample");
        let conv = Conv2d::new(&params.pp(0), inputs, outputs, 1, stride)?;
        Ok(Self(Some((conv, BatchNorm::new(&params.pp(1), outputs)?))))
    }

    fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        match &self.0 {
            None => Ok(x.clone()),
            Some((conv, norm)) => norm.forward(&conv.forward(x)?, mode),
        }
    }
}

/// A residual block of either kind.
pub trait Residual: Send {
    /// # Shapes
    /// `(N, I, H, W)` → `(N, O, H/s, W/s)`.
    fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor>;
}

/// Two 3 × 3 convolutions (ResNet-18/34).
#[derive(Clone, Debug)]
pub struct BasicBlock {
    convs: [Conv2d; 2],
    norms: [BatchNorm; 2],
    shortcut: Shortcut,
    recompute: bool,
}

impl BasicBlock {
    /// `inputs` → `outputs` channels.
    pub fn new(params: &Params, inputs: usize, outputs: usize, stride: usize) -> Result<Self> {
        Ok(Self {
            convs: [
                Conv2d::new(&params.pp("conv1"), inputs, outputs, 3, stride)?,
                Conv2d::new(&params.pp("conv2"), outputs, outputs, 3, 1)?,
            ],
            norms: [BatchNorm::relu(&params.pp("bn1"), outputs)?, BatchNorm::new(&params.pp("bn2"), outputs)?],
            shortcut: Shortcut::new(params, inputs, outputs, stride)?,
            recompute: params.compute().recompute,
        })
    }

    fn kept(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let y = self.norms[0].forward(&self.convs[0].forward(x)?, mode)?;
        let y = self.norms[1].forward(&self.convs[1].forward(&y)?, mode)?;
        Ok(add_relu(&y, &self.shortcut.forward(x, mode)?)?)
    }
}

impl Residual for BasicBlock {
    fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let block = self.clone();
        recompute(self.recompute, x, mode, move |x, mode| block.kept(x, mode))
    }
}

/// 1 × 1, 3 × 3, 1 × 1 with expansion 4 (ResNet-50; the stride sits on the 3 × 3, as in torchvision).
#[derive(Clone, Debug)]
pub struct Bottleneck {
    convs: [Conv2d; 3],
    norms: [BatchNorm; 3],
    shortcut: Shortcut,
    recompute: bool,
}

impl Bottleneck {
    /// `inputs` → `4 · width` channels.
    pub fn new(params: &Params, inputs: usize, width: usize, stride: usize) -> Result<Self> {
        let outputs = 4 * width;
        Ok(Self {
            convs: [
                Conv2d::new(&params.pp("conv1"), inputs, width, 1, 1)?,
                Conv2d::new(&params.pp("conv2"), width, width, 3, stride)?,
                Conv2d::new(&params.pp("conv3"), width, outputs, 1, 1)?,
            ],
            norms: [
                BatchNorm::relu(&params.pp("bn1"), width)?,
                BatchNorm::relu(&params.pp("bn2"), width)?,
                BatchNorm::new(&params.pp("bn3"), outputs)?,
            ],
            shortcut: Shortcut::new(params, inputs, outputs, stride)?,
            recompute: params.compute().recompute,
        })
    }

    fn kept(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let mut y = x.clone();
        for (conv, norm) in self.convs.iter().zip(&self.norms) {
            y = norm.forward(&conv.forward(&y)?, mode)?;
        }
        Ok(add_relu(&y, &self.shortcut.forward(x, mode)?)?)
    }
}

impl Residual for Bottleneck {
    fn forward(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let block = self.clone();
        recompute(self.recompute, x, mode, move |x, mode| block.kept(x, mode))
    }
}
