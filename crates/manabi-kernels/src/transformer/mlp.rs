//! x + W₂ GELU(W₁ LN(x) + b₁) + b₂.

use std::sync::OnceLock;

use candle_core::{Result, Tensor, bail};

use super::{Affine, BETA, FIRST, GAMMA, Norm, SECOND, affine_gradients, parameters};
use crate::Precision;
use crate::activation::{gelu, gelu_again, gelu_into};
use crate::many::{Fused, Gradients, apply};
use crate::matmul::{Matrix, product, product_then};
use crate::memory::Scratch;
use crate::norm::{Needs, layer_norm_gradients, normalize_layer};
use crate::storage::{Shared, fast, last_dim, with, with_all};

/// Parameters of the multi-layer perceptron, D → H → D.
#[derive(Clone, Copy, Debug)]
pub struct MlpBranch<'a> {
    /// Before the first layer.
    pub norm: Norm<'a>,
    /// D → H.
    pub first: Affine<'a>,
    /// H → D.
    pub second: Affine<'a>,
}

/// `x` (.., D) plus the branch; GELU in its erf form.
pub fn add_mlp(x: &Tensor, branch: &MlpBranch<'_>) -> Result<Tensor> {
    let op = "add_mlp";
    let MlpBranch { norm, first, second } = branch;
    let (d, hidden) = (last_dim(op, x)?, first.weight.dim(0)?);
    if hidden == 0 {
        bail!("{op}: a hidden layer of {hidden} features behind {d}")
    }
    norm.check(op, d)?;
    first.check(op, "the first layer", hidden, d)?;
    second.check(op, "the second layer", d, hidden)?;
    if !fast(&[x, norm.gamma, norm.beta, first.weight, first.bias, second.weight, second.bias]) {
        return x + second.apply(&gelu(&first.apply(&norm.apply(x)?)?)?)?;
    }
    apply(
        x,
        parameters(norm, first, second)?,
        Mlp { eps: norm.eps, precisions: [first.precision, second.precision], kept: OnceLock::new() },
    )
}

struct Mlp {
    eps: f64,
    /// Of the first layer and of the second.
    precisions: [Precision; 2],
    kept: OnceLock<Kept>,
}

/// What the forward pass leaves for the backward pass.
struct Kept {
    /// Mean and inverse deviation of each row.
    stats: Vec<(f32, f32)>,
    /// The hidden layer before GELU (N, H).
    hidden: Vec<f32>,
}

impl Fused for Mlp {
    fn name(&self) -> &'static str {
        "manabi-add-mlp"
    }

    fn forward(&self, x: &[f32], parameters: &[Tensor]) -> Result<Vec<f32>> {
        with_all(parameters, |p| {
            let (d, hidden) = (p[GAMMA].len(), p[FIRST + 1].len());
            let rows = x.len() / d;
            let mut normal = Scratch::new(x.len());
            let stats = normalize_layer(x, p[GAMMA], p[BETA], self.eps, &mut normal);
            let mut active = Scratch::new(rows * hidden);
            let out = Shared::new(&mut active);
            // SAFETY: each part of a row is finished once, by one task.
            let activate = |row: usize, column: usize, part: &mut [f32]| unsafe {
                gelu_into(part, out.at(row * hidden + column, part.len()));
            };
            let (normal, first) = (Matrix::rows(&normal, d), Matrix::rows(p[FIRST], d).t());
            let before = product_then(self.precisions[0], (rows, hidden, d), normal, first, p[FIRST + 1], &activate)?;
            let residual = |row: usize, column: usize, part: &mut [f32]| {
                part.iter_mut().zip(&x[row * d + column..]).for_each(|(y, x)| *y += x);
            };
            let (active, second) = (Matrix::rows(&active, hidden), Matrix::rows(p[SECOND], hidden).t());
            let y = product_then(self.precisions[1], (rows, d, hidden), active, second, p[SECOND + 1], &residual)?;
            // The forward pass runs once for each instance.
            let _ = self.kept.set(Kept { stats, hidden: before });
            Ok(y)
        })
    }

    fn backward(&self, x: &Tensor, parameters: &[Tensor], grad: &Tensor) -> Result<Gradients> {
        let Some(kept) = self.kept.get() else { bail!("add_mlp: backward before forward") };
        with(x, |x| with(grad, |g| with_all(parameters, |p| self.gradients(kept, x, g, parameters, p))))
    }
}

impl Mlp {
    fn gradients(&self, kept: &Kept, x: &[f32], g: &[f32], parameters: &[Tensor], p: &[&[f32]]) -> Result<Gradients> {
        let (d, hidden) = (p[GAMMA].len(), p[FIRST + 1].len());
        let rows = x.len() / d;
        let mut active = Scratch::new(rows * hidden);
        let out = Shared::new(&mut active);
        // SAFETY: each part of a row is finished once, by one task.
        let slope = |row: usize, column: usize, part: &mut [f32]| unsafe {
            let at = row * hidden + column;
            gelu_again(&kept.hidden[at..at + part.len()], part, out.at(at, part.len()));
        };
        let second = Matrix::rows(p[SECOND], hidden);
        let g_hidden = product_then(self.precisions[1], (rows, hidden, d), Matrix::rows(g, d), second, &[], &slope)?;
        let [g_second, g_second_bias] = affine_gradients(self.precisions[1], parameters, SECOND, &active, g)?;
        let mut normal = Scratch::new(x.len());
        normalize_layer(x, p[GAMMA], p[BETA], self.eps, &mut normal);
        let [g_first, g_first_bias] = affine_gradients(self.precisions[0], parameters, FIRST, &normal, &g_hidden)?;
        let g_normal =
            product(self.precisions[0], (rows, d, hidden), Matrix::rows(&g_hidden, hidden), Matrix::rows(p[FIRST], d))?;
        let (gx, g_gamma, g_beta) = layer_norm_gradients(x, p[GAMMA], &g_normal, &kept.stats, Needs::Input(g));
        Ok((gx, vec![Some(g_gamma), Some(g_beta), g_first, g_first_bias, g_second, g_second_bias]))
    }
}
