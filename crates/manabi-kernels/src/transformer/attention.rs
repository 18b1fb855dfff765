//! x + W_o · attention(W_qkv LN(x) + b_qkv) + b_o.

use std::sync::OnceLock;

use candle_core::{Result, Tensor, bail};

use super::{Affine, BETA, FIRST, GAMMA, Norm, SECOND, affine_gradients, parameters};
use crate::Precision;
use crate::attention::{Sequences, attention, check_heads, gradient, sequences, weighted};
use crate::many::{Fused, Gradients, apply};
use crate::matmul::{Matrix, product, product_then, product_with};
use crate::memory::Scratch;
use crate::norm::{Needs, layer_norm_gradients, normalize_layer};
use crate::storage::{fast, with, with_all};

/// Parameters of the self-attention, D → 3·D → D.
#[derive(Clone, Copy, Debug)]
pub struct AttentionBranch<'a> {
    /// Before queries, keys and values.
    pub norm: Norm<'a>,
    /// D → 3·D: queries, keys, values.
    pub qkv: Affine<'a>,
    /// D → D.
    pub out: Affine<'a>,
    /// Heads; divides D.
    pub heads: usize,
    /// (B, T): 1 keeps a key, 0 drops it.
    pub keep: Option<&'a Tensor>,
}

/// `x` (B, T, D) plus the branch.
pub fn add_attention(x: &Tensor, branch: &AttentionBranch<'_>) -> Result<Tensor> {
    let op = "add_attention";
    let AttentionBranch { norm, qkv, out, heads, keep } = branch;
    let (b, t, d) = x.dims3()?;
    if b * t == 0 {
        bail!("{op}: empty input {:?}", x.dims())
    }
    norm.check(op, d)?;
    qkv.check(op, "queries, keys and values", 3 * d, d)?;
    out.check(op, "the output", d, d)?;
    check_heads(3 * d, *heads)?;
    if !fast(&[x, norm.gamma, norm.beta, qkv.weight, qkv.bias, out.weight, out.bias]) {
        return x + out.apply(&attention(&qkv.apply(&norm.apply(x)?)?, *heads, *keep)?)?;
    }
    let sequences = sequences(op, *keep, (b, t))?;
    let op = SelfAttention {
        eps: norm.eps,
        heads: *heads,
        precisions: [qkv.precision, out.precision],
        sequences,
        kept: OnceLock::new(),
    };
    apply(x, parameters(norm, qkv, out)?, op)
}

struct SelfAttention {
    eps: f64,
    heads: usize,
    /// Of the first layer and of the second.
    precisions: [Precision; 2],
    sequences: Sequences,
    kept: OnceLock<Kept>,
}

/// What the forward pass leaves for the backward pass.
struct Kept {
    /// Mean and inverse deviation of each row.
    stats: Vec<(f32, f32)>,
    /// Queries, keys and values (N, 3·D).
    qkv: Vec<f32>,
    /// The attention's output (N, D).
    mixed: Vec<f32>,
    /// The logarithm of Σ e^score of each head and query.
    sums: Vec<f32>,
}

impl Fused for SelfAttention {
    fn name(&self) -> &'static str {
        "manabi-add-attention"
    }

    fn forward(&self, x: &[f32], parameters: &[Tensor]) -> Result<Vec<f32>> {
        with_all(parameters, |p| {
            let d = p[GAMMA].len();
            let rows = x.len() / d;
            let mut normal = Scratch::new(x.len());
            let stats = normalize_layer(x, p[GAMMA], p[BETA], self.eps, &mut normal);
            let (normal, first) = (Matrix::rows(&normal, d), Matrix::rows(p[FIRST], d).t());
            let qkv = product_with(self.precisions[0], (rows, 3 * d, d), normal, first, Some(p[FIRST + 1]))?;
            let (mixed, sums) = weighted(self.heads, 3 * d, &self.sequences, &qkv)?;
            let residual = |row: usize, column: usize, part: &mut [f32]| {
                part.iter_mut().zip(&x[row * d + column..]).for_each(|(y, x)| *y += x);
            };
            let (rows_in, second) = (Matrix::rows(&mixed, d), Matrix::rows(p[SECOND], d).t());
            let y = product_then(self.precisions[1], (rows, d, d), rows_in, second, p[SECOND + 1], &residual)?;
            // The forward pass runs once for each instance.
            let _ = self.kept.set(Kept { stats, qkv, mixed, sums });
            Ok(y)
        })
    }

    fn backward(&self, x: &Tensor, parameters: &[Tensor], grad: &Tensor) -> Result<Gradients> {
        let Some(kept) = self.kept.get() else { bail!("add_attention: backward before forward") };
        with(x, |x| with(grad, |g| with_all(parameters, |p| self.gradients(kept, x, g, parameters, p))))
    }
}

impl SelfAttention {
    fn gradients(&self, kept: &Kept, x: &[f32], g: &[f32], parameters: &[Tensor], p: &[&[f32]]) -> Result<Gradients> {
        let d = p[GAMMA].len();
        let rows = x.len() / d;
        let [g_out, g_out_bias] = affine_gradients(self.precisions[1], parameters, SECOND, &kept.mixed, g)?;
        let g_mixed = product(self.precisions[1], (rows, d, d), Matrix::rows(g, d), Matrix::rows(p[SECOND], d))?;
        let given = (&kept.qkv[..], &kept.mixed[..], &g_mixed[..], &kept.sums[..]);
        let g_qkv = gradient(self.heads, 3 * d, &self.sequences, given)?;
        drop(g_mixed);
        let mut normal = Scratch::new(x.len());
        normalize_layer(x, p[GAMMA], p[BETA], self.eps, &mut normal);
        let [g_first, g_first_bias] = affine_gradients(self.precisions[0], parameters, FIRST, &normal, &g_qkv)?;
        let g_normal =
            product(self.precisions[0], (rows, d, 3 * d), Matrix::rows(&g_qkv, 3 * d), Matrix::rows(p[FIRST], d))?;
        let (gx, g_gamma, g_beta) = layer_norm_gradients(x, p[GAMMA], &g_normal, &kept.stats, Needs::Input(g));
        Ok((gx, vec![Some(g_gamma), Some(g_beta), g_first, g_first_bias, g_out, g_out_bias]))
    }
}
