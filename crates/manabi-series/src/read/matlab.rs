//! From MATLAB arrays to a recording: arrays of one length are its channels.
//!
//! A matrix is taken along its longer side. Of arrays of several lengths those are taken that hold most values.
//! The Case Western Reserve bearing files (CWRU) are known by their names: `X105_DE_time` is the channel `DE_time`,
//! and `IR007`, `B014`, `OR021@6` or `normal` in the file's name is the class.

use std::{collections::BTreeMap, fs::File, io::Read, sync::Arc};

use manabi_core::{Error, Result, data::Entry};

use super::{
    clock::{Clock, Timing},
    mat::{Variable, parse},
};
use crate::{
    config::{LabelRule, SeriesConfig},
    recording::{Catalogue, Recording},
};

/// Larger files are refused.
const MAX_BYTES: u64 = 1 << 30;
/// Shorter arrays are settings, not recordings.
const MIN_ROWS: usize = 16;

/// Reads the file that `entry` names.
pub fn read(entry: &Entry, config: &SeriesConfig, catalogue: &mut Catalogue) -> Result<()> {
    let file = |reason: String| Error::file(&entry.path, reason);
    let mut bytes = Vec::new();
    let opened = File::open(&entry.path).map_err(|e| Error::io(&entry.path, e))?;
    opened.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|e| Error::io(&entry.path, e))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(file(format!("more than {} GiB", MAX_BYTES >> 30)));
    }
    let variables = parse(&bytes).map_err(file)?;
    drop(bytes);
    let stem = entry.path.file_stem().and_then(|s| s.to_str()).unwrap_or_default();
    let bearing = variables.iter().any(|v| v.name.starts_with('X') && v.name.ends_with("_time"));
    let channels = channels(variables, stem, config, catalogue).map_err(file)?;
    let names: Arc<[String]> = channels.names.into();
    let mut recording = Recording { timing: channels.timing, ..Recording::of(entry, names.clone()) };
    if let Some(fault) = bearing.then(|| fault(stem)).flatten() {
        let (label, group) = fault.named(config.label);
        recording.label = recording.label.or(Some(label));
        recording.group = recording.group.or(group);
        recording.timing = recording.timing.or(rate(stem));
    }
    catalogue.begin(recording);
    let length = channels.values.first().map_or(0, Vec::len);
    // Channel after channel becomes row after row, a block at a time.
    let mut rows = Vec::new();
    for start in (0..length).step_by(4096) {
        rows.clear();
        for at in start..(start + 4096).min(length) {
            rows.extend(channels.values.iter().map(|c| c[at]));
        }
        catalogue.push(&rows)?;
    }
    Ok(())
}

struct Channels {
    names: Vec<String>,
    values: Vec<Vec<f32>>,
    timing: Option<Timing>,
}

/// The arrays of one length that hold most, each a channel.
fn channels(
    variables: Vec<Variable>,
    stem: &str,
    config: &SeriesConfig,
    catalogue: &mut Catalogue,
) -> std::result::Result<Channels, String> {
    let mut by_length: BTreeMap<usize, Vec<(String, Vec<f32>)>> = BTreeMap::new();
    let all: Vec<String> = variables.iter().map(|v| v.name.clone()).collect();
    for variable in without_strangers(variables, stem) {
        let name = plain_name(&variable.name).to_string();
        let (long, wide) = match variable.dims[..] {
            [a, b] => (a.max(b), a.min(b)),
            _ => continue,
        };
        if long < MIN_ROWS {
            continue;
        }
        for column in 0..wide {
            // The first index runs fastest: a tall matrix lies there column by column, a flat one row by row.
            let values = if variable.dims[0] == long {
                variable.values[column * long..(column + 1) * long].to_vec()
            } else {
                variable.values.iter().skip(column).step_by(wide).copied().collect()
            };
            let name = if wide == 1 { name.clone() } else { format!("{name}[{}]", column + 1) };
            by_length.entry(long).or_default().push((name, values));
        }
    }
    let lengths = by_length.len();
    let Some((_, mut arrays)) = by_length.into_iter().max_by_key(|(length, arrays)| length * arrays.len()) else {
        return Err(format!("no array of numbers of at least {MIN_ROWS} steps; it holds: {}", all.join(", ")));
    };
    if lengths > 1 {
        catalogue.remark("arrays of another length than the largest ones are left out");
    }
    let is_time = |name: &str| matches!(name.to_ascii_lowercase().as_str(), "t" | "time" | "timestamp");
    let time =
        arrays.iter().position(|(name, _)| is_time(name)).filter(|_| arrays.len() > 1).map(|at| arrays.remove(at));
    let timing = time.map(|(_, values)| {
        let times: Vec<f64> = values.iter().take(super::clock::LEARN).map(|v| f64::from(*v)).collect();
        Clock::new(&times, true, config.resample).timing
    });
    if !config.columns.is_empty() {
        let mut wanted = Vec::new();
        for name in &config.columns {
            let at = arrays.iter().position(|(found, _)| found.eq_ignore_ascii_case(name));
            let names: Vec<&str> = arrays.iter().map(|a| a.0.as_str()).collect();
            let at = at.ok_or_else(|| format!("there is no array \"{name}\"; found: {}", names.join(", ")))?;
            wanted.push(arrays[at].clone());
        }
        arrays = wanted;
    }
    let (names, values) = arrays.into_iter().unzip();
    Ok(Channels { names, values, timing })
}

/// `DE_time` of `X105_DE_time`: the number of the file says nothing of the channel.
fn plain_name(name: &str) -> &str {
    let Some(rest) = name.strip_prefix('X') else { return name };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    match rest.split_at(digits) {
        (number, rest) if !number.is_empty() && rest.len() > 1 => rest.strip_prefix('_').unwrap_or(rest),
        _ => name,
    }
}

/// Some CWRU files hold the arrays of a second recording too: those stay whose number ends the file's name.
fn without_strangers(variables: Vec<Variable>, stem: &str) -> Vec<Variable> {
    let own = stem.rsplit('_').next().and_then(|n| n.parse::<u32>().ok()).map(|n| format!("X{n:03}"));
    match own {
        Some(own) if variables.iter().any(|v| v.name.starts_with(&own)) => {
            variables.into_iter().filter(|v| !v.name.starts_with('X') || v.name.starts_with(&own)).collect()
        }
        _ => variables,
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Fault {
    kind: &'static str,
    /// Thousandths of an inch, three digits.
    size: Option<String>,
}

impl Fault {
    /// Its class, and its group where the class is the kind alone.
    fn named(&self, rule: LabelRule) -> (String, Option<String>) {
        match (&self.size, rule) {
            (Some(size), LabelRule::Auto) => (format!("{} {size}", self.kind), None),
            (Some(size), LabelRule::Kind) => (self.kind.into(), Some(format!("size {size}"))),
            (None, _) => (self.kind.into(), None),
        }
    }
}

/// The fault that a CWRU file's name states.
fn fault(stem: &str) -> Option<Fault> {
    stem.split(['_', '@', '-', ' ']).find_map(|word| {
        if word.eq_ignore_ascii_case("normal") {
            return Some(Fault { kind: "normal", size: None });
        }
        let (letters, digits) = word.split_at(word.find(|c: char| c.is_ascii_digit())?);
        let kind = match letters {
            "B" => "ball",
            "IR" => "inner",
            "OR" => "outer",
            _ => return None,
        };
        let size = digits.get(..3).filter(|d| d.bytes().all(|b| b.is_ascii_digit()))?;
        Some(Fault { kind, size: Some(size.to_string()) })
    })
}

/// The sampling interval that a CWRU file's name states (`12k`).
fn rate(stem: &str) -> Option<Timing> {
    let thousands = stem.split('_').find_map(|w| w.strip_suffix('k')?.parse::<f64>().ok()).filter(|k| *k > 0.0)?;
    Some(Timing { interval: Some(1e-3 / thousands), seconds: true, ..Timing::default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variable(name: &str, rows: usize, columns: usize) -> Variable {
        let values = (0..rows * columns).map(|v| v as f32).collect();
        Variable { name: name.into(), dims: vec![rows, columns], values }
    }

    fn of(variables: Vec<Variable>, stem: &str) -> Channels {
        channels(variables, stem, &SeriesConfig::default(), &mut Catalogue::default()).unwrap()
    }

    #[test]
    fn names_of_bearing_files_are_understood() {
        let named = |stem: &str, rule| fault(stem).map(|f| f.named(rule));
        assert_eq!(named("12k_Drive_End_OR007@6_0_130", LabelRule::Auto), Some(("outer 007".into(), None)));
        assert_eq!(named("12k_Drive_End_B021_0_222", LabelRule::Kind), Some(("ball".into(), Some("size 021".into()))));
        assert_eq!(named("normal_0_97", LabelRule::Kind), Some(("normal".into(), None)));
        assert_eq!(named("12k_Drive_End_IR014_0_169", LabelRule::Auto), Some(("inner 014".into(), None)));
        assert_eq!((fault("recording_5"), fault("Båt_é"), rate("normal_0_97")), (None, None, None));
        assert!((rate("12k_Drive_End_B021_0_222").unwrap().interval.unwrap() - 1.0 / 12_000.0).abs() < 1e-12);
    }

    #[test]
    fn arrays_of_one_length_are_channels_and_scalars_are_not() {
        let found =
            of(vec![variable("X097_DE_time", 50, 1), variable("X097_FE_time", 1, 50), variable("X097RPM", 1, 1)], "a");
        assert_eq!(found.names, ["DE_time", "FE_time"]);
        assert!(found.values[1] == found.values[0] && found.values[0].len() == 50);
    }

    #[test]
    fn a_matrix_is_taken_along_its_longer_side() {
        let tall = of(vec![variable("m", 20, 2)], "a");
        assert_eq!((tall.names, tall.values[1][0]), (vec!["m[1]".to_string(), "m[2]".to_string()], 20.0));
        let flat = of(vec![variable("m", 2, 20)], "a");
        assert_eq!((flat.values[0][1], flat.values[1][0]), (2.0, 1.0));
    }

    #[test]
    fn arrays_of_another_recording_are_left_out() {
        let found = of(vec![variable("X097_DE_time", 99, 1), variable("X098_DE_time", 50, 1)], "normal_1_98");
        assert_eq!((found.names.len(), found.values[0].len()), (1, 50));
    }

    #[test]
    fn an_array_of_times_gives_the_interval() {
        let mut time = variable("time", 40, 1);
        time.values.iter_mut().for_each(|v| *v *= 0.5);
        let found = of(vec![variable("x", 40, 1), time], "a");
        assert_eq!((found.names, found.timing.unwrap().interval), (vec!["x".to_string()], Some(0.5)));
    }
}
