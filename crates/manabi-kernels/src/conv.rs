//! 2-D convolution with zero padding.
//!
//! Shapes: x (N, Ci, H, W), w (Co, Ci / groups, Kh, Kw), y (N, Co, H′, W′) with H′ = (H + 2·padding − dilation·(Kh − 1)
//! − 1) / stride + 1. Cost 2 N Co H′ W′ (Ci / groups) Kh Kw operations, and as many again for each of the two
//! gradients. The way to compute it is chosen by shape: see `im2col` and `winograd`. In bf16 the matrix products of im2col
//! have rounded factors; Winograd stays `f32`, whose transforms would lose what bf16 keeps.

mod im2col;
mod winograd;

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Tensor, bail};

use crate::Precision;
use crate::storage::{Forward, fast, slice, tensor_like, with};

/// How the kernel moves over the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv2dParams {
    /// Pixels from one position to the next.
    pub stride: usize,
    /// Zeros around the image.
    pub padding: usize,
    /// Pixels from one tap to the next.
    pub dilation: usize,
    /// Groups of channels that do not see each other.
    pub groups: usize,
    /// Compute the gradient of the input; false for a network's first layer.
    pub input_grad: bool,
    /// The factors of matrix products.
    pub precision: Precision,
}

impl Default for Conv2dParams {
    fn default() -> Self {
        Self { stride: 1, padding: 0, dilation: 1, groups: 1, input_grad: true, precision: Precision::F32 }
    }
}

/// Convolves `x` (N, Ci, H, W) with `w` (Co, Ci / groups, Kh, Kw).
pub fn conv2d(x: &Tensor, w: &Tensor, params: &Conv2dParams) -> Result<Tensor> {
    let geometry = Geometry::new(x.dims4()?, w.dims4()?, params)?;
    if !fast(&[x, w]) {
        let x = if params.input_grad { x.clone() } else { x.detach() };
        return x.conv2d(w, params.padding, params.stride, params.dilation, params.groups);
    }
    let op = Conv2d { geometry, input_grad: params.input_grad };
    x.contiguous()?.apply_op2(&w.contiguous()?, op)
}

/// All sizes of one convolution.
#[derive(Clone, Copy, Debug)]
struct Geometry {
    n: usize,
    ci: usize,
    h: usize,
    w: usize,
    co: usize,
    kh: usize,
    kw: usize,
    stride: usize,
    padding: usize,
    dilation: usize,
    groups: usize,
    oh: usize,
    ow: usize,
    precision: Precision,
}

/// The gradients of input and weights, where wanted.
type Gradients = Result<(Option<Vec<f32>>, Option<Vec<f32>>)>;

type Dims4 = (usize, usize, usize, usize);

impl Geometry {
    fn new((n, ci, h, w): Dims4, (co, per_group, kh, kw): Dims4, params: &Conv2dParams) -> Result<Self> {
        let Conv2dParams { stride, padding, dilation, groups, precision, .. } = *params;
        if stride == 0 || dilation == 0 || groups == 0 {
            bail!("conv2d: stride {stride}, dilation {dilation} and groups {groups} must all be at least 1")
        }
        if n == 0 || ci == 0 || co == 0 || kh == 0 || kw == 0 {
            bail!("conv2d: empty input {:?} or kernel {:?}", (n, ci, h, w), (co, per_group, kh, kw))
        }
        if ci % groups != 0 || co % groups != 0 {
            bail!("conv2d: {ci} input and {co} output channels do not divide into {groups} groups")
        }
        if ci / groups != per_group {
            bail!("conv2d: the kernel expects {per_group} channels a group, the input has {}", ci / groups)
        }
        let positions = |size: usize, kernel: usize| {
            let reach = dilation * (kernel - 1) + 1;
            if size + 2 * padding < reach {
                bail!("conv2d: a kernel that reaches over {reach} does not fit in {size} pixels padded by {padding}")
            }
            Ok((size + 2 * padding - reach) / stride + 1)
        };
        let (oh, ow) = (positions(h, kh)?, positions(w, kw)?);
        Ok(Self { n, ci, h, w, co, kh, kw, stride, padding, dilation, groups, oh, ow, precision })
    }

    /// Elements of one input image.
    fn image(&self) -> usize {
        self.ci * self.h * self.w
    }

    /// Elements of one output image.
    fn output(&self) -> usize {
        self.co * self.oh * self.ow
    }

    /// Weights of one output channel.
    fn taps(&self) -> usize {
        self.ci / self.groups * self.kh * self.kw
    }
}

struct Conv2d {
    geometry: Geometry,
    input_grad: bool,
}

impl CustomOp2 for Conv2d {
    fn name(&self) -> &'static str {
        "manabi-conv2d"
    }

    fn cpu_fwd(&self, s1: &CpuStorage, l1: &Layout, s2: &CpuStorage, l2: &Layout) -> Forward {
        let g = &self.geometry;
        let (x, w) = (slice(s1, l1, self.name())?, slice(s2, l2, self.name())?);
        let y = if winograd::applies(g) { winograd::forward(g, x, w) } else { im2col::forward(g, x, w) }?;
        Ok((CpuStorage::F32(y), (g.n, g.co, g.oh, g.ow).into()))
    }

    fn bwd(&self, x: &Tensor, w: &Tensor, _: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let g = &self.geometry;
        let wanted = (self.input_grad && x.track_op(), w.track_op());
        let backward = if winograd::applies(g) { winograd::backward } else { im2col::backward };
        let (gx, gw) = with(x, |x| with(w, |w| with(grad, |grad| backward(g, x, w, grad, wanted))))?;
        let tensor = |values: Option<Vec<f32>>, like| values.map(|v| tensor_like(v, like)).transpose();
        Ok((tensor(gx, x)?, tensor(gw, w)?))
    }
}

#[cfg(test)]
mod tests;
