//! 3 × 3 convolution with stride 1 and padding 1 by Winograd's F(M × M, 3 × 3), M = 2 or 4 (Lavin & Gray,
//! arXiv:1509.09308).
//!
//! Each M × M tile of the output is Aᵀ [(G w Gᵀ) ⊙ (Bᵀ d B)] A, d being the (M + 2)² patch under it. Summed over
//! channels, ⊙ becomes (M + 2)² matrix products of (Co × Ci) with (Ci × tiles). The input's gradient is the same
//! convolution of gY with the turned kernel; the weight's is Gᵀ [Σ (A gy Aᵀ) ⊙ (Bᵀ d B)] G. Sides that are not a
//! multiple of M are padded with zeros to whole tiles. F(4,3) takes a quarter of the direct sum's multiplications on whole
//! tiles, F(2,3) 4/9, with an error nearer to the direct sum's; maps of 1, 2, 5 and 6 waste less of the smaller tiles.
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

/// Which tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Size {
    /// 2 × 2 outputs.
    Two,
    /// 4 × 4 outputs.
    Four,
}

/// The tile for this shape; none where the direct sum is better.
pub(super) fn choose(g: &Geometry) -> Option<Size> {
    let form = |a: Axis| (a.kernel, a.stride, a.padding, a.dilation) == (3, 1, 1, 1);
    if !form(g.down) || !form(g.across) || g.groups != 1 || g.ci < 16 || g.co < 16 {
        return None;
    }
    // Multiplications a channel and image: products of tiles against taps that are not padding.
    let tiled = |m: usize| g.down.size.div_ceil(m) * g.across.size.div_ceil(m) * (m + 2) * (m + 2);
    let direct = 9 * g.area();
    let (two, four) = (tiled(2), tiled(4));
    if two.min(four) >= direct {
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
    let (input, weight): (Convolve, WeightGradient) = match size {
        Size::Two => (convolve::<F23, 2, 4>, weight_gradient::<F23, 2, 4>),
        Size::Four => (convolve::<F43, 4, 6>, weight_gradient::<F43, 4, 6>),
    };
    let gx = if wanted.0 { Some(input(g, grad, w, None, true)?) } else { None };
    let gw = if wanted.1 { Some(weight(g, x, grad)?) } else { None };
    Ok((gx, gw))
}

type Convolve = fn(&Geometry, &[f32], &[f32], Option<&[f32]>, bool) -> Result<Vec<f32>>;
type WeightGradient = fn(&Geometry, &[f32], &[f32]) -> Result<Vec<f32>>;

/// Convolves x (N, Ci, H, W) with the kernels `w`, or with `turned` x (N, Co, H, W) with the turned ones.
fn convolve<T: Tile<M, A>, const M: usize, const A: usize>(
    g: &Geometry,
    x: &[f32],
    w: &[f32],
    bias: Option<&[f32]>,
    turned: bool,
) -> Result<Vec<f32>> {
    let (to, tiles) = (if turned { g.ci } else { g.co }, transforms::Tiles::new::<M>(g, g.n).count());
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
    match g.co > transforms::Tiles::new::<M>(g, g.n).count() {
        true => channels::weight_gradient::<T, M, A>(g, x, grad),
        false => sets::weight_gradient::<T, M, A>(g, x, grad),
    }
}
