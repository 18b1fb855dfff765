//! Convolution with zero padding, of lines ([`conv1d`]) and of images ([`conv2d`]).
//!
//! Shapes: x (N, Ci, T) or (N, Ci, H, W), w (Co, Ci / groups, K) or (Co, Ci / groups, Kh, Kw), bias (Co), y (N, Co, T′)
//! or (N, Co, H′, W′) with T′ = (T + 2·padding − dilation·(K − 1) − 1) / stride + 1, and likewise H′ and W′. Cost
//! 2 N Co T′ (Ci / groups) K operations, and as many again for each of the two gradients. An empty batch (N = 0) has an
//! empty output and zero gradients.
//!
//! Which way is taken follows from the shape alone:
//!
//! | path | when |
//! |---|---|
//! | `winograd` | 3 × 3, stride 1, padding 1, one group, 16 channels or more: F(4×4, 3×3) or F(2×2, 3×3), whichever has fewer multiplications on this batch of maps, the transformed kernels counted in; neither where the direct sum has fewer |
//! | `direct` | several groups of at most 8 channels in and out: depthwise above all |
//! | `im2col` | all else: a matrix product with the patches; 1 × 1 kernels read the image itself |
//!
//! In bf16 the products of `im2col` have rounded factors; the other two stay `f32`: Winograd's transforms would lose what
//! bf16 keeps.
//!
//! NaN and infinities reach every output under whose kernel they lie; with Winograd also the rest of the tile (4 × 4 or
//! 2 × 2 outputs), and in a gradient of weights by the direct path the taps that see its neighbours.

mod direct;
mod geometry;
mod im2col;
mod op;
mod winograd;

use candle_core::{Result, Tensor};

use crate::Precision;
use crate::storage::{check_shape, fast};
use geometry::Geometry;
use op::Conv;

/// How the kernel moves, the same along every axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvParams {
    /// Elements from one position to the next.
    pub stride: usize,
    /// Zeros on each side.
    pub padding: usize,
    /// Elements from one tap to the next.
    pub dilation: usize,
    /// Groups of channels that do not see each other; as many as channels: depthwise.
    pub groups: usize,
    /// Compute the gradient of the input; false for a network's first layer, whose input then gets none.
    pub input_grad: bool,
    /// In which numbers matrix products read their factors.
    pub precision: Precision,
}

/// [`ConvParams`] of an image.
pub type Conv2dParams = ConvParams;

/// [`ConvParams`] of a line.
pub type Conv1dParams = ConvParams;

impl Default for ConvParams {
    fn default() -> Self {
        Self { stride: 1, padding: 0, dilation: 1, groups: 1, input_grad: true, precision: Precision::F32 }
    }
}

/// Convolves `x` (N, Ci, H, W) with `w` (Co, Ci / groups, Kh, Kw).
pub fn conv2d(x: &Tensor, w: &Tensor, params: &Conv2dParams) -> Result<Tensor> {
    conv2d_bias(x, w, None, params)
}

/// As [`conv2d`], plus `bias` (Co) at every position.
pub fn conv2d_bias(x: &Tensor, w: &Tensor, bias: Option<&Tensor>, params: &Conv2dParams) -> Result<Tensor> {
    let (_, _) = (x.dims4()?, w.dims4()?);
    convolve("conv2d", x, w, bias, params)
}

/// Convolves `x` (N, Ci, T) with `w` (Co, Ci / groups, K), plus `bias` (Co) at every position.
pub fn conv1d(x: &Tensor, w: &Tensor, bias: Option<&Tensor>, params: &Conv1dParams) -> Result<Tensor> {
    let (_, _) = (x.dims3()?, w.dims3()?);
    convolve("conv1d", x, w, bias, params)
}

fn convolve(name: &'static str, x: &Tensor, w: &Tensor, bias: Option<&Tensor>, params: &ConvParams) -> Result<Tensor> {
    let geometry = Geometry::new(name, x.dims(), w.dims(), params)?;
    if let Some(bias) = bias {
        check_shape(name, "the bias", bias, &[geometry.co])?;
    }
    // Cut off here and not in the backward pass: candle asks every operation for the gradient of an input that tracks.
    let x = &if params.input_grad { x.clone() } else { x.detach() };
    if !fast(&[x, w]) || bias.is_some_and(|b| !fast(&[b])) {
        return compose(x, w, bias, params);
    }
    let op = Conv { name, geometry };
    let (x, w) = (x.contiguous()?, w.contiguous()?);
    match bias {
        Some(bias) => x.apply_op3(&w, &bias.contiguous()?, op),
        None => x.apply_op2(&w, op),
    }
}

/// The same by candle's operations.
fn compose(x: &Tensor, w: &Tensor, bias: Option<&Tensor>, params: &ConvParams) -> Result<Tensor> {
    let ConvParams { stride, padding, dilation, groups, .. } = *params;
    let line = x.rank() == 3;
    let y = match line {
        true => x.conv1d(w, padding, stride, dilation, groups)?,
        false => x.conv2d(w, padding, stride, dilation, groups)?,
    };
    match bias {
        Some(bias) if line => y.broadcast_add(&bias.reshape((1, (), 1))?),
        Some(bias) => y.broadcast_add(&bias.reshape((1, (), 1, 1))?),
        None => Ok(y),
    }
}

#[cfg(test)]
mod tests;
