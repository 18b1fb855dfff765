//! What separates training from test: the official split, whole recordings, or positions within them.
//!
//! Windows of one recording look alike: a split that deals them out at random measures how well a recording is
//! recognised, not the state of the machine. So recordings (or the groups that are named) are kept whole wherever each
//! class has several. Where a class has one recording only, as in the Case Western Reserve bearing data, no such split
//! exists; then the first 70 % of each recording train and the last 30 % test, one window apart, and a remark says that
//! the same machine stands on both sides: figures of 99 % and more on that dataset come from this (arXiv:2509.22267).

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use manabi_core::{Error, Result, data::Split};

use crate::{
    config::{LabelRule, SeriesConfig, SplitRule},
    recording::Recording,
    window::Plan,
};

mod windows;

pub use windows::windows_by_position;

/// The share of a recording that trains, where the split is by position.
const TRAIN_SHARE: f64 = 0.7;
/// Names of the two classes of flagged data.
pub const FLAGS: [&str; 2] = ["normal", "anomaly"];

/// A stretch of a recording from which windows are cut, and which side it stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// Its rows.
    pub rows: Range<u64>,
    /// Its side, where that is fixed.
    pub split: Option<Split>,
    /// Its group, where sides are still to be drawn.
    pub group: Option<String>,
}

/// What separates the sides of these recordings: the rule that was asked for, or the one that fits them.
pub fn rule(recordings: &[Recording], words: &[String], config: &SeriesConfig) -> Result<SplitRule> {
    let official = recordings.iter().any(|r| r.split.is_some());
    Ok(match config.split {
        SplitRule::Official if !official => {
            return Err(Error::config(
                "split = \"official\", but the data has none: no TRAIN and TEST files, folders or split column",
            ));
        }
        SplitRule::Auto if official => SplitRule::Official,
        SplitRule::Auto if recordings.iter().all(|r| r.whole) => SplitRule::Recording,
        SplitRule::Auto if single(recordings, words).is_empty() => SplitRule::Recording,
        // By kind of fault there is a split by size, in which the class without a fault takes part in blocks.
        SplitRule::Auto if config.label == LabelRule::Kind && several(recordings, words) => SplitRule::Recording,
        SplitRule::Auto => SplitRule::Position,
        chosen => chosen,
    })
}

/// The sections of every recording, and a remark on how they came about.
pub fn sections(
    recordings: &[Recording],
    words: &[String],
    plan: Plan,
    rule: SplitRule,
) -> Result<(Vec<Vec<Section>>, Option<String>)> {
    if rule == SplitRule::Position {
        let remark = position_remark(recordings, words, plan);
        return Ok((recordings.iter().map(|r| by_position(r, plan)).collect(), Some(remark)));
    }
    if rule == SplitRule::Recording && recordings.iter().any(|r| !r.whole) {
        return by_recording(recordings, words, plan);
    }
    // Official, or every recording is a row: groups are those that are named, and windows of one recording stay together
    // whatever is drawn within a side.
    let own = |r: &Recording| r.group.clone().or_else(|| (!r.whole).then(|| r.id.clone()));
    let whole = |r: &Recording| vec![Section { rows: 0..r.rows, split: r.split, group: own(r) }];
    Ok((recordings.iter().map(whole).collect(), None))
}

/// The classes that occur in a recording.
fn classes(recording: &Recording, words: &[String]) -> Vec<String> {
    // The order in which a window gets its label.
    if let Some(flagged) = &recording.flagged {
        let normal = flagged.iter().map(|r| r.end - r.start).sum::<u64>() < recording.rows;
        let both = [normal, !flagged.is_empty()];
        return FLAGS.iter().zip(both).filter(|(_, there)| *there).map(|(name, _)| (*name).to_string()).collect();
    }
    if !recording.runs.is_empty() {
        let used: BTreeSet<u32> = recording.runs.iter().filter_map(|(_, word)| *word).collect();
        return used.into_iter().filter_map(|word| words.get(word as usize)).cloned().collect();
    }
    if let Some(label) = &recording.label {
        return vec![label.clone()];
    }
    let number = recording.target_column.is_some() || recording.target.is_some() || recording.life.is_some();
    if number { vec![String::new()] } else { Vec::new() }
}

/// True if all recordings belong to one group, so that nothing could be drawn beside it.
pub fn lonely(recordings: &[Recording]) -> bool {
    recordings.iter().map(group).collect::<BTreeSet<_>>().len() == 1
}

/// What a recording belongs to.
fn group(recording: &Recording) -> String {
    recording.group.clone().unwrap_or_else(|| recording.id.clone())
}

/// The groups of each class.
fn groups(recordings: &[Recording], words: &[String]) -> BTreeMap<String, BTreeSet<String>> {
    let mut groups: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for recording in recordings {
        for class in classes(recording, words) {
            groups.entry(class).or_default().insert(group(recording));
        }
    }
    groups
}

/// The classes that have one group only.
fn single(recordings: &[Recording], words: &[String]) -> Vec<String> {
    groups(recordings, words).into_iter().filter(|(_, groups)| groups.len() == 1).map(|(class, _)| class).collect()
}

/// True if some class has several groups.
fn several(recordings: &[Recording], words: &[String]) -> bool {
    groups(recordings, words).values().any(|groups| groups.len() > 1)
}

fn by_position(recording: &Recording, plan: Plan) -> Vec<Section> {
    if recording.whole {
        return vec![Section { rows: 0..recording.rows, split: recording.split, group: recording.group.clone() }];
    }
    let end = (recording.rows as f64 * TRAIN_SHARE) as u64;
    let from = (end + plan.window as u64).min(recording.rows);
    let side = |rows, split| Section { rows, split: Some(split), group: None };
    vec![side(0..end, Split::Train), side(from..recording.rows, Split::Test)]
}

fn position_remark(recordings: &[Recording], words: &[String], plan: Plan) -> String {
    let single = single(recordings, words);
    let why = match single.first() {
        Some(class) if !class.is_empty() => format!("class \"{class}\" has one recording only, so the"),
        _ => "the".into(),
    };
    let short = recordings.iter().filter(|r| !r.whole).map(|r| by_position(r, plan));
    let short = short.filter(|s| s.last().is_some_and(|s| s.rows.end - s.rows.start < plan.window as u64)).count();
    let untested = match short {
        0 => String::new(),
        _ => format!(". {short} recordings are too short to be tested on; set a smaller window"),
    };
    format!(
        "{why} split is by position: the first 70 % of each recording train, the last 30 % test, one window between \
         them left out. The same machine stands on both sides, which flatters the figures; recordings of further \
         machines, named in a group column, would give honest ones{untested}"
    )
}

/// Each recording with its group. A class of one recording only beside classes of several is cut into as many blocks as
/// these have groups, one window apart, and each block joins one of the groups.
fn by_recording(recordings: &[Recording], words: &[String], plan: Plan) -> Result<(Vec<Vec<Section>>, Option<String>)> {
    let of_class = groups(recordings, words);
    let alone: Vec<&String> = of_class.iter().filter(|(_, g)| g.len() == 1).map(|(class, _)| class).collect();
    let others: BTreeSet<&String> = of_class.values().filter(|g| g.len() > 1).flatten().collect();
    if !alone.is_empty() && others.is_empty() {
        return Err(Error::config(format!(
            "split = \"recording\", but class \"{}\" has one recording only; use split = \"position\", or name groups",
            alone[0]
        )));
    }
    // A single recording without labels is no group: nothing could be drawn beside it.
    let lonely = lonely(recordings);
    let mut remark = None;
    let sections = recordings
        .iter()
        .map(|recording| {
            let class = classes(recording, words);
            if recording.whole || class.is_empty() || !class.iter().all(|c| alone.contains(&c)) {
                let group = (!lonely).then(|| group(recording));
                return vec![Section { rows: 0..recording.rows, split: None, group }];
            }
            remark = Some(format!(
                "{} is the one recording of its class: it is cut into {} blocks, which join the groups of the others",
                recording.id,
                others.len()
            ));
            blocks(recording.rows, plan.window as u64, &others)
        })
        .collect();
    Ok((sections, remark))
}

fn blocks(rows: u64, gap: u64, groups: &BTreeSet<&String>) -> Vec<Section> {
    let count = groups.len() as u64;
    groups
        .iter()
        .zip(0..)
        .map(|(group, at): (&&String, u64)| {
            let start = at * rows / count + if at == 0 { 0 } else { gap };
            let end = (at + 1) * rows / count;
            Section { rows: start.min(end)..end, split: None, group: Some((*group).clone()) }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: Plan = Plan { window: 10, stride: 10 };

    fn recording(id: &str, label: &str) -> Recording {
        Recording { id: id.into(), label: Some(label.into()), rows: 100, ..Recording::default() }
    }

    fn cut(recordings: &[Recording], config: &SeriesConfig) -> (Vec<Vec<Section>>, Option<String>) {
        sections(recordings, &[], PLAN, rule(recordings, &[], config).unwrap()).unwrap()
    }

    #[test]
    fn recordings_are_kept_whole_where_each_class_has_several() {
        let all = [recording("1", "a"), recording("2", "a"), recording("3", "b"), recording("4", "b")];
        let (sections, remark) = cut(&all, &SeriesConfig::default());
        let expected = Section { rows: 0..100, split: None, group: Some("3".into()) };
        assert_eq!((&sections[2], remark), (&vec![expected], None));
        let named = Recording { group: Some("m".into()), ..recording("5", "a") };
        let (sections, _) = cut(&[named.clone(), recording("2", "a")], &SeriesConfig::default());
        assert_eq!(sections[0][0].group.as_deref(), Some("m"));
    }

    #[test]
    fn one_recording_a_class_is_split_by_position_with_a_gap_and_a_remark() {
        let (sections, remark) = cut(&[recording("1", "a"), recording("2", "b")], &SeriesConfig::default());
        let side = |rows, split| Section { rows, split: Some(split), group: None };
        assert_eq!(sections[0], [side(0..70, Split::Train), side(80..100, Split::Test)]);
        assert!(remark.unwrap().contains("class \"a\" has one recording only"));
    }

    #[test]
    fn the_official_split_comes_first_and_cannot_be_invented() {
        let train = Recording { split: Some(Split::Train), ..recording("1", "a") };
        let (sections, _) = cut(&[train], &SeriesConfig::default());
        // Its windows stay together, whatever is drawn within a side.
        assert_eq!(sections[0], [Section { rows: 0..100, split: Some(Split::Train), group: Some("1".into()) }]);
        let official = SeriesConfig { split: SplitRule::Official, ..SeriesConfig::default() };
        assert!(rule(&[recording("1", "a")], &[], &official).unwrap_err().to_string().contains("official"));
    }

    #[test]
    fn by_kind_of_fault_the_normal_recording_joins_every_size() {
        let size = |id: &str, label: &str, size: &str| Recording { group: Some(size.into()), ..recording(id, label) };
        let all = [size("1", "ball", "7"), size("2", "ball", "14"), recording("3", "normal")];
        let kind = SeriesConfig { label: LabelRule::Kind, ..SeriesConfig::default() };
        let (sections, remark) = cut(&all, &kind);
        let block = |rows, group: &str| Section { rows, split: None, group: Some(group.into()) };
        assert_eq!(sections[2], [block(0..50, "14"), block(60..100, "7")]);
        assert!(remark.unwrap().contains("2 blocks"));
        let alone = [recording("1", "a"), recording("2", "b")];
        assert!(super::sections(&alone, &[], PLAN, SplitRule::Recording).is_err());
    }

    #[test]
    fn flags_make_two_classes() {
        let flagged = |id: &str| Recording { label: None, flagged: Some(vec![3..9, 11..12]), ..recording(id, "") };
        assert_eq!(classes(&flagged("1"), &[]), FLAGS);
        let (sections, _) = cut(&[flagged("1"), flagged("2")], &SeriesConfig::default());
        assert_eq!(sections[1][0].group.as_deref(), Some("2"));
    }
}
