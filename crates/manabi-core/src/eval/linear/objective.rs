//! The probe's objective on one set of rows: `1/Σs Σ s_i CE(W x_i + b, y_i) + λ/2 ‖W‖²` and its gradient.

use candle_core::Tensor;
use rayon::prelude::*;

use super::super::{
    features::Features,
    lbfgs::{Lbfgs, Stop},
    matrix::{BLOCK, blocks, tensor},
};
use crate::error::{Error, Result};

/// Rows with their classes, in blocks.
pub(super) struct Objective {
    pub classes: Vec<u32>,
    dim: usize,
    rows: Vec<Tensor>,
    /// The class (as a column) and the weight of each row.
    targets: Vec<(usize, f64)>,
}

impl Objective {
    /// `balanced`: every class weighs the same in all.
    pub fn new(rows: &Features, labels: &[u32], balanced: bool) -> Result<Self> {
        if labels.len() != rows.rows() || labels.is_empty() {
            return Err(Error::Data(format!("{} labels for {} rows", labels.len(), rows.rows())));
        }
        let mut classes = labels.to_vec();
        classes.sort_unstable();
        classes.dedup();
        let columns: Vec<usize> = labels.iter().map(|label| classes.partition_point(|c| c < label)).collect();
        let mut counts = vec![0.0; classes.len()];
        columns.iter().for_each(|&c| counts[c] += 1.0);
        let weight = |c: usize| {
            if balanced { 1.0 / (counts[c] * classes.len() as f64) } else { 1.0 / labels.len() as f64 }
        };
        let targets = columns.iter().map(|&c| (c, weight(c))).collect();
        Ok(Self { classes, dim: rows.dim(), rows: blocks(rows, BLOCK)?, targets })
    }

    /// Where a fit starts that knows nothing: `(D, K)` weights and `K` biases of zero.
    pub fn start(&self) -> Vec<f64> {
        vec![0.0; (self.dim + 1) * self.classes.len()]
    }

    /// The minimum at strength λ.
    pub fn fit(&self, start: Vec<f64>, strength: f64, solver: &Lbfgs) -> Result<(Vec<f64>, Stop)> {
        let mut failure = None;
        let found = solver.minimize(start, |x, gradient| {
            self.value(x, strength, gradient).unwrap_or_else(|error| {
                failure = Some(error);
                f64::NAN
            })
        });
        match failure {
            Some(error) => Err(error),
            None if found.stop == Stop::NotFinite => Err(Error::Data("the linear probe's loss is not finite".into())),
            None => Ok((found.x, found.stop)),
        }
    }

    /// The objective at `x`, and its gradient.
    pub fn value(&self, x: &[f64], strength: f64, gradient: &mut [f64]) -> Result<f64> {
        let k = self.classes.len();
        let (weights, bias) = x.split_at(self.dim * k);
        let w = weight_tensor(weights, self.dim, k)?;
        let parts: Vec<(f64, Vec<f32>, Vec<f64>)> = self
            .rows
            .par_iter()
            .zip(self.targets.par_chunks(BLOCK))
            .map(|(rows, targets)| {
                let mut logits: Vec<f32> = rows.matmul(&w)?.flatten_all()?.to_vec1()?;
                let (mut loss, mut bias_gradient) = (0.0, vec![0.0; k]);
                for (row, &(class, weight)) in logits.chunks_exact_mut(k).zip(targets) {
                    loss -= weight * softmax(row, bias, class);
                    for (column, (p, g)) in row.iter_mut().zip(&mut bias_gradient).enumerate() {
                        // Scaled by N, so that f32 does not lose small weights.
                        let residual =
                            (f64::from(*p) - f64::from(column == class)) * weight * self.targets.len() as f64;
                        *g += residual;
                        *p = residual as f32;
                    }
                }
                let residuals = Tensor::from_vec(logits, (targets.len(), k), rows.device())?;
                let gradient = rows.t()?.matmul(&residuals)?.flatten_all()?.to_vec1()?;
                Ok((loss, gradient, bias_gradient))
            })
            .collect::<Result<_>>()?;
        gradient.fill(0.0);
        let mut value = 0.0;
        let (g_weights, g_bias) = gradient.split_at_mut(self.dim * k);
        for (loss, of_weights, of_bias) in parts {
            value += loss;
            g_weights.iter_mut().zip(of_weights).for_each(|(g, part)| *g += f64::from(part));
            g_bias.iter_mut().zip(of_bias).for_each(|(g, part)| *g += part);
        }
        let scale = 1.0 / self.targets.len() as f64;
        g_bias.iter_mut().for_each(|g| *g *= scale);
        for (g, w) in g_weights.iter_mut().zip(weights) {
            *g = *g * scale + strength * w;
            value += 0.5 * strength * w * w;
        }
        Ok(value)
    }
}

fn weight_tensor(weights: &[f64], dim: usize, k: usize) -> Result<Tensor> {
    tensor(&weights.iter().map(|&w| w as f32).collect::<Vec<_>>(), dim, k)
}

/// Turns logits into probabilities; returns the logarithm of that of `class`.
fn softmax(row: &mut [f32], bias: &[f64], class: usize) -> f64 {
    let logit = |x: f32, b: &f64| f64::from(x) + b;
    let most = row.iter().zip(bias).map(|(&x, b)| logit(x, b)).fold(f64::NEG_INFINITY, f64::max);
    let own = logit(row[class], &bias[class]) - most;
    let mut sum = 0.0;
    for (x, b) in row.iter_mut().zip(bias) {
        let e = (logit(*x, b) - most).exp();
        sum += e;
        *x = e as f32;
    }
    let scale = (1.0 / sum) as f32;
    row.iter_mut().for_each(|x| *x *= scale);
    own - sum.ln()
}

/// The probability of each of `k` classes for each row, `(N, K)` row-major.
pub(super) fn probabilities(rows: &Features, parameters: &[f64], k: usize) -> Result<Vec<f32>> {
    let (weights, bias) = parameters.split_at(parameters.len() - k);
    let w = weight_tensor(weights, rows.dim(), k)?;
    let parts: Vec<Vec<f32>> = rows
        .data()
        .par_chunks(BLOCK * rows.dim())
        .map(|block| {
            let block = tensor(block, block.len() / rows.dim(), rows.dim())?;
            let mut logits: Vec<f32> = block.matmul(&w)?.flatten_all()?.to_vec1()?;
            logits.chunks_exact_mut(k).for_each(|row| {
                softmax(row, bias, 0);
            });
            Ok(logits)
        })
        .collect::<Result<_>>()?;
    Ok(parts.concat())
}
