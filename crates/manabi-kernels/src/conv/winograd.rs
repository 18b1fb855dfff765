//! 3 × 3 convolution with stride 1 and padding 1 by Winograd's F(M × M, 3 × 3), M = 2 or 4 (Lavin & Gray,
//! arXiv:1509.09308).
//!
//! Each M × M tile of the output is Aᵀ [(G w Gᵀ) ⊙ (Bᵀ d B)] A, d being the (M + 2)² patch under it. Summed over
//! channels, ⊙ becomes (M + 2)² matrix products of (Co × Ci) with (Ci × tiles). The input's gradient is the same
//! convolution of gY with the turned kernel; the weight's is Gᵀ [Σ (A gy Aᵀ) ⊙ (Bᵀ d B)] G. Sides that are not a
//! multiple of M are padded with zeros to whole tiles. F(4,3) takes a quarter of the direct sum's multiplications on whole
//! tiles, F(2,3) 4/9, with an error nearer to the direct sum's; sides of 2 and 6 waste less of the smaller tiles. The
//! error of F(4,3) is a few times that of the direct sum.
//!
//! Where tiles outnumber channels, sets of images are transformed and multiplied one after the other, each by one
//! thread; where there are more channels, the patches of all images are transformed first, and each task takes some
//! output channels, so that the transformed kernels, which are larger than all else there, never lie in memory.

mod channels;
mod sets;
mod tile;
mod transforms;
mod weights;

use candle_core::Result;

use super::{
    geometry::{Axis, Geometry},
    op::Gradients,
};
use tile::{F23, F43, Tile};
use transforms::Tiles;

/// Which tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Size {
    /// 2 × 2 outputs.
    Two,
    /// 4 × 4 outputs.
    Four,
}

/// Tiles whose products take as long as to transform the kernels, to write them and to read them again.
const KERNELS: usize = 32;

/// The tile for this shape, by the multiplications for each pair of channels; none where the direct sum is better.
pub(super) fn choose(g: &Geometry) -> Option<Size> {
    let form = |a: Axis| (a.kernel, a.stride, a.padding, a.dilation) == (3, 1, 1, 1);
    if !form(g.down) || !form(g.across) || g.groups != 1 || g.ci < 16 || g.co < 16 {
        return None;
    }
    let tiled = |m: usize, tiles: usize| (m + 2) * (m + 2) * (tiles + KERNELS);
    let (two, four) = (tiled(2, Tiles::new::<2>(g, g.n).count()), tiled(4, Tiles::new::<4>(g, g.n).count()));
    if two.min(four) >= 9 * g.area() * g.n {
        return None;
    }
    Some(if two <= four { Size::Two } else { Size::Four })
}

/// The output, (N, Co, H, W).
pub(super) fn forward(g: &Geometry, size: Size, x: &[f32], w: &[f32], bias: Option<&[f32]>) -> Result<Vec<f32>> {
    match size {
        Size::Two => convolve::<F23, 2, 4>(g, x, w, bias, false),
        Size::Four => convolve::<F43, 4, 6>(g, x, w, bias, false),
    }
}

/// The gradients of input and weights, where wanted.
pub(super) fn backward(
    g: &Geometry,
    size: Size,
    x: &[f32],
    w: &[f32],
    grad: &[f32],
    wanted: (bool, bool),
) -> Gradients {
    match size {
        Size::Two => gradients::<F23, 2, 4>(g, x, w, grad, wanted),
        Size::Four => gradients::<F43, 4, 6>(g, x, w, grad, wanted),
    }
}

fn gradients<T: Tile<M, A>, const M: usize, const A: usize>(
    g: &Geometry,
    x: &[f32],
    w: &[f32],
    grad: &[f32],
    wanted: (bool, bool),
) -> Gradients {
    let gx = if wanted.0 { Some(convolve::<T, M, A>(g, grad, w, None, true)?) } else { None };
    let gw = if wanted.1 { Some(weight_gradient::<T, M, A>(g, x, grad)?) } else { None };
    Ok((gx, gw))
}

/// Convolves x (N, Ci, H, W) with the kernels `w`, or with `turned` x (N, Co, H, W) with the turned ones.
fn convolve<T: Tile<M, A>, const M: usize, const A: usize>(
    g: &Geometry,
    x: &[f32],
    w: &[f32],
    bias: Option<&[f32]>,
    turned: bool,
) -> Result<Vec<f32>> {
    let (to, tiles) = (if turned { g.ci } else { g.co }, Tiles::new::<M>(g, g.n).count());
    match to > tiles {
        true => channels::convolve::<T, M, A>(g, x, w, bias, turned),
        false => sets::convolve::<T, M, A>(g, x, w, bias, turned),
    }
}

fn weight_gradient<T: Tile<M, A>, const M: usize, const A: usize>(
    g: &Geometry,
    x: &[f32],
    grad: &[f32],
) -> Result<Vec<f32>> {
    match g.co > Tiles::new::<M>(g, g.n).count() {
        true => channels::weight_gradient::<T, M, A>(g, x, grad),
        false => sets::weight_gradient::<T, M, A>(g, x, grad),
    }
}
