//! Linear probe: multinomial logistic regression on frozen, standardised features.
//!
//! Minimises `1/Σs Σ s_i CE(W x_i + b, y_i) + λ/2 ‖W‖²` by L-BFGS; the bias is not penalised. This is scikit-learn's
//! `LogisticRegression(C = 1 / (λ N))` on the output of `StandardScaler`. Products are f32, all sums f64.
//!
//! The strength λ is chosen on a validation part of the labelled rows given, never on other rows (`select`).
//! Features are standardised once, by all rows given; labels play no part in that. Fewer rows than features are fitted
//! in the rows' own span (`span`), which gives the same probe for a fraction of the cost.
//!
//! Shapes: features `(N, D)`, weights `(D, K)`. Cost of an evaluation: `4 N D K` operations, one pass over the rows.

use self::{
    objective::{Objective, probabilities},
    select::Choice,
    span::Span,
};
use super::{
    features::{Features, Standardizer},
    lbfgs::{Lbfgs, Stop},
};
use crate::error::{Error, Result};

mod objective;
mod select;
mod span;
#[cfg(test)]
mod tests;

/// How features are brought to one scale before a probe sees them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Scaling {
    /// Each column to mean 0 and standard deviation 1: what is measured in many units.
    #[default]
    Columns,
    /// All columns by the same factor: what is in one unit already, where a column that is hardly ever anything must not
    /// count as much as one that always is (word counts).
    Whole,
}

/// The settings of a linear probe.
#[derive(Debug, Clone, PartialEq)]
pub struct ProbeOptions {
    /// The strengths λ to choose from.
    pub strengths: Vec<f64>,
    /// Whether each class weighs the same in all, as scikit-learn's `class_weight="balanced"`.
    pub balanced: bool,
    /// The minimiser.
    pub solver: Lbfgs,
    /// What the validation part is drawn from.
    pub seed: u64,
    /// How features are brought to one scale.
    pub scaling: Scaling,
}

impl Default for ProbeOptions {
    fn default() -> Self {
        let solver = Lbfgs { max_iterations: 300, gradient_tolerance: 1e-5, value_tolerance: 1e-7, ..Lbfgs::default() };
        Self {
            strengths: vec![10.0, 3.0, 1.0, 0.3, 0.1, 3e-2, 1e-2, 1e-3, 1e-4],
            balanced: false,
            solver,
            seed: 0,
            scaling: Scaling::Columns,
        }
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
        let choice = |_: &Features| Ok(Choice { strength, path: Vec::new(), start: None });
        Self::fit_chosen(train, labels, options, choice)
    }

    /// Chooses the strength on a validation part of these rows, then fits all of them.
    pub fn fit_select(
        train: &Features,
        labels: &[u32],
        groups: Option<&[u64]>,
        options: &ProbeOptions,
    ) -> Result<Self> {
        Self::fit_chosen(train, labels, options, |rows| select::choose(rows, labels, groups, options))
    }

    fn fit_chosen(
        train: &Features,
        labels: &[u32],
        options: &ProbeOptions,
        choose: impl FnOnce(&Features) -> Result<Choice>,
    ) -> Result<Self> {
        if labels.len() != train.rows() {
            return Err(Error::Data(format!("{} labels for {} rows", labels.len(), train.rows())));
        }
        let standardizer = match options.scaling {
            Scaling::Columns => Standardizer::fit(train)?,
            Scaling::Whole => Standardizer::fit_whole(train)?,
        };
        let rows = standardizer.apply(train)?;
        let span = Span::of(&rows)?;
        let coordinates = span.as_ref().map_or(&rows, |span| &span.coordinates);
        let Choice { strength, path, start } = choose(coordinates)?;
        let objective = Objective::new(coordinates, labels, options.balanced)?;
        let start = start.unwrap_or_else(|| objective.start());
        let (mut parameters, stop) = objective.fit(start, strength, &options.solver)?;
        if let Some(span) = &span {
            parameters = span.lift(&rows, &parameters, objective.classes.len());
        }
        Ok(Self { standardizer, classes: objective.classes, parameters, strength, path, stop })
    }

    /// The classes, in the order of the columns of [`predict_proba`](Self::predict_proba).
    pub fn classes(&self) -> &[u32] {
        &self.classes
    }

    /// The strength λ of the fit.
    pub fn strength(&self) -> f64 {
        self.strength
    }

    /// The strengths tried and the mean log-probability of held-out classes, strongest first; empty where there was nothing to choose by.
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

/// The first of the largest values.
fn argmax(row: &[f32]) -> usize {
    (1..row.len()).fold(0, |best, i| if row[i] > row[best] { i } else { best })
}
