//! From measured throughput and the time budget to steps of pre-training.
//!
//! Everything but pre-training is estimated first from the measured rate of training on labels: embedding the data, and the label-efficiency trainings at the two
//! smallest budgets, which the report cannot do without. Pre-training gets what is left, less a
//! reserve of a tenth, because a shared machine slows down. The larger label budgets are trained
//! with what remains in the end.

use manabi_core::eval::classifier::Recipe;

use super::labelled::Labelled;

/// What a forward pass costs of a training step.
const FORWARD: f64 = 0.3;
/// Share of the budget that is not planned.
const RESERVE: f64 = 0.08;
/// Label budgets whose trainings are always part of the plan.
pub const TRAINED_LEVELS: usize = 2;

/// What a study will spend its time on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Plan {
    /// Seconds that everything after pre-training is expected to take.
    pub evaluation: f64,
    /// Seconds for pre-training.
    pub pretraining: f64,
    /// Its steps.
    pub steps: u64,
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
    /// Draws of labels.
    pub seeds: usize,
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
    let trainings: f64 = data
        .levels
        .iter()
        .take(TRAINED_LEVELS)
        .map(|level| {
            2.0 * facts.seeds as f64
                * training_seconds(
                    &Recipe::for_labels(level.labels).shortened(facts.effort),
                    data.test.len(),
                    facts.rows_per_second,
                )
        })
        .sum();
    // Probes, map, neighbours and the report: a few seconds, more with many labels.
    let probes = 4.0 + data.rows.len() as f64 * 8e-4;
    let evaluation = embedding + trainings + probes;
    let usable = facts.left * (1.0 - RESERVE);
    // At least a third goes to pre-training: without it there is nothing to report on.
    let pretraining = (usable - evaluation).max(usable / 3.0);
    let steps = ((pretraining / facts.step.max(1e-9)) as u64).clamp(1, facts.most_steps.max(1));
    Plan { evaluation, pretraining: steps as f64 * facts.step, steps }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        Facts {
            left: 1200.0,
            step: 0.5,
            rows_per_second: 1000.0,
            embedded: 70_000,
            seeds: 3,
            effort: 1.0,
            most_steps: u64::MAX,
        }
    }

    #[test]
    fn the_whole_stays_within_the_budget() {
        let plan = plan(&facts(), &Labelled::default());
        assert!(plan.pretraining + plan.evaluation < 1200.0);
        assert!(plan.pretraining > 700.0);
    }

    #[test]
    fn pretraining_gets_at_least_a_third() {
        let slow = Facts { rows_per_second: 10.0, ..facts() };
        assert!(plan(&slow, &Labelled::default()).pretraining > 350.0);
    }

    #[test]
    fn little_data_is_not_trained_on_for_ever() {
        let small = Facts { most_steps: 100, ..facts() };
        assert_eq!(plan(&small, &Labelled::default()).steps, 100);
    }
}
