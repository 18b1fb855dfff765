//! Rows with a target, and the draws of these that each row of the table may learn from.
//!
//! What is drawn is whole groups (machines), because that is what a user pays for: another machine run to its end, not
//! another row of one that is known. Without groups it is rows. For one seed a smaller budget is a part of a larger one.

use std::collections::BTreeMap;

use manabi_core::{
    Error, Result,
    data::Record,
    rng::{Key, Purpose},
};

use crate::{
    report::MIN_GROUPS,
    study::{
        parts::{Parts, distinct, groups_of},
        sequence::sequences,
    },
};

/// Shares of the groups that may be learnt from.
const SHARES: [f64; 3] = [0.05, 0.2, 1.0];
/// Groups, or rows where there are none, that a budget has at least.
const LEAST: [usize; 2] = [2, 10];

/// One budget with its draws.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Level {
    /// Groups (or rows) that are used.
    pub units: usize,
    /// Positions in [`Targets::rows`], one list a draw.
    pub draws: Vec<Vec<usize>>,
}

/// Training and test rows that have a target.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Targets {
    /// Dataset rows to learn from.
    pub rows: Vec<usize>,
    /// Their targets.
    pub targets: Vec<f64>,
    /// Their groups, where there are any.
    pub groups: Option<Vec<u64>>,
    /// Dataset rows that are tested.
    pub test: Vec<usize>,
    /// Their targets.
    pub truth: Vec<f64>,
    /// Their groups, where there are any.
    pub test_groups: Option<Vec<u64>>,
    /// Groups (or rows) to learn from.
    pub units: usize,
    /// Budgets, smallest first.
    pub levels: Vec<Level>,
}

impl Targets {
    /// Draws the budgets; `draws` of each, one of all.
    pub fn draw(records: &[Record], parts: &Parts, draws: usize, seed: u64) -> Result<Self> {
        let with = |rows: &[usize]| -> (Vec<usize>, Vec<f64>) {
            rows.iter().filter_map(|&row| Some((row, records[row].target?))).unzip()
        };
        let ((rows, targets), (test, truth)) = (with(&parts.train), with(&parts.test));
        if rows.len() < 2 || test.is_empty() {
            return Err(Error::data(format!(
                "{} training and {} test rows have a target; 2 and 1 are the least that can be evaluated",
                rows.len(),
                test.len()
            )));
        }
        // Split by position, windows have no group, but their recording is known.
        let known = |rows: &[usize]| sequences(records, rows);
        let enough = |rows: &[usize]| known(rows).filter(|groups| distinct(groups) >= MIN_GROUPS);
        let groups = groups_of(records, &rows).or_else(|| enough(&rows));
        let test_groups = groups_of(records, &test).or_else(|| known(&test));
        let mut members: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        for position in 0..rows.len() {
            members.entry(groups.as_ref().map_or(position as u64, |g| g[position])).or_default().push(position);
        }
        let members: Vec<Vec<usize>> = members.into_values().collect();
        let least = LEAST[usize::from(groups.is_none())];
        let units = members.len();
        let mut levels: Vec<Level> = Vec::new();
        for share in SHARES {
            let count = if share < 1.0 { ((share * units as f64).round() as usize).max(least) } else { units };
            // Two budgets that are nearly the same would show the same thing twice; all of them is always shown.
            let apart = levels.last().is_none_or(|last| count as f64 >= 1.5 * last.units as f64);
            if share < 1.0 && (!apart || 3 * count > 2 * units) {
                continue;
            }
            let draws = if count == units { 1 } else { draws.max(1) };
            let draw = |i: usize| {
                let order = Key::new(seed, Purpose::Split).sample(i as u64).rng().permutation(units);
                let mut drawn: Vec<usize> = order.into_iter().take(count).flat_map(|u| members[u].clone()).collect();
                drawn.sort_unstable();
                drawn
            };
            levels.push(Level { units: count, draws: (0..draws).map(draw).filter(|d| d.len() > 1).collect() });
        }
        levels.retain(|level| !level.draws.is_empty());
        Ok(Self { rows, targets, groups, test, truth, test_groups, units, levels })
    }

    /// Targets of some positions.
    pub fn targets_at(&self, positions: &[usize]) -> Vec<f64> {
        positions.iter().map(|&p| self.targets[p]).collect()
    }

    /// Groups of some positions.
    pub fn groups_at(&self, positions: &[usize]) -> Option<Vec<u64>> {
        self.groups.as_ref().map(|groups| positions.iter().map(|&p| groups[p]).collect())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn records(groups: usize, each: usize) -> (Vec<Record>, Parts) {
        let record = |i: usize| Record {
            id: i.to_string(),
            label: None,
            group: Some(format!("engine {}", i / each)),
            split: None,
            target: Some((i % each) as f64),
        };
        let all: Vec<Record> = (0..groups * each).map(record).collect();
        let parts = Parts::of(&all, 1).unwrap();
        (all, parts)
    }

    #[test]
    fn budgets_are_whole_groups_and_smaller_ones_part_of_larger_ones() {
        let (records, parts) = records(100, 4);
        let data = Targets::draw(&records, &parts, 3, 5).unwrap();
        assert_eq!(data.units, 75);
        assert_eq!(
            data.levels.iter().map(|l| (l.units, l.draws.len())).collect::<Vec<_>>(),
            [(4, 3), (15, 3), (75, 1)]
        );
        let groups = data.groups.as_ref().unwrap();
        for (i, draw) in data.levels[0].draws.iter().enumerate() {
            let used: BTreeSet<u64> = draw.iter().map(|&p| groups[p]).collect();
            assert_eq!((used.len(), draw.len()), (4, 16));
            assert!(draw.iter().all(|p| data.levels[1].draws[i].contains(p)));
        }
        assert_ne!(data.levels[0].draws[0], data.levels[0].draws[1]);
        assert!(groups.iter().all(|g| !data.test_groups.as_ref().unwrap().contains(g)));
    }

    #[test]
    fn few_groups_are_two_budgets_and_no_target_is_refused() {
        let (mut records, parts) = records(8, 5);
        let data = Targets::draw(&records, &parts, 3, 5).unwrap();
        assert_eq!(data.levels.iter().map(|l| l.units).collect::<Vec<_>>(), [2, 6]);
        records.iter_mut().for_each(|r| r.target = None);
        assert!(Targets::draw(&records, &parts, 3, 5).unwrap_err().to_string().contains("0 training and 0 test rows"));
    }
}
