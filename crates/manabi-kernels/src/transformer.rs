//! The two halves of a pre-norm Transformer block, each with its residual connection as one operation.
//!
//! [`add_attention`]: y = x + W_o · attention(W_qkv LN(x) + b_qkv) + b_o; [`add_mlp`]: y = x + W₂ GELU(W₁ LN(x) + b₁) + b₂.
//! Shapes: x (.., T, D) and y alike; see [`AttentionBranch`] and [`MlpBranch`] for the parameters'. Cost 8 T D² + 4 T² D
//! and 16 T D² operations a sequence forward, twice that backward (two and a half times for T² D).
//!
//! One operation instead of five, since candle's autograd writes zeros and adds to them for every edge of the graph: here
//! gradients between the parts are written once, the residual's is added while the norm's is written, GELU runs on rows
//! that the product has just left in the cache. Of what lies between, only queries, keys and values, the attention's
//! output and the hidden layer before GELU are kept; the norm and GELU are computed again backward.

mod attention;
mod mlp;

use candle_core::{Result, Tensor};

use crate::Precision;
use crate::linear::linear_with;
use crate::matmul::{Matrix, product};
use crate::norm::{column_sums, layer_norm};
use crate::storage::check_shape;

pub use attention::{AttentionBranch, add_attention};
pub use mlp::{MlpBranch, add_mlp};

/// Parameters of a layer norm over D features.
#[derive(Clone, Copy, Debug)]
pub struct Norm<'a> {
    /// Scale (D).
    pub gamma: &'a Tensor,
    /// Shift (D).
    pub beta: &'a Tensor,
    /// Added to the variance.
    pub eps: f64,
}

/// Parameters of a linear layer, I → O.
#[derive(Clone, Copy, Debug)]
pub struct Affine<'a> {
    /// (O, I).
    pub weight: &'a Tensor,
    /// (O).
    pub bias: &'a Tensor,
    /// The factors of its products.
    pub precision: Precision,
}

impl Norm<'_> {
    fn check(&self, op: &str, d: usize) -> Result<()> {
        check_shape(op, "gamma", self.gamma, &[d])?;
        check_shape(op, "beta", self.beta, &[d])
    }

    fn apply(&self, x: &Tensor) -> Result<Tensor> {
        layer_norm(x, self.gamma, self.beta, self.eps)
    }
}

impl Affine<'_> {
    fn check(&self, op: &str, what: &str, outputs: usize, inputs: usize) -> Result<()> {
        check_shape(op, &format!("the weight of {what}"), self.weight, &[outputs, inputs])?;
        check_shape(op, &format!("the bias of {what}"), self.bias, &[outputs])
    }

    fn apply(&self, x: &Tensor) -> Result<Tensor> {
        linear_with(x, self.weight, Some(self.bias), self.precision)
    }
}

/// The contiguous parameters of a branch, in the order in which its operation numbers them.
fn parameters(norm: &Norm<'_>, first: &Affine<'_>, second: &Affine<'_>) -> Result<Vec<Tensor>> {
    [norm.gamma, norm.beta, first.weight, first.bias, second.weight, second.bias]
        .iter()
        .map(|t| t.contiguous())
        .collect()
}

/// Numbers of the parameters.
const GAMMA: usize = 0;
const BETA: usize = 1;
const FIRST: usize = 2;
const SECOND: usize = 4;

/// Gradients of a linear layer's weight (O, I) and bias (O), where wanted, for rows `x` (N, I) and `g` (N, O).
fn affine_gradients(
    precision: Precision,
    parameters: &[Tensor],
    first: usize,
    x: &[f32],
    g: &[f32],
) -> Result<[Option<Vec<f32>>; 2]> {
    let (outputs, inputs) = parameters[first].dims2()?;
    let size = (outputs, inputs, x.len() / inputs);
    let weight = match parameters[first].track_op() {
        true => Some(product(precision, size, Matrix::rows(g, outputs).t(), Matrix::rows(x, inputs))?),
        false => None,
    };
    Ok([weight, parameters[first + 1].track_op().then(|| column_sums(g, outputs))])
}

#[cfg(test)]
mod tests;
