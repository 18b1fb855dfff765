//! From measured throughput and the time budget to steps of pre-training.
//!
//! Everything but pre-training is estimated first from the measured rate of training on labels: embedding the data, and
//! the label-efficiency trainings at the two smallest budgets, which the report cannot do without; where they would
//! take more than six tenths of the time, they are cut short, both sides alike, then made for fewer draws of labels, and
//! the report says so. Training on
//! all labels, where it need not be shortened, is planned if it leaves three tenths of the time to pre-training:
//! whoever has labels for everything wants to know what they give alone. The budgets between are planned, smallest
//! first, as long as pre-training keeps nine twentieths of it. Pre-training gets what is left, less a reserve, because
//! a shared machine slows down. What is not planned is trained with what remains in the end.

use manabi_core::eval::recipe::Recipe;

use super::labelled::{Labelled, Level, TRAINED_LEVELS};

/// What a forward pass costs of a training step.
const FORWARD: f64 = 0.3;
/// Share of the budget that is not planned: a machine that others use is a tenth to a fifth slower in the long run than
/// in the seconds in which it is measured.
const RESERVE: f64 = 0.15;
/// Share of the time that pre-training gets at least: without it there is nothing to report on.
const LEAST: f64 = 0.3;
/// Share that it keeps before label budgets between the smallest and all are planned for.
const AMPLE: f64 = 0.45;
/// Share that the trainings at the smallest budgets may take before they are cut short.
const MOST_LABELLED: f64 = 0.6;
/// Share of their full length that they have at least: less would teach nothing.
const LEAST_EFFORT: f64 = 0.1;

/// What a study will spend its time on.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Seconds that everything after pre-training is expected to take.
    pub evaluation: f64,
    /// Seconds for pre-training.
    pub pretraining: f64,
    /// Its steps.
    pub steps: u64,
    /// What trainings on labels get.
    pub labelled: Allotment,
}

/// What trainings on labels get of the time.
#[derive(Clone, Debug, PartialEq)]
pub struct Allotment {
    /// Seconds that are kept for each label level; 0 (or nothing) where it is not planned.
    pub kept: Vec<f64>,
    /// Share of the full recipe.
    pub effort: f64,
    /// Draws of labels that are trained on at most.
    pub draws: usize,
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
    /// Share of the full recipe that trainings on labels get, where the machine is fast enough.
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
    let usable = facts.left * (1.0 - RESERVE);
    let both = |index: usize, level: &Level, effort: f64, draws: usize| {
        let recipe = Recipe::for_labels(level.labels).shortened(effort);
        let one = training_seconds(&recipe, data.test.len(), facts.rows_per_second);
        2.0 * Labelled::trained_draws(index, level, draws).len() as f64 * one
    };
    let too_long = |effort: f64, draws: usize| {
        let smallest = data.levels.iter().enumerate().take(TRAINED_LEVELS);
        smallest.map(|(i, level)| both(i, level, effort, draws)).sum::<f64>() > MOST_LABELLED * usable
    };
    let mut effort = facts.effort;
    let mut draws = data.levels.iter().map(|level| level.draws.len()).max().unwrap_or(1).max(1);
    while effort > LEAST_EFFORT && too_long(effort, draws) {
        effort = (0.9 * effort).max(LEAST_EFFORT);
    }
    while draws > 1 && too_long(effort, draws) {
        draws -= 1;
    }
    let seconds: Vec<f64> = data.levels.iter().enumerate().map(|(i, level)| both(i, level, effort, draws)).collect();
    // Probes, map, neighbours and the report: a few seconds, more with many labels.
    let probes = 4.0 + data.rows.len() as f64 * 8e-4;
    let mut kept = vec![0.0; seconds.len()];
    let smallest = TRAINED_LEVELS.min(seconds.len());
    kept[..smallest].copy_from_slice(&seconds[..smallest]);
    let mut evaluation = embedding + probes + kept.iter().sum::<f64>();
    let (all, between): (Vec<usize>, Vec<usize>) =
        (smallest..seconds.len()).partition(|&i| data.is_all(&data.levels[i]));
    let all = all.into_iter().filter(|_| effort >= 1.0).map(|i| (i, LEAST));
    for (index, share) in all.chain(between.into_iter().map(|i| (i, AMPLE))) {
        if usable - evaluation - seconds[index] >= share * usable {
            kept[index] = seconds[index];
            evaluation += seconds[index];
        }
    }
    let pretraining = (usable - evaluation).max(LEAST * usable);
    let steps = ((pretraining / facts.step.max(1e-9)) as u64).clamp(1, facts.most_steps.max(1));
    let labelled = Allotment { kept, effort, draws };
    Plan { evaluation, pretraining: steps as f64 * facts.step, steps, labelled }
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

    fn labelled(budgets: &[usize]) -> Labelled {
        let level = |&labels: &usize| Level {
            labels,
            fraction: 0.0,
            draws: vec![Draw { seed: 0, positions: vec![] }; 3],
            short: vec![],
        };
        let all = budgets.last().copied().unwrap_or(0);
        Labelled { rows: (0..all).collect(), levels: budgets.iter().map(level).collect(), ..Labelled::default() }
    }

    #[test]
    fn all_labels_are_trained_on_where_enough_remains_for_pretraining() {
        let data = labelled(&[100, 600, 60_000]);
        let at = |rows_per_second, effort| plan(&Facts { rows_per_second, effort, ..facts() }, &data);
        let fast = at(1500.0, 1.0);
        assert!(fast.labelled.kept[2] > 150.0 && fast.pretraining > 300.0, "{fast:?}");
        assert!(fast.pretraining + fast.evaluation < 1200.0, "{fast:?}");
        assert_eq!((at(800.0, 1.0).labelled.kept[2], at(1500.0, 0.5).labelled.kept[2]), (0.0, 0.0));
    }

    #[test]
    fn a_slow_machine_cuts_trainings_on_labels_short_rather_than_the_study_late() {
        let data = labelled(&[100, 600]);
        let at = |rows_per_second| plan(&Facts { rows_per_second, left: 600.0, embedded: 5000, ..facts() }, &data);
        assert_eq!(at(10_000.0).labelled.effort, 1.0);
        let slow = at(700.0);
        assert!(slow.labelled.effort < 1.0 && slow.labelled.kept.iter().sum::<f64>() <= 0.6 * 0.85 * 600.0, "{slow:?}");
        assert!(at(1.0).labelled.effort >= 0.1);
    }

    #[test]
    fn budgets_between_are_planned_for_while_pretraining_keeps_its_ample_share() {
        let data = labelled(&[40, 100, 400, 4000]);
        let demo = Facts { left: 145.0, step: 0.07, rows_per_second: 1500.0, embedded: 7000, effort: 0.25, ..facts() };
        let planned = plan(&demo, &data);
        assert!(planned.labelled.kept[2] > 10.0 && planned.labelled.kept[3] == 0.0, "{planned:?}");
        assert!(planned.pretraining > 0.45 * 0.85 * 145.0, "{planned:?}");
        assert_eq!(plan(&Facts { rows_per_second: 500.0, ..demo }, &data).labelled.kept[2], 0.0);
    }

    #[test]
    fn where_even_short_trainings_take_too_long_fewer_draws_are_trained_on() {
        let data = labelled(&[40, 100, 4000]);
        let at = |left: f64| plan(&Facts { left, rows_per_second: 150.0, ..facts() }, &data);
        let (ample, tight) = (at(10_000.0), at(150.0));
        assert_eq!((ample.labelled.draws, ample.labelled.effort), (3, 1.0));
        assert!(tight.labelled.draws < 3 && tight.labelled.effort <= 0.1 + 1e-9, "{tight:?}");
        assert!(tight.labelled.kept.iter().sum::<f64>() <= 0.6 * 0.85 * 150.0, "{tight:?}");
        assert_eq!(at(1.0).labelled.draws, 1);
    }

    #[test]
    fn little_data_is_not_trained_on_for_ever() {
        let small = Facts { most_steps: 100, ..facts() };
        assert_eq!(plan(&small, &Labelled::default()).steps, 100);
    }
}
