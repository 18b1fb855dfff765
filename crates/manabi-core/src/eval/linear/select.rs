//! The choice of the penalty's strength on a validation part of the rows.
//!
//! Stratified folds (`k = min(5, smallest class)`) up to 1 000 rows, a hold-out of 20 % (10 % from 20 000 rows) above;
//! by group where there are groups. A strength stands for one prior on `W`, so that a part of `n` of the `N` rows is
//! fitted with `λ N / n` (the same C). The path runs from strong to weak, each fit starting from the last, and ends
//! when two strengths in a row were worse than the best; a part above 10 000 rows is thinned to 10 000, class by
//! class.
//!
//! What chooses is the mean logarithm of the probability of the true class, not accuracy: on 20 held-out rows accuracy
//! moves in steps of 5 points and picks by chance (0.8 points of CIFAR-10 test accuracy with 100 labels).

use rayon::prelude::*;

use super::{
    ProbeOptions,
    objective::{Objective, probabilities},
};
use crate::{
    error::{Error, Result},
    eval::{
        features::Features,
        split::{self, Split},
    },
};

/// Up to so many rows the strength is chosen by folds.
const FOLDS_UP_TO: usize = 1_000;
/// So many rows are fitted on the path at most.
const PATH_ROWS: usize = 10_000;
/// Strengths in a row that may be worse than the best one before the path ends.
const PATIENCE: usize = 2;

/// The least probability: a class that the part to fit does not hold must not count as infinitely wrong.
const FLOOR: f64 = 1e-6;

/// What was chosen, and how.
pub(super) struct Choice {
    /// The strength.
    pub strength: f64,
    /// The validation score of each strength that was tried, strongest first.
    pub path: Vec<(f64, f64)>,
    /// A fit at that strength, where one part with all classes was held out: a good place to start from.
    pub start: Option<Vec<f64>>,
}

/// Chooses among the options' strengths; the middle one where the rows leave nothing to choose by.
pub(super) fn choose(
    rows: &Features,
    labels: &[u32],
    groups: Option<&[u64]>,
    options: &ProbeOptions,
) -> Result<Choice> {
    let mut strengths = options.strengths.clone();
    strengths.sort_by(|a, b| b.total_cmp(a));
    if strengths.is_empty() || strengths.iter().any(|s| !(s.is_finite() && *s >= 0.0)) {
        return Err(Error::Config(format!("strengths {strengths:?} are not numbers from 0 on")));
    }
    let classes = class_counts(labels).len();
    let splits = if strengths.len() > 1 { validation_parts(labels, groups, options.seed)? } else { Vec::new() };
    let mut parts =
        splits.par_iter().map(|split| Part::new(rows, labels, split, options)).collect::<Result<Vec<_>>>()?;
    let mut choice = Choice { strength: strengths[strengths.len() / 2], path: Vec::new(), start: None };
    let (mut best, mut worse) = (f64::NEG_INFINITY, 0);
    for &strength in strengths.iter().filter(|_| !splits.is_empty()) {
        let scores = parts.par_iter_mut().map(|part| part.score(strength, options)).collect::<Result<Vec<_>>>()?;
        let score = scores.iter().sum::<f64>() / scores.len() as f64;
        choice.path.push((strength, score));
        if score > best + 1e-12 {
            (best, worse, choice.strength) = (score, 0, strength);
            choice.start = match &parts[..] {
                [part] if part.objective.classes.len() == classes => Some(part.parameters.clone()),
                _ => None,
            };
        } else {
            worse += 1;
            if worse == PATIENCE {
                break;
            }
        }
    }
    Ok(choice)
}

/// One part of the rows to fit, and one to score on.
struct Part {
    objective: Objective,
    held_out: Features,
    /// The class of each held-out row, and its weight.
    truth: Vec<(u32, f64)>,
    /// `N / n`.
    same_prior: f64,
    parameters: Vec<f64>,
}

impl Part {
    fn new(all: &Features, labels: &[u32], split: &Split, options: &ProbeOptions) -> Result<Self> {
        let mut rows = split.train.clone();
        if rows.len() > PATH_ROWS {
            let known: Vec<Option<u32>> = rows.iter().map(|&row| Some(labels[row])).collect();
            let share = split::Budget::Fraction(PATH_ROWS as f64 / rows.len() as f64);
            let drawn = split::label_budget(&known, None, share, options.seed)?.rows;
            rows = drawn.into_iter().map(|i| rows[i]).collect();
        }
        let pick = |rows: &[usize]| -> Vec<u32> { rows.iter().map(|&row| labels[row]).collect() };
        let objective = Objective::new(&all.select(&rows), &pick(&rows), options.balanced)?;
        Ok(Self {
            parameters: objective.start(),
            objective,
            held_out: all.select(&split.held_out),
            truth: weighted(pick(&split.held_out), options.balanced),
            same_prior: labels.len() as f64 / rows.len() as f64,
        })
    }

    /// Fits on from the last strength; the (class-weighted, where balanced) mean log-probability of the held-out rows.
    fn score(&mut self, strength: f64, options: &ProbeOptions) -> Result<f64> {
        let start = std::mem::take(&mut self.parameters);
        (self.parameters, _) = self.objective.fit(start, strength * self.same_prior, &options.solver)?;
        let classes = &self.objective.classes;
        let probabilities = probabilities(&self.held_out, &self.parameters, classes.len())?;
        let (mut sum, mut weights) = (0.0, 0.0);
        for (row, (class, weight)) in probabilities.chunks_exact(classes.len()).zip(&self.truth) {
            let p = classes.binary_search(class).map_or(0.0, |column| f64::from(row[column]));
            sum += weight * p.max(FLOOR).ln();
            weights += weight;
        }
        Ok(sum / weights.max(f64::MIN_POSITIVE))
    }
}

/// Each class with weight 1, or with that which makes all classes weigh the same.
fn weighted(classes: Vec<u32>, balanced: bool) -> Vec<(u32, f64)> {
    let mut counts = std::collections::BTreeMap::<u32, f64>::new();
    classes.iter().for_each(|class| *counts.entry(*class).or_default() += 1.0);
    classes.into_iter().map(|class| (class, if balanced { 1.0 / counts[&class] } else { 1.0 })).collect()
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
