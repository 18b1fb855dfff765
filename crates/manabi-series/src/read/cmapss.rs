//! NASA's C-MAPSS turbofan data: `train_FD001.txt`, `test_FD001.txt`, `RUL_FD001.txt`.
//!
//! A line is one cycle of one engine, 26 numbers between blanks: unit, cycle, three settings, 21 sensors. A training
//! engine runs until it fails, so that its remaining life at a cycle is the number of cycles after it; a test engine
//! stops earlier, and `RUL_…` says how many cycles it had left after its last one. As in the literature (Heimes,
//! PHM 2008, and most since) life above 125 cycles counts as 125: a healthy engine shows nothing of its age.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
    path::Path,
    sync::Arc,
};

use manabi_core::{
    Error, Result,
    data::{Entry, Split},
};

use super::{
    dialect::{Dialect, Separator},
    number::number,
    table::Table,
};
use crate::{
    config::SeriesConfig,
    recording::{Catalogue, Life, Recording},
};

/// Columns of a line.
const COLUMNS: usize = 26;
/// Steps of a window in the literature.
pub const WINDOW: usize = 30;

/// The part of the data that a file's name says, and its set (`FD001`).
pub fn part_of(path: &Path) -> Option<(Split, &str)> {
    let (part, set) = path.file_stem()?.to_str()?.split_once('_')?;
    let known = set.len() == 5 && set.starts_with("FD");
    Split::parse(part).filter(|s| known && *s != Split::Valid).map(|split| (split, set))
}

/// True for the file of true remaining lives, which is no data.
pub fn is_answer(path: &Path) -> bool {
    path.file_stem().and_then(|s| s.to_str()).is_some_and(|s| s.len() == 9 && s.starts_with("RUL_FD"))
}

/// Reads the file that `entry` names: a recording an engine.
pub fn read(entry: &Entry, config: &SeriesConfig, catalogue: &mut Catalogue) -> Result<()> {
    let file = |reason: String| Error::file(&entry.path, reason);
    let (split, set) = part_of(&entry.path).ok_or_else(|| file("not named like train_FD001.txt".into()))?;
    let names: Arc<[String]> = names(config).map_err(file)?.into();
    let columns: Vec<usize> = names.iter().filter_map(|n| all_names().iter().position(|a| a == n)).collect();
    let lives = if split == Split::Test { answers(&entry.path, set, catalogue)? } else { Vec::new() };
    let opened = File::open(&entry.path).map_err(|e| Error::io(&entry.path, e))?;
    let dialect = Dialect { separator: Separator::Blanks, header: None, comma: false };
    let mut table = Table::new(BufReader::new(opened), dialect).map_err(file)?;
    let (mut row, mut unit, mut last) = (Vec::new(), None, 0.0);
    while table.advance().map_err(file)? {
        let line = table.number();
        if table.cells() != COLUMNS {
            return Err(file(format!("line {line}: {} numbers instead of {COLUMNS}", table.cells())));
        }
        row.clear();
        for column in 0..COLUMNS {
            let value = number(table.cell(column), false).ok_or_else(|| {
                let text = String::from_utf8_lossy(table.cell(column));
                file(format!("line {line}, column {}: \"{text}\" is not a number", column + 1))
            })?;
            row.push(value);
        }
        let cycle = row[1];
        if unit != Some(row[0]) {
            unit = Some(row[0]);
            let engine = format!("{}", row[0]);
            let name = if split == Split::Test { "test" } else { "train" };
            let known = lives.get((row[0] as usize).wrapping_sub(1)).copied();
            let life = match split {
                Split::Test => known.map(|last| Life { last, cap: config.life_cap, end_only: true }),
                _ => Some(Life { last: 0.0, cap: config.life_cap, end_only: false }),
            };
            catalogue.begin(Recording {
                id: format!("{}:{engine}", entry.id),
                group: Some(format!("{set} {name} engine {engine}")),
                split: Some(split),
                label: None,
                life,
                ..Recording::of(entry, names.clone())
            });
        } else if cycle <= last {
            return Err(file(format!("line {line}: cycle {cycle} of unit {} comes after cycle {last}", row[0])));
        }
        last = cycle;
        let chosen: Vec<f32> = columns.iter().map(|c| row[c + 2]).collect();
        catalogue.push(&chosen)?;
    }
    if unit.is_none() { Err(file("there is no row of values".into())) } else { Ok(()) }
}

fn all_names() -> Vec<String> {
    (1..=3).map(|i| format!("setting {i}")).chain((1..=21).map(|i| format!("sensor {i}"))).collect()
}

fn names(config: &SeriesConfig) -> std::result::Result<Vec<String>, String> {
    let all = all_names();
    if config.columns.is_empty() {
        return Ok(all);
    }
    match config.columns.iter().find(|c| !all.contains(c)) {
        Some(stranger) => Err(format!("there is no column \"{stranger}\"; found: {}", all.join(", "))),
        None => Ok(config.columns.clone()),
    }
}

/// The remaining lives of the test engines, in their order; a remark and nothing if the file is not there.
fn answers(test: &Path, set: &str, catalogue: &mut Catalogue) -> Result<Vec<f64>> {
    let path = test.with_file_name(format!("RUL_{set}.txt"));
    let Ok(opened) = File::open(&path) else {
        catalogue.remark(format!("RUL_{set}.txt is not there: the test engines have no target"));
        return Ok(Vec::new());
    };
    let mut lives = Vec::new();
    for (line, text) in (1u64..).zip(BufReader::new(opened.take(1 << 20)).split(b'\n')) {
        let text = text.map_err(|e| Error::io(&path, e))?;
        if text.trim_ascii().is_empty() {
            continue;
        }
        match number(&text, false).filter(|v| *v >= 0.0) {
            Some(life) => lives.push(f64::from(life)),
            None => return Err(Error::file(&path, format!("line {line}: not a number of cycles"))),
        }
    }
    Ok(lives)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(unit: usize, cycle: usize) -> String {
        let values: Vec<String> = (0..24).map(|i| format!("{}.5", cycle * 100 + i)).collect();
        format!("{unit} {cycle} {} \n", values.join(" "))
    }

    fn read_files(files: &[(&str, String)]) -> Result<Catalogue> {
        let dir = tempfile::tempdir().unwrap();
        let mut catalogue = Catalogue::new(1 << 20);
        for (name, text) in files {
            std::fs::write(dir.path().join(name), text).unwrap();
        }
        for (name, _) in files.iter().filter(|f| !f.0.starts_with("RUL")) {
            read(&Entry::new(*name, dir.path().join(name)), &SeriesConfig::default(), &mut catalogue)?;
        }
        Ok(catalogue)
    }

    #[test]
    fn engines_are_recordings_with_their_remaining_life() {
        let train = line(1, 1) + &line(1, 2) + &line(2, 1);
        let found = read_files(&[
            ("train_FD001.txt", train),
            ("test_FD001.txt", line(1, 1)),
            ("RUL_FD001.txt", "112 \n".into()),
        ])
        .unwrap();
        let engines: Vec<_> =
            found.recordings.iter().map(|r| (r.id.as_str(), r.rows, r.split, r.life.unwrap().last)).collect();
        let (train, test) = (Some(Split::Train), Some(Split::Test));
        assert_eq!(
            engines,
            [
                ("train_FD001.txt:1", 2, train, 0.0),
                ("train_FD001.txt:2", 1, train, 0.0),
                ("test_FD001.txt:1", 1, test, 112.0)
            ]
        );
        assert_eq!((found.recordings[0].channels.len(), &*found.recordings[0].channels[3]), (24, "sensor 1"));
        assert!(found.recordings[2].life.unwrap().end_only);
    }

    #[test]
    fn broken_lines_are_named() {
        let message = |text: String| read_files(&[("train_FD001.txt", text)]).unwrap_err().to_string();
        assert!(message(line(1, 1) + "1 2 3\n").contains("line 2: 3 numbers instead of 26"));
        assert!(message(line(1, 2) + &line(1, 1)).contains("cycle 1 of unit 1 comes after cycle 2"));
        assert!(message(line(1, 1).replace("103.5", "x")).contains("line 1, column 6: \"x\""));
    }

    #[test]
    fn files_are_known_by_their_names() {
        assert_eq!(part_of(Path::new("a/train_FD003.txt")), Some((Split::Train, "FD003")));
        assert_eq!((part_of(Path::new("train_data.txt")), is_answer(Path::new("RUL_FD001.txt"))), (None, true));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("test_FD001.txt");
            std::fs::write(&path, &bytes).unwrap();
            std::fs::write(dir.path().join("RUL_FD001.txt"), &bytes).unwrap();
            let _ = read(&Entry::new("x", &path), &SeriesConfig::default(), &mut Catalogue::new(64));
        }
    }
}
