//! Which rows are trained on and which are only looked at in the end.
//!
//! An official test part is taken as it is; otherwise a quarter of the labelled rows is held back, stratified, and by
//! group where there are groups: at least two of them where five or more can be had, because one speaker or machine
//! alone says nothing about how much the next one differs. A row whose label is a number (a target) is labelled too.
//! Rows without a label are trained on, never tested. A group never stands on both sides, not even in an official
//! split: its training rows are dropped and counted.

use std::collections::{BTreeMap, BTreeSet};

use manabi_core::{
    Error, Result,
    data::{Record, Split},
    eval::split,
    rng::hash_name,
};

/// The share of the labelled rows that is held back where there is no official test part.
pub const TEST_SHARE: f64 = 0.25;
/// Groups that are tested at least, where [`MANY_GROUPS`] can be had.
const LEAST_GROUPS: f64 = 2.0;
/// With so many groups, two of them can be spared.
const MANY_GROUPS: usize = 5;

/// Row numbers of the two sides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// For pre-training; labels are taken from here too.
    pub train: Vec<usize>,
    /// For the figures in the report.
    pub test: Vec<usize>,
    /// The dataset named the test part itself.
    pub official: bool,
    /// Rows of the training side that were left out because their group is tested.
    pub dropped: usize,
}

impl Parts {
    /// Splits the records of a dataset. Without labels everything is for training.
    pub fn of(records: &[Record], seed: u64) -> Result<Self> {
        let known = |r: &Record| r.label.is_some() || r.target.is_some();
        let labelled = records.iter().filter(|r| known(r)).count();
        let official = records.iter().any(|r| r.split == Some(Split::Test) && known(r));
        if labelled == 0 {
            return Ok(Self { train: (0..records.len()).collect(), ..Self::default() });
        }
        let test: BTreeSet<usize> = if official {
            (0..records.len()).filter(|&i| records[i].split == Some(Split::Test)).collect()
        } else {
            let rows: Vec<usize> = (0..records.len()).filter(|&i| known(&records[i])).collect();
            let labels: Vec<Option<u32>> = rows.iter().map(|&i| records[i].label).collect();
            let groups = groups_of(records, &rows);
            let drawn = split::holdout(&labels, groups.as_deref(), test_share(groups.as_deref()), seed)?;
            drawn.held_out.into_iter().map(|i| rows[i]).collect()
        };
        let tested: BTreeSet<&str> = test.iter().filter_map(|&i| records[i].group.as_deref()).collect();
        let rest = (0..records.len()).filter(|i| !test.contains(i));
        let (leaking, train): (Vec<usize>, Vec<usize>) =
            rest.partition(|&i| records[i].group.as_deref().is_some_and(|g| tested.contains(g)));
        if train.is_empty() {
            return Err(Error::data(
                "every row belongs to the test part or to one of its groups; nothing is left to train on",
            ));
        }
        let test = test.into_iter().filter(|&i| known(&records[i])).collect();
        Ok(Self { train, test, official, dropped: leaking.len() })
    }

    /// The training rows that have a label, and those labels.
    pub fn labelled(&self, records: &[Record]) -> (Vec<usize>, Vec<u32>) {
        self.train.iter().filter_map(|&i| Some((i, records[i].label?))).unzip()
    }
}

/// The share of the rows that is held back: more than a quarter where that would be less than two of five or more groups.
fn test_share(groups: Option<&[u64]>) -> f64 {
    let count = groups.map_or(0, distinct);
    if count < MANY_GROUPS { TEST_SHARE } else { TEST_SHARE.max(LEAST_GROUPS / count as f64) }
}

/// How many different groups there are.
pub fn distinct(groups: &[u64]) -> usize {
    groups.iter().collect::<BTreeSet<_>>().len()
}

/// Group numbers of `rows` where any record names a group; rows without one are their own group.
pub fn groups_of(records: &[Record], rows: &[usize]) -> Option<Vec<u64>> {
    if rows.iter().all(|&i| records[i].group.is_none()) {
        return None;
    }
    let mut numbers: BTreeMap<&str, u64> = BTreeMap::new();
    for &i in rows {
        if let Some(group) = &records[i].group {
            numbers.entry(group).or_insert_with(|| hash_name(group));
        }
    }
    Some(
        rows.iter()
            .map(|&i| match &records[i].group {
                Some(group) => numbers[group.as_str()],
                None => hash_name(&format!("row {i}")),
            })
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(i: usize, label: Option<u32>, group: Option<&str>, split: Option<Split>) -> Record {
        Record { id: format!("{i}"), label, group: group.map(str::to_string), split, target: None }
    }

    #[test]
    fn without_labels_everything_is_for_training() {
        let records: Vec<Record> = (0..5).map(|i| record(i, None, None, None)).collect();
        let parts = Parts::of(&records, 1).unwrap();
        assert_eq!((parts.train.len(), parts.test.len()), (5, 0));
    }

    #[test]
    fn an_official_test_part_is_kept() {
        let split = |i: usize| Some(if i < 3 { Split::Test } else { Split::Train });
        let records: Vec<Record> = (0..12).map(|i| record(i, Some(i as u32 % 2), None, split(i))).collect();
        let parts = Parts::of(&records, 1).unwrap();
        assert_eq!(parts.test, [0, 1, 2]);
        assert!(parts.official);
    }

    #[test]
    fn no_group_stands_on_both_sides() {
        let group = |i: usize| ["a", "b", "c", "d", "e", "f", "g", "h"][i / 5];
        let records: Vec<Record> = (0..40).map(|i| record(i, Some(i as u32 % 2), Some(group(i)), None)).collect();
        let parts = Parts::of(&records, 3).unwrap();
        let side = |rows: &[usize]| rows.iter().map(|&i| group(i)).collect::<BTreeSet<_>>();
        assert!(side(&parts.train).is_disjoint(&side(&parts.test)));
        assert!(!parts.test.is_empty());
    }

    #[test]
    fn two_of_six_speakers_are_tested_and_one_of_four() {
        let tested = |speakers: usize| {
            let row = |i: usize| record(i, Some(i as u32 % 2), Some(&format!("speaker {}", i % speakers)), None);
            let records: Vec<Record> = (0..20 * speakers).map(row).collect();
            let parts = Parts::of(&records, 7).unwrap();
            distinct(&groups_of(&records, &parts.test).unwrap())
        };
        assert_eq!([4, 5, 6, 7, 16].map(tested), [1, 2, 2, 2, 4]);
    }

    #[test]
    fn training_rows_of_a_tested_group_are_dropped_and_counted() {
        let records = [
            record(0, Some(0), Some("a"), Some(Split::Test)),
            record(1, Some(0), Some("a"), Some(Split::Train)),
            record(2, Some(1), Some("b"), Some(Split::Train)),
            record(3, Some(0), None, Some(Split::Train)),
        ];
        let parts = Parts::of(&records, 0).unwrap();
        assert_eq!((parts.train.clone(), parts.dropped), (vec![2, 3], 1));
    }

    #[test]
    fn a_row_with_a_target_is_labelled() {
        let group = |i: usize| ["a", "b", "c", "d"][i / 3];
        let rows = (0..12).map(|i| Record { target: Some(i as f64), ..record(i, None, Some(group(i)), None) });
        let parts = Parts::of(&rows.collect::<Vec<_>>(), 0).unwrap();
        assert_eq!((parts.train.len(), parts.test.len(), parts.official), (9, 3, false));
        let rows = (0..3).map(|i| {
            let split = Some(if i == 2 { Split::Test } else { Split::Train });
            Record { target: Some(1.0), ..record(i, None, None, split) }
        });
        let parts = Parts::of(&rows.collect::<Vec<_>>(), 0).unwrap();
        assert_eq!((parts.train.clone(), parts.test.clone(), parts.official), (vec![0, 1], vec![2], true));
    }
}
