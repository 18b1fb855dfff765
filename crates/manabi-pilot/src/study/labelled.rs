//! The labels that each row of the report may use: drawn once, the same for every representation.

use manabi_core::{
    Result,
    data::Record,
    eval::split::{self, Budget, Shortfall},
};

use super::{
    budgets::label_budgets,
    parts::{Parts, groups_of},
};

/// Label budgets whose trainings are always part of a study, and repeated for every draw; a larger one is trained once.
pub const TRAINED_LEVELS: usize = 2;

/// One draw of labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draw {
    /// Its seed; trainings on it use the same one.
    pub seed: u64,
    /// Positions in [`Labelled::rows`].
    pub positions: Vec<usize>,
}

/// One label budget with its draws.
#[derive(Clone, Debug, PartialEq)]
pub struct Level {
    /// Labels that are used (of the first draw, where draws differ by rounding).
    pub labels: usize,
    /// The same as a share of all labels.
    pub fraction: f64,
    /// One a seed; all labels can be drawn in one way only, trainings still differ by seed.
    pub draws: Vec<Draw>,
    /// Classes that have fewer rows than the budget asks for.
    pub short: Vec<Shortfall>,
}

/// The labelled training rows, the test rows, and the draws.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Labelled {
    /// Dataset rows with a label on the training side.
    pub rows: Vec<usize>,
    /// Their labels.
    pub labels: Vec<u32>,
    /// Their groups, where there are any.
    pub groups: Option<Vec<u64>>,
    /// Dataset rows that are tested.
    pub test: Vec<usize>,
    /// Their labels.
    pub truth: Vec<u32>,
    /// Their groups, where there are any: rows of one group are one piece of evidence.
    pub test_groups: Option<Vec<u64>>,
    /// Label budgets, smallest first.
    pub levels: Vec<Level>,
}

impl Labelled {
    /// Draws the label budgets; `seeds` draws each.
    pub fn draw(records: &[Record], parts: &Parts, seeds: usize, seed: u64) -> Result<Self> {
        let (rows, labels) = parts.labelled(records);
        let groups = groups_of(records, &rows);
        let (test, truth): (Vec<usize>, Vec<u32>) =
            parts.test.iter().filter_map(|&i| Some((i, records[i].label?))).unzip();
        let test_groups = groups_of(records, &test);
        let options: Vec<Option<u32>> = labels.iter().copied().map(Some).collect();
        let mut classes = labels.clone();
        classes.sort_unstable();
        classes.dedup();
        let mut levels = Vec::new();
        for (_, budget) in label_budgets(rows.len(), classes.len()) {
            let mut draws = Vec::with_capacity(seeds);
            let mut short = Vec::new();
            for s in 0..seeds as u64 {
                let drawn = split::label_budget(&options, groups.as_deref(), budget, seed + s)?;
                short = drawn.short;
                draws.push(Draw { seed: seed + s, positions: drawn.rows });
            }
            let used = draws.first().map_or(0, |d| d.positions.len());
            levels.push(Level { labels: used, fraction: used as f64 / rows.len().max(1) as f64, draws, short });
            if budget == Budget::All {
                break;
            }
        }
        Ok(Self { rows, labels, groups, test, truth, test_groups, levels })
    }

    /// Labels of some positions.
    pub fn labels_at(&self, positions: &[usize]) -> Vec<u32> {
        positions.iter().map(|&p| self.labels[p]).collect()
    }

    /// Groups of some positions.
    pub fn groups_at(&self, positions: &[usize]) -> Option<Vec<u64>> {
        self.groups.as_ref().map(|groups| positions.iter().map(|&p| groups[p]).collect())
    }

    /// Dataset rows of some positions.
    pub fn rows_at(&self, positions: &[usize]) -> Vec<usize> {
        positions.iter().map(|&p| self.rows[p]).collect()
    }

    /// The draws that networks are trained on, `most` of them: one where so many labels are used that draws hardly differ.
    pub fn trained_draws(index: usize, level: &Level, most: usize) -> &[Draw] {
        let count = if index < TRAINED_LEVELS { most } else { 1 };
        &level.draws[..count.min(level.draws.len())]
    }

    /// True if this level uses every label.
    pub fn is_all(&self, level: &Level) -> bool {
        level.labels == self.rows.len()
    }
}
