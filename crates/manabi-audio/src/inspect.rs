//! The inventory of a dataset: lengths, rates, channels, bits, silent and clipped clips, duplicates.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
};

use manabi_core::{Result, data::Source};
use rayon::prelude::*;
use serde::Serialize;

use crate::clip::{Clip, Wave};

/// A clip is silent if nothing in it is louder: −80 dB of full scale.
const SILENT: f32 = 1e-4;
/// A clip is clipped if more than one in a thousand of its samples are within a hundredth of full scale.
const CLIPPED: f32 = 1e-3;
const FULL: f32 = 0.99;
/// A mean of more than a hundredth of full scale is a fault of the recorder.
const OFFSET: f32 = 0.01;

/// What a dataset of recordings is made of.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Inventory {
    /// Number of clips.
    pub clips: usize,
    /// Shortest, median and longest clip in seconds.
    pub seconds: (f64, f64, f64),
    /// All clips together in seconds.
    pub total: f64,
    /// Files' sampling rates in Hz, and how many clips have each.
    pub rates: BTreeMap<u32, usize>,
    /// Files' channels, and how many clips have each number.
    pub channels: BTreeMap<u16, usize>,
    /// Files' bits a sample (0 where the format has none), and how many clips have each number.
    pub bits: BTreeMap<u16, usize>,
    /// Ids of silent clips.
    pub silent: Vec<String>,
    /// Ids of clipped clips.
    pub clipped: Vec<String>,
    /// Ids of clips whose mean is off zero.
    pub offset: Vec<String>,
    /// Groups of ids of equal content.
    pub duplicates: Vec<Vec<String>>,
}

impl Inventory {
    /// The same as `(name, value)`, for a table.
    pub fn facts(&self) -> Vec<(String, String)> {
        let (min, median, max) = self.seconds;
        let some = |ids: &[String]| match ids {
            [] => "none".to_string(),
            [first, ..] => format!("{} of {}, such as {first}", ids.len(), self.clips),
        };
        let duplicates = match self.duplicates.as_slice() {
            [] => "none".to_string(),
            [first, ..] => {
                let rows: usize = self.duplicates.iter().map(Vec::len).sum();
                format!("{rows} clips in {} groups, such as {} and {}", self.duplicates.len(), first[0], first[1])
            }
        };
        vec![
            ("length, seconds".into(), format!("{min:.2} to {max:.2}, median {median:.2}")),
            ("length of all".into(), length(self.total)),
            ("rate, Hz".into(), counts(&self.rates)),
            ("channels".into(), counts(&self.channels)),
            ("bits a sample".into(), counts(&self.bits)),
            ("silent".into(), some(&self.silent)),
            ("clipped".into(), some(&self.clipped)),
            ("off zero".into(), some(&self.offset)),
            ("equal content".into(), duplicates),
        ]
    }
}

/// `16000`, or `8000 (12 clips), 16000 (3 clips)`.
fn counts<K: std::fmt::Display>(counts: &BTreeMap<K, usize>) -> String {
    match counts.len() {
        1 => counts.keys().map(K::to_string).collect(),
        _ => counts.iter().map(|(k, n)| format!("{k} ({n} clips)")).collect::<Vec<_>>().join(", "),
    }
}

fn length(seconds: f64) -> String {
    match seconds {
        s if s < 120.0 => format!("{s:.1} seconds"),
        s if s < 7_200.0 => format!("{:.1} minutes", s / 60.0),
        s => format!("{:.1} hours", s / 3_600.0),
    }
}

/// What is kept of a clip.
struct Seen {
    seconds: f64,
    facts: crate::clip::Facts,
    silent: bool,
    clipped: bool,
    offset: bool,
    content: (usize, u64),
}

fn look(wave: &Wave) -> Seen {
    let samples = &wave.samples;
    let peak = samples.iter().fold(0.0f32, |m, v| m.max(v.abs()));
    let full = samples.iter().filter(|v| v.abs() >= FULL).count();
    let mean = samples.iter().map(|v| f64::from(*v)).sum::<f64>() / samples.len().max(1) as f64;
    Seen {
        seconds: wave.seconds(),
        facts: wave.facts,
        silent: peak < SILENT,
        clipped: full as f32 > CLIPPED * samples.len() as f32,
        offset: mean.abs() as f32 > OFFSET,
        content: fingerprint(wave),
    }
}

/// Length and a hash of the samples: equal for equal content.
pub(crate) fn fingerprint(wave: &Wave) -> (usize, u64) {
    let mut hasher = DefaultHasher::new();
    wave.samples.iter().for_each(|v| v.to_bits().hash(&mut hasher));
    (wave.samples.len(), hasher.finish())
}

/// Rows of equal content, in groups of two or more.
pub(crate) fn equal(contents: impl Iterator<Item = (usize, u64)>) -> Vec<Vec<usize>> {
    let mut rows: BTreeMap<(usize, u64), Vec<usize>> = BTreeMap::new();
    contents.enumerate().for_each(|(row, content)| rows.entry(content).or_default().push(row));
    let mut groups: Vec<Vec<usize>> = rows.into_values().filter(|g| g.len() > 1).collect();
    groups.sort_unstable();
    groups
}

/// Listens to every clip of `source`; `None` if there is none.
pub fn inspect(source: &dyn Source<Clip>) -> Result<Option<Inventory>> {
    let seen: Vec<Seen> =
        (0..source.len()).into_par_iter().map(|row| Ok(look(source.load(row)?.wave()?))).collect::<Result<_>>()?;
    let mut lengths: Vec<f64> = seen.iter().map(|s| s.seconds).collect();
    lengths.sort_by(f64::total_cmp);
    let (Some(&min), Some(&max)) = (lengths.first(), lengths.last()) else { return Ok(None) };
    let id = |row: usize| source.records()[row].id.clone();
    let those = |which: fn(&Seen) -> bool| (0..seen.len()).filter(|r| which(&seen[*r])).map(id).collect();
    let mut inventory = Inventory {
        clips: seen.len(),
        seconds: (min, lengths[(lengths.len() - 1) / 2], max),
        total: lengths.iter().sum(),
        rates: BTreeMap::new(),
        channels: BTreeMap::new(),
        bits: BTreeMap::new(),
        silent: those(|s| s.silent),
        clipped: those(|s| s.clipped),
        offset: those(|s| s.offset),
        duplicates: equal(seen.iter().map(|s| s.content))
            .into_iter()
            .map(|g| g.into_iter().map(id).collect())
            .collect(),
    };
    for Seen { facts, .. } in &seen {
        *inventory.rates.entry(facts.rate).or_default() += 1;
        *inventory.channels.entry(facts.channels).or_default() += 1;
        *inventory.bits.entry(facts.bits).or_default() += 1;
    }
    Ok(Some(inventory))
}

#[cfg(test)]
mod tests {
    use manabi_core::data::{Entry, Listing, MemorySource};

    use super::*;

    #[test]
    fn faults_are_found_and_named() {
        let tone: Vec<f32> = (0..1_000).map(|i| 0.5 * (i as f32 * 0.3).sin()).collect();
        let loud = tone.iter().map(|v| (v * 4.0).clamp(-1.0, 1.0)).collect();
        let off = tone.iter().map(|v| v + 0.1).collect();
        let waves = [tone.clone(), vec![0.0; 500], loud, off, tone];
        let clips = waves.into_iter().map(|w| Clip::Wave(Wave::new(w, 1_000))).collect();
        let entries = (0..5).map(|i| Entry::new(format!("c{i}"), "")).collect();
        let source = MemorySource::new(Listing { entries, ..Listing::default() }, clips).unwrap();
        let found = inspect(&source).unwrap().unwrap();
        assert_eq!(found.seconds, (0.5, 1.0, 1.0));
        assert_eq!(
            (found.silent, found.clipped, found.offset),
            (vec!["c1".into()], vec!["c2".into()], vec!["c3".into()])
        );
        assert_eq!(found.duplicates, [["c0", "c4"]]);
        let facts = inspect(&source).unwrap().unwrap().facts();
        assert_eq!(facts[0].1, "0.50 to 1.00, median 1.00");
        assert_eq!(facts[2].1, "1000");
        assert!(facts[8].1.contains("2 clips in 1 groups, such as c0 and c4"));
        let none = MemorySource::<Clip>::new(Listing::default(), vec![]).unwrap();
        assert!(inspect(&none).unwrap().is_none());
    }
}
