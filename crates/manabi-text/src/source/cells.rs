//! Tables of cells: CSV and TSV, with a header or without one.

use std::path::Path;

use manabi_core::{Error, Result};

use super::{
    columns::{Columns, named, no_text},
    corpus::{Corpus, Remark},
    guess::{Guess, guess},
    names::{NamedFile, extension},
    prose::is_prose,
    reader::Lines,
    record::{Dialect, Record},
    row,
};
use crate::config::TextConfig;

/// Lines that tell what the columns are.
const LOOKED_AT: usize = 400;
/// Names of columns whose cells may be names of files.
const FILES: [&str; 6] = ["path", "file", "filename", "file_name", "image", "audio"];

/// What the first lines say of a table.
#[derive(Debug)]
struct Look {
    dialect: Dialect,
    columns: Columns,
    header: bool,
    /// The names of the columns were of no help.
    guessed: bool,
    /// The first records.
    rows: Vec<Vec<String>>,
}

fn look(path: &Path, lines: &[String], config: &TextConfig) -> std::result::Result<Look, String> {
    let dialect = Dialect::of(lines, extension(path) == "tsv");
    let (mut record, mut rows) = (Record::default(), Vec::new());
    for (number, line) in (1..).zip(lines) {
        if record.is_closed() && line.trim().is_empty() {
            continue;
        }
        rows.extend(record.line(line, number, dialect)?.map(|(_, cells)| cells));
    }
    if rows.is_empty() {
        // All that was looked at stands within quotes that may be closed later.
        record.end()?;
        return Err("holds no row".into());
    }
    if let Some(columns) = named(&rows[0], config)? {
        return Ok(Look { dialect, columns, header: true, guessed: false, rows });
    }
    let Guess { mut columns, header } = guess(&rows, dialect.quotes).ok_or_else(|| no_text(&rows[0]))?;
    if header {
        // What the settings name comes before what is guessed.
        let place = |name: &Option<String>| {
            let name = name.as_deref()?.trim();
            rows[0].iter().position(|n| n.trim().eq_ignore_ascii_case(name))
        };
        columns.label = place(&config.label_column).or(columns.label);
        columns.group = place(&config.group_column);
        columns.score = place(&config.score_column).or(columns.score);
    }
    Ok(Look { dialect, columns, header, guessed: true, rows })
}

/// True if the table `lines` begin is one of texts, and none of files, numbers or anything else.
pub(super) fn is_text(path: &Path, lines: &[String], config: &TextConfig) -> bool {
    let Ok(look) = look(path, lines, config) else { return false };
    let body = &look.rows[usize::from(look.header)..];
    let names_files = |(at, name): (usize, &String)| {
        let name = name.trim().to_ascii_lowercase();
        let file = |row: &Vec<String>| row.get(at).is_some_and(|c| Path::new(c.trim()).extension().is_some());
        name == FILES[0] || (FILES.contains(&name.as_str()) && body.iter().take(20).any(file))
    };
    if look.header && look.rows[0].iter().enumerate().any(names_files) {
        return false;
    }
    let texts: Vec<&str> = body.iter().filter_map(|r| r.get(*look.columns.texts.last()?)).map(|c| c.trim()).collect();
    let filled = texts.iter().filter(|t| !t.is_empty()).count();
    body.is_empty() || (2 * filled >= texts.len() && is_prose(&texts.join(" ")))
}

/// Reads the rows of a table.
///
/// # Errors
/// If it cannot be read, or a record is broken; the message names its line.
pub(super) fn read(file: &NamedFile, config: &TextConfig, corpus: &mut Corpus) -> Result<()> {
    let fail = |reason: String| Error::file(&file.path, reason);
    let mut lines = Lines::open(&file.path)?;
    let Look { dialect, columns, mut header, guessed, rows } =
        look(&file.path, lines.look(LOOKED_AT)?, config).map_err(fail)?;
    if guessed && header {
        let names: Vec<&str> = columns.texts.iter().filter_map(|c| rows[0].get(*c)).map(|n| n.trim()).collect();
        let label = columns.label.and_then(|c| rows[0].get(c)).map_or("none", |n| n.trim());
        corpus.note(format!(
            "{}: the columns are known by what they hold: text {}, label {label} (text_column, label_column)",
            file.id,
            names.join(" and ")
        ));
    }
    drop(rows);
    let needed = columns.last_text().map_or(0, |c| c + 1);
    let mut record = Record::default();
    while let Some((number, line)) = lines.line()? {
        if record.is_closed() && line.trim().is_empty() {
            continue;
        }
        let Some((start, cells)) = record.line(&line, number, dialect).map_err(fail)? else { continue };
        if std::mem::take(&mut header) {
            continue;
        }
        if cells.len() < needed {
            let found = cells.len();
            return Err(fail(format!("line {start}: {found} cells, but a text stands in column {needed}")));
        }
        row::push(file, &columns, (start, "line"), |c| cells.get(c).map(String::as_str), corpus)?;
    }
    record.end().map_err(fail)?;
    corpus.foreign(&file.id, lines.foreign());
    if columns.label.is_none() && columns.score.is_none() && file.label.is_none() {
        corpus.remark(Remark::Unlabelled, &file.id);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(name: &str, text: &str, config: &TextConfig) -> Result<Corpus> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        let mut corpus = Corpus::new(config, 1 << 20);
        read(&NamedFile::new(name, path), config, &mut corpus).map(|()| corpus)
    }

    fn labels(corpus: &Corpus) -> Vec<(&str, Option<&str>)> {
        corpus.listing.entries.iter().map(|e| (e.id.as_str(), e.label.as_deref())).collect()
    }

    #[test]
    fn rows_are_named_by_the_line_where_they_begin() {
        let config = TextConfig::default();
        let corpus = read_text("a.csv", "label,text\nx,\"one\nline\"\n\ny,two\n", &config).unwrap();
        assert_eq!(labels(&corpus), [("a.csv:2", Some("x")), ("a.csv:5", Some("y"))]);
        let corpus =
            read_text("a.csv", "verdict,sms\nspam,Win a prize now\nham,See you at home\nham,On my way\n", &config)
                .unwrap();
        assert_eq!(labels(&corpus)[0], ("a.csv:2", Some("spam")));
        assert!(corpus.listing.notes[0].contains("text sms, label verdict"), "{:?}", corpus.listing.notes);
    }

    #[test]
    fn a_broken_table_names_its_line() {
        let message = |text: &str| read_text("a.csv", text, &TextConfig::default()).unwrap_err().to_string();
        assert!(message("text,label\ngood film,1\n\"bad film,0\n").contains("a.csv: line 3: a quote is opened"));
        assert!(message("label,text\n1,good film\n0\n").contains("line 3: 1 cells, but a text stands in column 2"));
        assert!(
            message("a,b\n1,2\n").contains("no column of texts; name it with text_column; the first row is: a | b")
        );
        assert!(message("\n\n").contains("holds no row"));
    }

    #[test]
    fn tables_of_files_and_numbers_are_no_texts() {
        let of = |name: &str, text: &str| {
            let lines: Vec<String> = text.lines().map(str::to_string).collect();
            is_text(Path::new(name), &lines, &TextConfig::default())
        };
        assert!(of("a.csv", "text,label\ngood film,1\n") && of("a.csv", "file,text\nreviews,good film\n"));
        assert!(!of("a.csv", "path,text\na.wav,some words here\n") && !of("a.csv", "image,text\na.png,a caption\n"));
        assert!(!of("a.csv", "text,label\n1.5,2\n2.5,3\n") && !of("a.tsv", "1\t0.5\t0.25\n2\t0.5\t0.5\n"));
        assert!(!of("a.csv", "time,value,comment\n1,2,\n2,3,\n3,4,odd\n"));
    }
}
