//! Which rows belong together in time: of one group, or windows of one recording.
//!
//! Where a recording is cut by position its windows have no group, because training and test rows then come from it. Their
//! ids name it before the last `#` (`pump.csv#1200`), and that is enough to count events and to draw recordings as a whole.

use std::collections::BTreeSet;

use manabi_core::{data::Record, rng::hash_name};

/// A number for each of `rows`, the same for rows that belong together; `None` where no row belongs to another.
pub fn sequences(records: &[Record], rows: &[usize]) -> Option<Vec<u64>> {
    let numbers: Vec<u64> = rows.iter().map(|&row| hash_name(name(&records[row]))).collect();
    let distinct: BTreeSet<u64> = numbers.iter().copied().collect();
    (distinct.len() < numbers.len()).then_some(numbers)
}

fn name(record: &Record) -> &str {
    let window = |id: &'_ str| id.rsplit_once('#').is_some_and(|(_, at)| at.parse::<u64>().is_ok());
    match &record.group {
        Some(group) => group,
        None if window(&record.id) => record.id.rsplit_once('#').map_or("", |(recording, _)| recording),
        None => &record.id,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study::toy::record;

    fn named(id: &str, group: Option<&str>) -> Record {
        Record { id: id.into(), group: group.map(str::to_string), ..record(0) }
    }

    #[test]
    fn windows_of_a_recording_and_rows_of_a_group_belong_together() {
        let records = [
            named("a.csv#0", None),
            named("b.csv#0", None),
            named("a.csv#128", None),
            named("c", Some("g")),
            named("d", Some("g")),
        ];
        let numbers = sequences(&records, &[0, 1, 2, 3, 4]).unwrap();
        assert_eq!((numbers[0], numbers[3]), (numbers[2], numbers[4]));
        assert_eq!(numbers.iter().collect::<BTreeSet<_>>().len(), 3);
    }

    #[test]
    fn rows_that_stand_alone_have_no_sequence() {
        let records = [named("a#red", None), named("a#blue", None), named("b.png", None)];
        assert_eq!(sequences(&records, &[0, 1, 2]), None);
    }
}
