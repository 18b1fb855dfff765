//! Long recordings as rows of clips: nothing is read but the headers.

use manabi_core::{
    Result,
    data::{Entry, Listing, Skipped},
};
use rayon::prelude::*;

use crate::{clip::Facts, decode::probe};

/// Rows beyond this many are refused: a week of half-second clips.
const MAX_PARTS: u64 = 1_200_000;

/// The clips of a recording: `seconds` long, the last one at least half of that.
///
/// Shape: frames of the file, in order, without gaps up to what the last half clip leaves over.
pub fn cut(facts: &Facts, seconds: f64) -> Vec<std::ops::Range<u64>> {
    let length = ((seconds * f64::from(facts.rate)).round() as u64).max(1);
    let count = ((facts.frames + length / 2) / length).max(1);
    (0..count).map(|i| i * length..((i + 1) * length).min(facts.frames)).collect()
}

/// What each row's header says; rows whose header cannot be read go to [`Listing::skipped`].
pub(crate) fn survey(listing: &mut Listing) -> Vec<Facts> {
    let entries = std::mem::take(&mut listing.entries);
    let found: Vec<Result<Facts>> = entries.par_iter().map(|e| probe(&e.path)).collect();
    let mut facts = Vec::with_capacity(entries.len());
    for (entry, found) in entries.into_iter().zip(found) {
        match found {
            Ok(fact) => {
                facts.push(fact);
                listing.entries.push(entry);
            }
            Err(e) => listing.skipped.push(Skipped { id: entry.id, reason: without_path(e) }),
        }
    }
    facts
}

/// Replaces recordings longer than `max_seconds` by their clips of `seconds`. The file is the group of its clips,
/// unless it has one.
pub(crate) fn split_long(listing: &mut Listing, facts: &[Facts], max_seconds: f64, seconds: f64) -> Result<()> {
    let (mut long, mut hours, mut parts) = (0usize, 0.0, 0u64);
    let mut entries = Vec::with_capacity(listing.entries.len());
    for (entry, facts) in std::mem::take(&mut listing.entries).into_iter().zip(facts) {
        if facts.seconds() <= max_seconds {
            entries.push(entry);
            continue;
        }
        long += 1;
        hours += facts.seconds() / 3_600.0;
        parts += (facts.seconds() / seconds) as u64 + 1;
        if parts > MAX_PARTS {
            return Err(manabi_core::Error::data(format!(
                "{}: more than {MAX_PARTS} clips of {seconds} s; raise seconds",
                entry.id
            )));
        }
        for part in cut(facts, seconds) {
            let begin = part.start as f64 / f64::from(facts.rate);
            let id = format!("{}@{begin:09.2}s", entry.id);
            let group = entry.group.clone().or_else(|| Some(entry.id.clone()));
            entries.push(Entry { id, group, part: Some(part), ..entry.clone() });
        }
    }
    if long > 0 {
        let rows = entries.iter().filter(|e| e.part.is_some()).count();
        listing.notes.push(format!(
            "{long} recordings longer than {max_seconds} s ({hours:.1} hours) are read as {rows} clips of {seconds} s; \
             the clips of a file never stand in two splits"
        ));
    }
    listing.entries = entries;
    Ok(())
}

/// The reason alone: the id stands beside it already.
fn without_path(error: manabi_core::Error) -> String {
    match error {
        manabi_core::Error::File { reason, .. } => reason,
        manabi_core::Error::Io { source, .. } => source.to_string(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(frames: u64) -> Facts {
        Facts { rate: 100, channels: 1, bits: 16, frames }
    }

    #[test]
    fn the_last_clip_is_at_least_half_a_clip() {
        assert_eq!(cut(&facts(1_000), 5.0), [0..500, 500..1_000]);
        assert_eq!(cut(&facts(1_249), 5.0), [0..500, 500..1_000]);
        assert_eq!(cut(&facts(1_250), 5.0), [0..500, 500..1_000, 1_000..1_250]);
        assert_eq!(cut(&facts(10), 5.0), [0..10]);
    }

    #[test]
    fn clips_keep_label_and_group_and_name_their_second() {
        let entry = Entry { label: Some("saw".into()), ..Entry::new("a.wav", "a.wav") };
        let mut l = Listing { entries: vec![entry, Entry::new("b.wav", "b.wav")], ..Listing::default() };
        split_long(&mut l, &[facts(4_000), facts(3_000)], 30.0, 10.0).unwrap();
        let ids: Vec<&str> = l.entries.iter().map(|e| e.id.as_str()).collect();
        assert_eq!(ids, ["a.wav@000000.00s", "a.wav@000010.00s", "a.wav@000020.00s", "a.wav@000030.00s", "b.wav"]);
        assert_eq!(l.entries[3].part, Some(3_000..4_000));
        assert_eq!((l.entries[1].group.as_deref(), l.entries[1].label.as_deref()), (Some("a.wav"), Some("saw")));
        assert_eq!((l.entries[4].group.as_deref(), &l.entries[4].part), (None, &None));
        assert!(l.notes[0].starts_with("1 recordings longer than 30 s"), "{:?}", l.notes);
    }
}
