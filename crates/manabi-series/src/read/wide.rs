//! Tables whose lines are series: the first cell is the class, the others are the values (the UCR archive's `.tsv`).

use std::{fs::File, io::BufReader, sync::Arc};

use manabi_core::{
    Error, Result,
    data::{Entry, Split},
};

use super::{
    dialect::{Head, head_of},
    number::number,
    table::Table,
};
use crate::{
    config::SeriesConfig,
    recording::{Catalogue, Recording},
};

/// The official part that a file's name ends in, as `GunPoint_TRAIN.tsv`.
pub fn split_of(stem: &str) -> Option<Split> {
    let word = stem.rsplit_once(['_', '-', '.'])?.1;
    matches!(word, "TRAIN" | "TEST" | "Train" | "Test").then(|| Split::parse(word)).flatten()
}

/// True if a table with this name and beginning holds a series a line.
pub fn is_wide(entry: &Entry, head: &Head) -> bool {
    let width = head.rows.first().map_or(0, Vec::len);
    let whole = |cell: &str| cell.parse::<f64>().is_ok_and(|v| v.fract() == 0.0);
    let classes = head.column(0).all(whole);
    let stem = entry.path.file_stem().and_then(|s| s.to_str()).unwrap_or_default();
    let tsv = entry.path.extension().is_some_and(|e| e.eq_ignore_ascii_case("tsv"));
    // Whole numbers in every column would be a table of counts.
    let values = (1..width).any(|c| !head.column(c).all(|cell| whole(cell) || cell.is_empty()));
    head.dialect.header.is_none()
        && classes
        && ((split_of(stem).is_some() && width >= 8) || (tsv && width >= 16 && values))
}

/// Reads the table that `entry` names. The label of `entry`, the name of a set among several, is put before the class.
pub fn read(entry: &Entry, config: &SeriesConfig, catalogue: &mut Catalogue) -> Result<()> {
    let file = |reason: String| Error::file(&entry.path, reason);
    let head = head_of(&entry.path).map_err(file)?;
    let class = class_column(&head, config).map_err(file)?;
    let opened = File::open(&entry.path).map_err(|e| Error::io(&entry.path, e))?;
    let comma = head.dialect.comma;
    let mut table = Table::new(BufReader::with_capacity(1 << 18, opened), head.dialect).map_err(file)?;
    let names: Arc<[String]> = ["value".to_string()].into();
    let stem = entry.path.file_stem().and_then(|s| s.to_str()).unwrap_or_default();
    let (mut row, mut number_of) = (Vec::new(), 0);
    while table.advance().map_err(file)? {
        row.clear();
        for column in (0..table.cells()).filter(|c| *c != class) {
            let cell = table.cell(column);
            let Some(value) = number(cell, comma) else {
                let (line, text) = (table.number(), String::from_utf8_lossy(cell));
                return Err(file(format!("line {line}, column {}: \"{text}\" is not a number", column + 1)));
            };
            row.push(value);
        }
        // The archive pads shorter series at their end.
        while row.last().is_some_and(|v| v.is_nan()) {
            row.pop();
        }
        if row.is_empty() {
            return Err(file(format!("line {}: a class without values", table.number())));
        }
        let word = class_name(table.cell(class));
        let label = match &entry.label {
            Some(set) => Some(format!("{set}/{word}")),
            None => Some(word),
        };
        catalogue.begin(Recording {
            id: format!("{}:{number_of}", entry.id),
            whole: true,
            part: Some(number_of..number_of + 1),
            label,
            split: entry.split.or(split_of(stem)),
            ..Recording::of(entry, names.clone())
        });
        catalogue.push(&row)?;
        number_of += 1;
    }
    if number_of == 0 { Err(file("there is no series".into())) } else { Ok(()) }
}

/// The column of the class: the one that is asked for, one of a known name, or the first.
fn class_column(head: &Head, config: &SeriesConfig) -> std::result::Result<usize, String> {
    let names = head.dialect.header.as_deref().unwrap_or_default();
    let place = |wanted: &str| names.iter().position(|n| n.trim().eq_ignore_ascii_case(wanted));
    match &config.label_column {
        Some(name) => place(name).ok_or_else(|| format!("there is no column \"{name}\"; found: {}", names.join(", "))),
        None => Ok(["label", "class", "target"].into_iter().find_map(place).unwrap_or(0)),
    }
}

/// `1.0000000e+00` is class `1`.
fn class_name(cell: &[u8]) -> String {
    let text = String::from_utf8_lossy(cell).trim().to_string();
    match text.parse::<f64>() {
        Ok(value) if value.fract() == 0.0 && value.abs() < 1e15 => format!("{}", value as i64),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read_text(name: &str, text: &[u8]) -> Result<Catalogue> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        let mut catalogue = Catalogue::new(1 << 20);
        read(&Entry::new(name, &path), &SeriesConfig::default(), &mut catalogue).map(|()| catalogue)
    }

    #[test]
    fn a_line_is_a_series_with_its_class_and_the_official_split() {
        let catalogue = read_text("A_TRAIN.tsv", b"-1\t0.5\t1.5\tNaN\n1.0e+00\t2\t3\t4\n").unwrap();
        let [first, second] = &catalogue.recordings[..] else { panic!("two series") };
        assert_eq!((first.label.as_deref(), first.rows, first.split), (Some("-1"), 2, Some(Split::Train)));
        assert_eq!((second.label.as_deref(), second.rows, second.id.as_str()), (Some("1"), 3, "A_TRAIN.tsv:1"));
        assert!(first.whole && second.part == Some(1..2));
    }

    #[test]
    fn a_word_among_the_values_names_file_line_and_column() {
        let message = read_text("A_TEST.tsv", b"1\t0.5\t1.5\n2\t0.5\tx\n").unwrap_err().to_string();
        assert!(message.contains("A_TEST.tsv: line 2, column 3: \"x\""), "{message}");
        assert!(read_text("A_TEST.tsv", b"").unwrap_err().to_string().contains("empty"));
    }

    #[test]
    fn files_are_told_by_name_and_beginning() {
        let wide = |name: &str, text: &str| {
            is_wide(&Entry::new(name, name), &super::super::dialect::head(text.as_bytes(), true).unwrap())
        };
        let line = "1\t0.1\t0.2\t0.3\t0.4\t0.5\t0.6\t0.7\n";
        assert!(wide("G_TRAIN.tsv", line) && wide("G_TEST.txt", line) && !wide("G.csv", line));
        assert!(!wide("G_TRAIN.tsv", "a\tb\n1\t2\n"));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            rows in proptest::collection::vec((-9i64..9, proptest::collection::vec(-1e6f32..1e6, 1..9)), 1..9),
        ) {
            let text: String = rows
                .iter()
                .map(|(class, values)| {
                    let cells: String = values.iter().map(|v| format!("\t{v}")).collect();
                    format!("{class}{cells}\n")
                })
                .collect();
            let catalogue = read_text("B_TEST.tsv", text.as_bytes()).unwrap();
            for ((class, values), recording) in rows.iter().zip(&catalogue.recordings) {
                let mut found = vec![0.0; values.len()];
                catalogue.store.read(recording.start, &mut found).unwrap();
                prop_assert_eq!(&found, values);
                prop_assert_eq!(recording.label.clone(), Some(class.to_string()));
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_text("C_TRAIN.tsv", &bytes);
        }
    }
}
