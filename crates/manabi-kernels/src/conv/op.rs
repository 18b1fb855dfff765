//! Convolution as an operation of candle's graph, with or without a bias.
//!
//! The bias is what the sums start from, or is added where Winograd's tiles are written; its gradient is the sum of gY
//! over images and positions, one map after the other in `f64`.

use candle_core::{CpuStorage, CustomOp2, CustomOp3, Layout, Result, Shape, Tensor};
use rayon::prelude::*;

use super::{direct, geometry::Geometry, im2col, winograd};
use crate::storage::{Forward, slice, tensor_like, with};
use crate::vector::sum_over;

/// The gradients of input and weights, where wanted.
pub(super) type Gradients = Result<(Option<Vec<f32>>, Option<Vec<f32>>)>;

/// A convolution of known sizes.
pub(super) struct Conv {
    pub(super) name: &'static str,
    pub(super) geometry: Geometry,
}

impl Conv {
    fn shape(&self, x: &Layout) -> Shape {
        let g = &self.geometry;
        match x.dims().len() {
            3 => (g.n, g.co, g.across.positions).into(),
            _ => (g.n, g.co, g.down.positions, g.across.positions).into(),
        }
    }

    fn forward(&self, x: &[f32], w: &[f32], bias: Option<&[f32]>) -> Result<CpuStorage> {
        let g = &self.geometry;
        let y = if g.n == 0 {
            Vec::new()
        } else if let Some(tile) = winograd::choose(g) {
            winograd::forward(g, tile, x, w, bias)?
        } else if direct::applies(g) {
            direct::forward(g, x, w, bias)
        } else {
            im2col::forward(g, x, w, bias)?
        };
        Ok(CpuStorage::F32(y))
    }

    fn backward(&self, x: &[f32], w: &[f32], grad: &[f32], wanted: (bool, bool)) -> Gradients {
        let g = &self.geometry;
        if g.n == 0 {
            return Ok((wanted.0.then(Vec::new), wanted.1.then(|| vec![0.0; g.weights()])));
        }
        match winograd::choose(g) {
            Some(tile) => winograd::backward(g, tile, x, w, grad, wanted),
            None if direct::applies(g) => Ok(direct::backward(g, x, w, grad, wanted)),
            None => im2col::backward(g, x, w, grad, wanted),
        }
    }

    fn gradients(&self, x: &Tensor, w: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let wanted = (x.track_op(), w.track_op());
        if wanted == (false, false) {
            return Ok((None, None));
        }
        let (gx, gw) = with(x, |x| with(w, |w| with(grad, |grad| self.backward(x, w, grad, wanted))))?;
        let tensor = |values: Option<Vec<f32>>, like| values.map(|v| tensor_like(v, like)).transpose();
        Ok((tensor(gx, x)?, tensor(gw, w)?))
    }

    /// The gradient of the bias (Co).
    fn bias_gradient(&self, grad: &[f32]) -> Vec<f32> {
        let (co, positions) = (self.geometry.co, self.geometry.positions());
        let map = |start: usize| f64::from(sum_over([&grad[start..][..positions]], |[g]| g));
        let channel = |c: usize| (0..self.geometry.n).map(|n| map((n * co + c) * positions)).sum::<f64>() as f32;
        (0..co).into_par_iter().map(channel).collect()
    }
}

impl CustomOp2 for Conv {
    fn name(&self) -> &'static str {
        self.name
    }

    fn cpu_fwd(&self, s1: &CpuStorage, l1: &Layout, s2: &CpuStorage, l2: &Layout) -> Forward {
        let (x, w) = (slice(s1, l1, self.name)?, slice(s2, l2, self.name)?);
        Ok((self.forward(x, w, None)?, self.shape(l1)))
    }

    fn bwd(&self, x: &Tensor, w: &Tensor, _: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        self.gradients(x, w, grad)
    }
}

impl CustomOp3 for Conv {
    fn name(&self) -> &'static str {
        self.name
    }

    fn cpu_fwd(
        &self,
        s1: &CpuStorage,
        l1: &Layout,
        s2: &CpuStorage,
        l2: &Layout,
        s3: &CpuStorage,
        l3: &Layout,
    ) -> Forward {
        let (x, w, bias) = (slice(s1, l1, self.name)?, slice(s2, l2, self.name)?, slice(s3, l3, self.name)?);
        Ok((self.forward(x, w, Some(bias))?, self.shape(l1)))
    }

    fn bwd(
        &self,
        x: &Tensor,
        w: &Tensor,
        bias: &Tensor,
        _: &Tensor,
        grad: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let (gx, gw) = self.gradients(x, w, grad)?;
        let gb = match bias.track_op() {
            true => Some(tensor_like(with(grad, |g| Ok(self.bias_gradient(g)))?, bias)?),
            false => None,
        };
        Ok((gx, gw, gb))
    }
}
