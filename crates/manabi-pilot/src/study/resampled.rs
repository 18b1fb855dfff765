//! What is drawn as a whole where rows stand in sequences: recordings, machines, or stretches of them.
//!
//! Whole groups, where [`MIN_GROUPS`] or more are tested. Fewer cannot be resampled (a single one equals every resample
//! of itself, and its interval has no width), so stretches of consecutive rows are drawn: neighbours in time err
//! together, rows far apart less so. Such an interval speaks of these groups alone, which [`remark`] says.

use manabi_core::{Result, eval::units::Units};

use super::parts::distinct;
use crate::report::MIN_GROUPS;

/// Stretches that all rows are cut into, where groups are too few.
const STRETCHES: usize = 40;

/// The units of `rows` test rows.
pub fn units(rows: usize, groups: Option<&[u64]>) -> Result<Units> {
    match groups {
        Some(groups) if distinct(groups) < MIN_GROUPS => Units::groups(&stretches(groups)),
        groups => Units::of(rows, groups),
    }
}

/// What a reader must know where few groups are tested.
pub fn remark(groups: Option<&[u64]>) -> Option<String> {
    let few = groups.map(distinct).filter(|count| *count < MIN_GROUPS)?;
    let (what, them) =
        if few == 1 { ("1 recording or group was", "it") } else { ("recordings or groups were", "these") };
    let count = if few == 1 { String::new() } else { format!("{few} ") };
    Some(format!(
        "Only {count}{what} tested: intervals are over stretches of {them} and speak of {them} alone; {MIN_GROUPS} or \
         more would tell how the next one differs."
    ))
}

/// A number for each row: rows of one group that follow each other share it, up to a fortieth of all rows.
fn stretches(groups: &[u64]) -> Vec<u64> {
    let most = groups.len().div_ceil(STRETCHES).max(1);
    let mut seen: std::collections::BTreeMap<u64, usize> = std::collections::BTreeMap::new();
    let mut number = |group: u64| {
        let count = seen.entry(group).or_insert(0);
        let stretch = *count / most;
        *count += 1;
        group.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(stretch as u64)
    };
    groups.iter().map(|&group| number(group)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_recording_is_drawn_in_stretches_and_many_as_they_are() {
        let one = units(400, Some(&[7; 400])).unwrap();
        assert_eq!((one.len(), one.unit(0).len()), (40, 10));
        let two: Vec<u64> = (0..400).map(|row| row % 2).collect();
        let cut = units(400, Some(&two)).unwrap();
        assert_eq!(cut.len(), 40);
        assert!((0..cut.len()).all(|u| cut.unit(u).iter().all(|row| row % 2 == cut.unit(u)[0] % 2)));
        let many: Vec<u64> = (0..400).map(|row| row / 50).collect();
        assert_eq!(units(400, Some(&many)).unwrap().len(), 8);
        assert_eq!(units(400, None).unwrap().len(), 400);
    }

    #[test]
    fn few_groups_are_remarked_on() {
        assert!(remark(Some(&[1, 1, 1])).unwrap().starts_with("Only 1 recording"));
        assert!(remark(Some(&[1, 2])).unwrap().contains("2 recordings or groups were"));
        assert_eq!((remark(Some(&[1, 2, 3, 4, 5])), remark(None)), (None, None));
    }
}
