//! Linear probe: multinomial logistic regression on frozen, standardised features.
//!
//! Minimises `1/Σs Σ s_i CE(W x_i + b, y_i) + λ/2 ‖W‖²` by L-BFGS; the bias is not penalised. This is scikit-learn's
//! `LogisticRegression(C = 1 / (λ N))` on the output of `StandardScaler`. Products are f32, all sums f64.
//!
//! The strength λ is chosen on a validation part of the labelled rows given, never on other rows: stratified folds
//! (`k = min(5, smallest class)`) up to 5 000 rows, a hold-out of 20 % (10 % from 20 000 rows) above; by group where
//! there are groups. Features are standardised anew from each training part. A strength stands for one prior on `W`,
//! so that a part of `n` of the `N` rows is fitted with `λ N / n` (the same C). The path runs from strong to weak, each
//! fit starting from the last; a training part above 10 000 rows is thinned to 10 000 for it, class by class. Equal
//! scores go to the stronger penalty. One row a class leaves nothing to choose by: the middle strength is then taken.
//!
//! Shapes: features `(N, D)`, weights `(D, K)`. Cost of an evaluation: `4 N D K` operations, one pass over the rows.

use candle_core::Tensor;
use rayon::prelude::*;

use super::features::{Features, Standardizer};
use super::lbfgs::{Lbfgs, Stop};
use super::matrix::{BLOCK, blocks, tensor};
use super::metrics::Metric;
use super::split::{self, Split};
use crate::error::{Error, Result};

/// Up to so many rows the strength is chosen by folds.
const FOLDS_UP_TO: usize = 5_000;
/// So many rows are fitted on the path at most.
const PATH_ROWS: usize = 10_000;

/// The settings of a linear probe.
#[derive(Debug, Clone, PartialEq)]
pub struct ProbeOptions {
    /// The strengths λ to choose from.
    pub strengths: Vec<f64>,
    /// Whether each class weighs the same in all, as scikit-learn's `class_weight="balanced"`.
    pub balanced: bool,
    /// The score that chooses; by default what [`Metric::pick`] says.
    pub metric: Option<Metric>,
    /// The minimiser.
    pub solver: Lbfgs,
    /// What the validation part is drawn from.
    pub seed: u64,
}

impl Default for ProbeOptions {
    fn default() -> Self {
        let solver = Lbfgs { max_iterations: 300, gradient_tolerance: 1e-5, value_tolerance: 1e-7, ..Lbfgs::default() };
        Self { strengths: vec![10.0, 1.0, 0.1, 1e-2, 1e-3, 1e-4, 1e-5], balanced: false, metric: None, solver, seed: 0 }
    }
}

/// A fitted linear probe.
#[derive(Debug, Clone)]
pub struct LinearProbe {
    standardizer: Standardizer,
    classes: Vec<u32>,
    /// `(D, K)` weights, then `K` biases.
    parameters: Vec<f64>,
    strength: f64,
    /// The validation score of each strength, strongest first; empty where there was nothing to choose by.
    path: Vec<(f64, f64)>,
    stop: Stop,
}

impl LinearProbe {
    /// Fits with a given strength λ.
    pub fn fit(train: &Features, labels: &[u32], strength: f64, options: &ProbeOptions) -> Result<Self> {
        let (standardizer, problem) = Problem::new(train, labels, options.balanced)?;
        let (parameters, stop) = problem.fit(problem.start(), strength, &options.solver)?;
        Ok(Self { standardizer, classes: problem.classes, parameters, strength, path: Vec::new(), stop })
    }

    /// Chooses the strength on a validation part of these rows, then fits all of them.
    pub fn fit_select(
        train: &Features,
        labels: &[u32],
        groups: Option<&[u64]>,
        options: &ProbeOptions,
    ) -> Result<Self> {
        let mut strengths = options.strengths.clone();
        strengths.sort_by(|a, b| b.total_cmp(a));
        if strengths.is_empty() || strengths.iter().any(|s| !(s.is_finite() && *s >= 0.0)) {
            return Err(Error::Config(format!("strengths {strengths:?} are not numbers from 0 on")));
        }
        if labels.len() != train.rows() {
            return Err(Error::Data(format!("{} labels for {} rows", labels.len(), train.rows())));
        }
        let parts = validation_parts(labels, groups, options.seed)?;
        let counts = class_counts(labels);
        let metric = options.metric.unwrap_or_else(|| Metric::pick(&counts));
        let paths: Vec<Vec<f64>> = if strengths.len() > 1 {
            parts
                .par_iter()
                .map(|part| score_path(train, labels, part, &strengths, metric, options))
                .collect::<Result<_>>()?
        } else {
            Vec::new()
        };
        let mut path: Vec<(f64, f64)> = Vec::new();
        let mut strength = strengths[strengths.len() / 2];
        if !paths.is_empty() {
            let mean = |i: usize| paths.iter().map(|scores| scores[i]).sum::<f64>() / paths.len() as f64;
            path = strengths.iter().enumerate().map(|(i, &strength)| (strength, mean(i))).collect();
            let mut best = f64::NEG_INFINITY;
            for &(candidate, score) in &path {
                if score > best + 1e-12 {
                    (best, strength) = (score, candidate);
                }
            }
        }
        Ok(Self { path, ..Self::fit(train, labels, strength, options)? })
    }

    /// The classes, in the order of the columns of [`predict_proba`](Self::predict_proba).
    pub fn classes(&self) -> &[u32] {
        &self.classes
    }

    /// The strength λ of the fit.
    pub fn strength(&self) -> f64 {
        self.strength
    }

    /// The strengths tried and their validation scores, strongest first; empty where there was nothing to choose by.
    pub fn path(&self) -> &[(f64, f64)] {
        &self.path
    }

    /// Why the minimiser stopped.
    pub fn stop(&self) -> Stop {
        self.stop
    }

    /// The weights `(D, K)` of the standardised features.
    pub fn weights(&self) -> &[f64] {
        &self.parameters[..self.parameters.len() - self.classes.len()]
    }

    /// The biases `(K,)`.
    pub fn bias(&self) -> &[f64] {
        &self.parameters[self.parameters.len() - self.classes.len()..]
    }

    /// Weights `(D, K)` and biases `(K,)` that give the same scores on features as they are.
    pub fn unstandardized(&self) -> (Vec<f64>, Vec<f64>) {
        let classes = self.classes.len();
        let mut weights = self.weights().to_vec();
        let mut bias = self.bias().to_vec();
        for (row, (mean, scale)) in weights.chunks_exact_mut(classes).zip(self.standardizer.mean_and_scale()) {
            for (w, b) in row.iter_mut().zip(&mut bias) {
                *w *= scale;
                *b -= *w * mean;
            }
        }
        (weights, bias)
    }

    /// The probability of each class for each row, `(N, K)` row-major.
    pub fn predict_proba(&self, features: &Features) -> Result<Vec<f32>> {
        let rows = self.standardizer.apply(features)?;
        probabilities(&rows, &self.parameters, self.classes.len())
    }

    /// The most probable class of each row; the smaller one on a tie.
    pub fn predict(&self, features: &Features) -> Result<Vec<u32>> {
        let probabilities = self.predict_proba(features)?;
        Ok(probabilities.chunks_exact(self.classes.len()).map(|row| self.classes[argmax(row)]).collect())
    }
}

/// Standardised rows with their classes, in blocks.
struct Problem {
    classes: Vec<u32>,
    dim: usize,
    rows: Vec<Tensor>,
    /// The class (as a column) and the weight of each row.
    targets: Vec<(usize, f64)>,
}

impl Problem {
    fn new(train: &Features, labels: &[u32], balanced: bool) -> Result<(Standardizer, Self)> {
        if labels.len() != train.rows() || labels.is_empty() {
            return Err(Error::Data(format!("{} labels for {} rows", labels.len(), train.rows())));
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
        let standardizer = Standardizer::fit(train)?;
        let rows = blocks(&standardizer.apply(train)?, BLOCK)?;
        Ok((standardizer, Self { classes, dim: train.dim(), rows, targets }))
    }

    fn start(&self) -> Vec<f64> {
        vec![0.0; (self.dim + 1) * self.classes.len()]
    }

    fn fit(&self, start: Vec<f64>, strength: f64, solver: &Lbfgs) -> Result<(Vec<f64>, Stop)> {
        let mut failure = None;
        let found = solver.minimize(start, |x, gradient| {
            self.objective(x, strength, gradient).unwrap_or_else(|error| {
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
    fn objective(&self, x: &[f64], strength: f64, gradient: &mut [f64]) -> Result<f64> {
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

fn probabilities(rows: &Features, parameters: &[f64], k: usize) -> Result<Vec<f32>> {
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

/// The first of the largest values.
fn argmax(row: &[f32]) -> usize {
    (1..row.len()).fold(0, |best, i| if row[i] > row[best] { i } else { best })
}

fn class_counts(labels: &[u32]) -> Vec<usize> {
    let mut sorted = labels.to_vec();
    sorted.sort_unstable();
    sorted.chunk_by(|a, b| a == b).map(<[u32]>::len).collect()
}

/// The parts of the rows to choose the strength by; none where the rows do not allow it.
fn validation_parts(labels: &[u32], groups: Option<&[u64]>, seed: u64) -> Result<Vec<Split>> {
    let known: Vec<Option<u32>> = labels.iter().copied().map(Some).collect();
    let n = labels.len();
    if n > FOLDS_UP_TO {
        let fraction = if n >= 20_000 { 0.1 } else { 0.2 };
        return Ok(match split::holdout(&known, groups, fraction, seed) {
            Ok(part) => vec![part],
            Err(_) if groups.is_some() => Vec::new(),
            Err(error) => return Err(error),
        });
    }
    let smallest = class_counts(labels).into_iter().filter(|&count| count > 1).min();
    let Some(mut k) = smallest.map(|smallest| smallest.min(5)) else {
        return Ok(Vec::new());
    };
    if let Some(groups) = groups {
        let mut distinct = groups.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        k = k.min(distinct.len());
    }
    if k < 2 { Ok(Vec::new()) } else { split::kfold(&known, groups, k, seed) }
}

/// The validation score of each strength, fitted on one part.
fn score_path(
    train: &Features,
    labels: &[u32],
    part: &Split,
    strengths: &[f64],
    metric: Metric,
    options: &ProbeOptions,
) -> Result<Vec<f64>> {
    let mut rows = part.train.clone();
    if rows.len() > PATH_ROWS {
        let known: Vec<Option<u32>> = rows.iter().map(|&row| Some(labels[row])).collect();
        let share = split::Budget::Fraction(PATH_ROWS as f64 / rows.len() as f64);
        let drawn = split::label_budget(&known, None, share, options.seed)?.rows;
        rows = drawn.into_iter().map(|i| rows[i]).collect();
    }
    let pick = |rows: &[usize]| -> Vec<u32> { rows.iter().map(|&row| labels[row]).collect() };
    let (standardizer, problem) = Problem::new(&train.select(&rows), &pick(&rows), options.balanced)?;
    let held_out = standardizer.apply(&train.select(&part.held_out))?;
    let truth = pick(&part.held_out);
    let same_prior = labels.len() as f64 / rows.len() as f64;
    let mut parameters = problem.start();
    let mut scores = Vec::with_capacity(strengths.len());
    for strength in strengths {
        (parameters, _) = problem.fit(parameters, strength * same_prior, &options.solver)?;
        let k = problem.classes.len();
        let probabilities = probabilities(&held_out, &parameters, k)?;
        let predicted: Vec<u32> = probabilities.chunks_exact(k).map(|row| problem.classes[argmax(row)]).collect();
        scores.push(metric.score(&truth, &predicted)?);
    }
    Ok(scores)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Three overlapping classes in four features, without a random generator, so that Python can repeat them.
    fn example(rows: usize) -> (Features, Vec<u32>) {
        let labels: Vec<u32> = (0..rows).map(|i| [0, 1, 2, 0, 1, 0][i % 6]).collect();
        let data = (0..rows * 4).map(|j| {
            let (i, d) = (j / 4, j % 4);
            let noise = ((i * 37 + d * 101) % 211) as f64 / 40.0 - 2.6;
            (noise + if labels[i] as usize == d { 2.0 } else { 0.0 } + 3.0 * d as f64) as f32
        });
        (Features::new(rows, 4, data.collect()).unwrap(), labels)
    }

    fn exact() -> ProbeOptions {
        let solver = Lbfgs { gradient_tolerance: 1e-7, value_tolerance: 0.0, ..Lbfgs::default() };
        ProbeOptions { solver, ..ProbeOptions::default() }
    }

    // import numpy as np; from sklearn.linear_model import LogisticRegression as LR
    // from sklearn.preprocessing import StandardScaler
    // n = 90; y = np.array([[0, 1, 2, 0, 1, 0][i % 6] for i in range(n)]); i, d = np.indices((n, 4))
    // x = ((i*37 + d*101) % 211)/40 - 2.6 + 2.0*(y[:, None] == d) + 3.0*d
    // z = StandardScaler().fit_transform(x.astype(np.float32).astype(float))
    // for cw in [None, "balanced"]:
    //     m = LR(C=1/(0.01*n), class_weight=cw, tol=1e-10, max_iter=10000).fit(z, y)
    //     print(m.coef_.T.ravel(), m.intercept_, m.predict_proba(z)[0])
    #[test]
    fn weights_are_those_of_scikit_learn() {
        let (features, labels) = example(90);
        let figures: [(bool, [f64; 12], [f64; 3], [f64; 3]); 2] = [
            (
                false,
                [
                    1.168470, -0.380594, -0.787875, -1.063959, 1.920179, -0.856220, -1.363377, -0.001143, 1.364520,
                    0.664636, -1.446688, 0.782052,
                ],
                [0.849352, -0.008698, -0.840653],
                [0.033254, 0.146398, 0.820348],
            ),
            (
                true,
                [
                    1.305298, -0.317454, -0.987844, -0.998993, 1.933812, -0.934819, -1.476032, -0.058277, 1.534310,
                    0.635565, -1.460961, 0.825396,
                ],
                [0.552274, -0.028747, -0.523527],
                [0.010189, 0.068801, 0.921010],
            ),
        ];
        for (balanced, weights, bias, first) in figures {
            let options = ProbeOptions { balanced, ..exact() };
            let probe = LinearProbe::fit(&features, &labels, 0.01, &options).unwrap();
            let close = |ours: &[f64], theirs: &[f64]| ours.iter().zip(theirs).all(|(a, b)| (a - b).abs() < 2e-4);
            assert!(close(probe.weights(), &weights), "{:?}", probe.weights());
            assert!(close(probe.bias(), &bias), "{:?}", probe.bias());
            let ours: Vec<f64> = probe.predict_proba(&features).unwrap()[..3].iter().map(|&p| p.into()).collect();
            assert!(close(&ours, &first), "{ours:?}");
        }
    }

    #[test]
    fn the_gradient_is_that_of_finite_differences() {
        let (features, labels) = example(40);
        let (_, problem) = Problem::new(&features, &labels, true).unwrap();
        let x: Vec<f64> = (0..15).map(|i| (f64::from(i) * 1.7).sin()).collect();
        let mut gradient = vec![0.0; 15];
        problem.objective(&x, 0.1, &mut gradient).unwrap();
        for i in 0..15 {
            let at = |step: f64| {
                let mut x = x.clone();
                x[i] += step;
                problem.objective(&x, 0.1, &mut [0.0; 15]).unwrap()
            };
            assert!(((at(1e-3) - at(-1e-3)) / 2e-3 - gradient[i]).abs() < 1e-4);
        }
    }

    #[test]
    fn without_any_information_the_probabilities_are_the_class_frequencies() {
        let features = Features::new(8, 1, vec![1.0; 8]).unwrap();
        let probe = LinearProbe::fit(&features, &[0, 0, 0, 0, 0, 0, 7, 7], 0.1, &exact()).unwrap();
        let row = &probe.predict_proba(&features).unwrap()[..2];
        assert!((row[0] - 0.75).abs() < 1e-4 && (row[1] - 0.25).abs() < 1e-4);
        assert_eq!(probe.classes(), [0, 7]);
    }

    #[test]
    fn the_strength_is_chosen_and_the_same_seed_repeats_the_fit() {
        let (features, labels) = example(90);
        let groups: Vec<u64> = (0..90).map(|i| i / 6).collect();
        for groups in [None, Some(&groups[..])] {
            let fit = || LinearProbe::fit_select(&features, &labels, groups, &ProbeOptions::default()).unwrap();
            let probe = fit();
            assert_eq!(probe.path().len(), 7);
            let best = probe.path().iter().map(|p| p.1).fold(0.0, f64::max);
            assert!(probe.path().contains(&(probe.strength(), best)));
            assert_eq!(probe.weights(), fit().weights());
            assert!(super::super::metrics::accuracy(&labels, &probe.predict(&features).unwrap()).unwrap() > 0.6);
        }
    }

    #[test]
    fn one_row_a_class_and_one_class_alone_are_fitted_without_a_choice() {
        let features = Features::new(3, 2, vec![0.0, 1.0, 1.0, 0.0, 2.0, 2.0]).unwrap();
        let probe = LinearProbe::fit_select(&features, &[4, 5, 6], None, &ProbeOptions::default()).unwrap();
        assert!(probe.path().is_empty() && probe.strength() == 1e-2);
        assert_eq!(probe.predict(&features).unwrap(), [4, 5, 6]);
        let alone = LinearProbe::fit_select(&features, &[4, 4, 4], None, &ProbeOptions::default()).unwrap();
        assert_eq!(alone.predict(&features).unwrap(), [4, 4, 4]);
        assert!(LinearProbe::fit_select(&features, &[4], None, &ProbeOptions::default()).is_err());
    }
}
