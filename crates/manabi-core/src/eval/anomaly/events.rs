//! Event-wise F1, without point adjustment.
//!
//! - An *event* is a longest run of consecutive anomalous rows of one group, in the order of the rows. Without groups each
//!   row is its own group, and event-wise and point-wise figures are the same.
//! - An event is *found* if at least one of its rows is flagged. It counts once, however long it is.
//! - An *alarm* is a longest run of consecutive flagged rows of one group. It is *false* if no row of it is in an event; one
//!   that begins before an event or ends after it is not.
//! - F1 is `2 found / (2 found + false alarms + missed events)`.
//!
//! A detector that flags everything finds every event with one alarm a group: read these figures beside the share of normal
//! rows that is flagged, which a threshold from normal rows keeps small.
//!
//! Shapes: groups, truth and flags `(N,)`. Cost: `N log N`.

use std::collections::BTreeMap;

use super::metrics::{Flagged, same_length};
use crate::Result;

/// What was found of the events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Events {
    /// Runs of anomalous rows.
    pub events: usize,
    /// Of these, how many have a flagged row.
    pub found: usize,
    /// Runs of flagged rows that touch no event.
    pub false_alarms: usize,
}

impl Events {
    /// Counts them; `groups[row]` is a number, `None` where rows do not belong together.
    pub fn count(groups: Option<&[u64]>, anomalous: &[bool], flagged: &[bool]) -> Result<Self> {
        let rows = anomalous.len();
        same_length(rows, flagged.len())?;
        let mut sequences: BTreeMap<u64, Vec<(bool, bool)>> = BTreeMap::new();
        if let Some(groups) = groups {
            same_length(rows, groups.len())?;
        }
        for row in 0..rows {
            let group = groups.map_or(row as u64, |groups| groups[row]);
            sequences.entry(group).or_default().push((anomalous[row], flagged[row]));
        }
        let mut total = Self::default();
        for rows in sequences.values() {
            for run in rows.chunk_by(|a, b| a.0 == b.0).filter(|run| run[0].0) {
                total.events += 1;
                total.found += usize::from(run.iter().any(|row| row.1));
            }
            let alarms = rows.chunk_by(|a, b| a.1 == b.1).filter(|run| run[0].1);
            total.false_alarms += alarms.filter(|run| run.iter().all(|row| !row.0)).count();
        }
        Ok(total)
    }

    /// Precision (events found among these and false alarms), recall and F1.
    pub fn flagged(&self) -> Flagged {
        Flagged::new(self.found, self.false_alarms, self.events - self.found)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bits(text: &str) -> Vec<bool> {
        text.chars().map(|c| c == '#').collect()
    }

    fn count(groups: Option<&[u64]>, truth: &str, flags: &str) -> (usize, usize, usize) {
        let all = Events::count(groups, &bits(truth), &bits(flags)).unwrap();
        (all.events, all.found, all.false_alarms)
    }

    #[test]
    fn an_event_counts_once_and_an_alarm_that_touches_one_is_not_false() {
        let one = Some(&[5; 12][..]);
        assert_eq!(count(one, "..####...##.", "...#.#......"), (2, 1, 0));
        assert_eq!(count(one, "..####...##.", "##.....#...."), (2, 0, 2));
        // Begins before the event and ends after it.
        assert_eq!(count(one, "..####...##.", ".######....."), (2, 1, 0));
        // One alarm over two events finds both.
        assert_eq!(count(one, "..####...##.", "....######.."), (2, 2, 0));
        // Right beside an event is not in it.
        assert_eq!(count(one, "..####......", ".#....#....."), (1, 0, 2));
        assert_eq!(count(one, "..####......", "############"), (1, 1, 0));
    }

    #[test]
    fn runs_end_where_a_group_ends_and_rows_of_a_group_need_not_stand_together() {
        let halves: Vec<u64> = (0..12).map(|i| i / 6).collect();
        assert_eq!(count(Some(&halves), "....####....", "....##......"), (2, 1, 0));
        let turns: Vec<u64> = (0..12).map(|i| i % 2).collect();
        assert_eq!(count(Some(&turns), "#.#.........", ".......#.#.#"), (1, 0, 1));
        assert_eq!(count(None, "##..", "#..#"), (2, 1, 1));
    }

    #[test]
    fn the_shares_follow_from_the_counts() {
        let f = Events { events: 4, found: 3, false_alarms: 2 }.flagged();
        assert_eq!((f.precision, f.recall, f.f1), (Some(0.6), Some(0.75), Some(6.0 / 9.0)));
        assert_eq!(Events::default().flagged().f1, None);
        assert!(Events::count(None, &[true], &[]).is_err());
        assert!(Events::count(Some(&[1, 2]), &[true], &[true]).is_err());
    }

    proptest! {
        #[test]
        fn counts_agree_with_a_walk_from_row_to_row(rows in proptest::collection::vec((0..3u64, any::<bool>(), any::<bool>()), 1..40)) {
            let groups: Vec<u64> = rows.iter().map(|r| r.0).collect();
            let truth: Vec<bool> = rows.iter().map(|r| r.1).collect();
            let flags: Vec<bool> = rows.iter().map(|r| r.2).collect();
            let mut naive = Events::default();
            for group in 0..3 {
                let own: Vec<usize> = (0..rows.len()).filter(|&i| groups[i] == group).collect();
                for start in 0..own.len() {
                    // The run of `of` that begins at `start`, if one does.
                    let run = |of: &[bool]| -> Vec<usize> {
                        if !of[own[start]] || start > 0 && of[own[start - 1]] { return Vec::new() }
                        own[start..].iter().copied().take_while(|&i| of[i]).collect()
                    };
                    let (event, alarm) = (run(&truth), run(&flags));
                    naive.events += usize::from(!event.is_empty());
                    naive.found += usize::from(event.iter().any(|&i| flags[i]));
                    naive.false_alarms += usize::from(!alarm.is_empty() && !alarm.iter().any(|&i| truth[i]));
                }
            }
            prop_assert_eq!(Events::count(Some(&groups), &truth, &flags).unwrap(), naive);
        }
    }
}
