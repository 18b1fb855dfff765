//! From measured throughput and the time budget to steps of pre-training.
//!
//! Everything but pre-training is estimated first from the measured rate of training on labels: embedding the data, and
//! the label-efficiency trainings at the two smallest budgets, which the report cannot do without. Training on all
//! labels, where it need not be shortened, is planned if it leaves three tenths of the time to pre-training: whoever
//! has labels for everything wants to know what they give alone. Pre-training gets what is left, less a reserve,
//! because a shared machine slows down. Other label budgets are trained with what remains in the end.

use manabi_core::eval::recipe::Recipe;

use super::labelled::{Labelled, Level, TRAINED_LEVELS};

/// What a forward pass costs of a training step.
const FORWARD: f64 = 0.3;
/// Share of the budget that is not planned: a machine that others use is a tenth to a fifth slower in the long run than
/// in the seconds in which it is measured.
const RESERVE: f64 = 0.15;
/// Share of the time that pre-training gets at least: without it there is nothing to report on.
const LEAST: f64 = 0.3;

/// What a study will spend its time on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plan {
    /// Seconds that everything after pre-training is expected to take.
    pub evaluation: f64,
    /// Seconds for pre-training.
    pub pretraining: f64,
    /// Its steps.
    pub steps: u64,
    /// Seconds of the evaluation that are for training on all labels; 0 if they are not planned.
    pub kept_for_all: f64,
}

/// What the plan depends on.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// Seconds of the budget that are left.
    pub left: f64,
    /// Seconds of one pre-training step.
    pub step: f64,
    /// Rows a second in training on labels.
    pub rows_per_second: f64,
    /// Rows that are embedded (by two encoders).
    pub embedded: usize,
    /// Share of the full recipe that trainings on labels get.
    pub effort: f64,
    /// Steps beyond which pre-training is pointless on so little data.
    pub most_steps: u64,
}

/// Seconds of one training with this recipe, and of predicting `tested` rows with it.
pub fn training_seconds(recipe: &Recipe, tested: usize, rows_per_second: f64) -> f64 {
    (recipe.passes() as f64 + FORWARD * tested as f64) / rows_per_second.max(1e-9)
}

/// Divides the time.
pub fn plan(facts: &Facts, data: &Labelled) -> Plan {
    let embedding = 2.0 * facts.embedded as f64 * FORWARD / facts.rows_per_second.max(1e-9);
    let both = |index: usize, level: &Level| {
        let recipe = Recipe::for_labels(level.labels).shortened(facts.effort);
        let one = training_seconds(&recipe, data.test.len(), facts.rows_per_second);
        2.0 * Labelled::trained_draws(index, level).len() as f64 * one
    };
    let smallest: f64 = data.levels.iter().enumerate().take(TRAINED_LEVELS).map(|(i, level)| both(i, level)).sum();
    // Probes, map, neighbours and the report: a few seconds, more with many labels.
    let probes = 4.0 + data.rows.len() as f64 * 8e-4;
    let usable = facts.left * (1.0 - RESERVE);
    let needed = embedding + smallest + probes;
    let all = data.levels.iter().enumerate().skip(TRAINED_LEVELS).find(|(_, level)| data.is_all(level));
    let kept_for_all = all.map(|(i, level)| both(i, level)).filter(|s| usable - needed - s >= LEAST * usable);
    let kept_for_all = kept_for_all.filter(|_| facts.effort >= 1.0).unwrap_or(0.0);
    let evaluation = needed + kept_for_all;
    let pretraining = (usable - evaluation).max(LEAST * usable);
    let steps = ((pretraining / facts.step.max(1e-9)) as u64).clamp(1, facts.most_steps.max(1));
    Plan { evaluation, pretraining: steps as f64 * facts.step, steps, kept_for_all }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::labelled::Draw;

    fn facts() -> Facts {
        Facts { left: 1200.0, step: 0.5, rows_per_second: 1000.0, embedded: 70_000, effort: 1.0, most_steps: u64::MAX }
    }

    #[test]
    fn the_whole_stays_within_the_budget() {
        let plan = plan(&facts(), &Labelled::default());
        assert!(plan.pretraining + plan.evaluation < 1200.0);
        assert!(plan.pretraining > 650.0);
    }

    #[test]
    fn pretraining_gets_at_least_its_share() {
        let slow = Facts { rows_per_second: 10.0, ..facts() };
        assert!(plan(&slow, &Labelled::default()).pretraining > 300.0);
    }

    #[test]
    fn all_labels_are_trained_on_where_enough_remains_for_pretraining() {
        let level = |labels| Level {
            labels,
            fraction: 0.0,
            draws: vec![Draw { seed: 0, positions: vec![] }; 3],
            short: vec![],
        };
        let data = Labelled {
            rows: (0..60_000).collect(),
            levels: vec![level(100), level(600), level(60_000)],
            ..Labelled::default()
        };
        let at = |rows_per_second, effort| plan(&Facts { rows_per_second, effort, ..facts() }, &data);
        let fast = at(1500.0, 1.0);
        assert!(fast.kept_for_all > 150.0 && fast.pretraining > 300.0, "{fast:?}");
        assert!(fast.pretraining + fast.evaluation < 1200.0, "{fast:?}");
        assert_eq!((at(800.0, 1.0).kept_for_all, at(1500.0, 0.5).kept_for_all), (0.0, 0.0));
    }

    #[test]
    fn little_data_is_not_trained_on_for_ever() {
        let small = Facts { most_steps: 100, ..facts() };
        assert_eq!(plan(&small, &Labelled::default()).steps, 100);
    }
}
