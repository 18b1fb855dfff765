//! A dataset of recordings: a folder, a manifest, ESC-50's layout, one file, or the built-in one.

use std::{collections::HashMap, io::Read, path::Path};

use manabi_core::{
    Error, Result,
    data::{DataSpec, Listing, Source, apply_labels, parse_labels},
};

use crate::{
    clip::{Clip, Facts},
    source::{Layout, Recordings, SplitRule, clips, layout, listing},
    synthetic,
};

/// The highest working rate that is chosen without being asked for.
pub const HIGHEST_RATE: u32 = 16_000;

/// Bytes of a labels file that tell whether it names files or clips.
const LOOKED_AT: u64 = 1 << 24;

/// What opening needs to know.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// The working rate in Hz; the files' commonest, up to [`HIGHEST_RATE`], if it is `None`.
    pub rate: Option<u32>,
    /// Longer recordings are cut into clips, in seconds.
    pub max_seconds: f64,
    /// Length of these clips in seconds.
    pub part_seconds: f64,
    /// Drawn or official splits.
    pub split: SplitRule,
    /// The group (of ESC-50 the fold) that is the test, if one is named.
    pub held_out: Option<&'a str>,
}

/// Opens the dataset.
///
/// # Errors
/// If there is none, or too many of its files cannot be read.
pub fn open(spec: &DataSpec, options: &Options<'_>) -> Result<Box<dyn Source<Clip>>> {
    if layout(&spec.path) == Some(Layout::Synthetic) {
        return Ok(Box::new(synthetic::dataset(&synthetic::Settings::default())?));
    }
    let mut rows = listing(spec, options.split, options.held_out)?;
    let facts = clips::survey(&mut rows);
    let cut = |rows: &mut Listing| clips::split_long(rows, &facts, options.max_seconds, options.part_seconds);
    match &spec.labels {
        None => cut(&mut rows)?,
        Some(labels) => {
            // Labels are of whole files, or of their clips.
            let mut parts = rows.clone();
            cut(&mut parts)?;
            // What is wrong with the file is said by who applies it.
            let named = parse_labels(&beginning(labels)?).unwrap_or_default();
            let ids: std::collections::HashSet<&str> =
                parts.entries.iter().filter(|e| e.part.is_some()).map(|e| e.id.as_str()).collect();
            if named.iter().any(|row| ids.contains(row.id.as_str())) {
                apply_labels(&mut parts, labels)?;
                rows = parts;
            } else {
                apply_labels(&mut rows, labels)?;
                cut(&mut rows)?;
            }
        }
    }
    let rate = options.rate.unwrap_or_else(|| working_rate(&facts));
    let other = facts.iter().filter(|f| f.rate != rate).count();
    if other > 0 {
        rows.notes.push(format!("{other} of {} recordings are resampled to {rate} Hz", facts.len()));
    }
    let mut source = Recordings::open(rows, spec, rate)?;
    source.group_equal()?;
    Ok(Box::new(source))
}

/// The beginning of a labels file, up to its last whole line.
fn beginning(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(LOOKED_AT).read_to_end(&mut bytes))
        .map_err(|e| Error::io(path, e))?;
    if bytes.len() as u64 == LOOKED_AT {
        let end = bytes.iter().rposition(|b| *b == b'\n').map_or(bytes.len(), |at| at + 1);
        bytes.truncate(end);
    }
    Ok(bytes)
}

/// The commonest rate (of equally common ones the highest), at most [`HIGHEST_RATE`].
fn working_rate(facts: &[Facts]) -> u32 {
    let mut counts: HashMap<u32, usize> = HashMap::new();
    facts.iter().for_each(|f| *counts.entry(f.rate).or_default() += 1);
    let commonest = counts.into_iter().max_by_key(|(rate, count)| (*count, *rate));
    commonest.map_or(HIGHEST_RATE, |(rate, _)| rate.min(HIGHEST_RATE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commonest_rate_is_taken_up_to_sixteen_kilohertz() {
        let of = |rates: &[u32]| {
            let facts: Vec<Facts> =
                rates.iter().map(|rate| Facts { rate: *rate, channels: 1, bits: 16, frames: 1 }).collect();
            working_rate(&facts)
        };
        assert_eq!(of(&[8_000, 8_000, 44_100]), 8_000);
        assert_eq!(of(&[44_100, 44_100, 8_000]), 16_000);
        assert_eq!(of(&[8_000, 11_025]), 11_025);
        assert_eq!(of(&[]), 16_000);
    }
}
