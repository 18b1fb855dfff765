//! JSON lines: an object a line.

use manabi_core::{Error, Result};
use serde_json::{Map, Value};

use super::{
    columns::{Columns, named, no_text},
    corpus::{Corpus, Remark},
    names::NamedFile,
    prose::is_prose,
    reader::Lines,
    row,
};
use crate::config::TextConfig;

/// Lines that tell what the fields are.
const LOOKED_AT: usize = 100;

fn object(line: &str, number: u64) -> std::result::Result<Map<String, Value>, String> {
    serde_json::from_str(line).map_err(|e| format!("line {number}: not a JSON object ({e})"))
}

/// The names of all fields of the first objects, and which of them are what.
fn look(lines: &[String], config: &TextConfig) -> std::result::Result<(Vec<String>, Columns), String> {
    let mut names: Vec<String> = Vec::new();
    for (number, line) in (1..).zip(lines).filter(|(_, line)| !line.trim().is_empty()) {
        for name in object(line, number)?.keys() {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
    }
    let columns = named(&names, config)?.ok_or_else(|| no_text(&names))?;
    Ok((names, columns))
}

/// The value of a field as a cell; `None` where there is none.
fn cell(value: Option<&Value>) -> std::result::Result<Option<String>, &'static str> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(value @ (Value::Number(_) | Value::Bool(_))) => Ok(Some(value.to_string())),
        Some(Value::Array(_) | Value::Object(_)) => Err("is neither a text nor a number"),
    }
}

/// True if the objects that `lines` begin have a text, and name no file.
pub(super) fn is_text(lines: &[String], config: &TextConfig) -> bool {
    // The last line may have been cut where looking ended.
    let whole = &lines[..lines.len().saturating_sub(1).max(1).min(lines.len())];
    let Ok((names, columns)) = look(whole, config) else { return false };
    let Some(name) = columns.texts.last().and_then(|c| names.get(*c)) else { return false };
    let objects = (1..).zip(whole).filter_map(|(number, line)| object(line, number).ok());
    let texts: Vec<String> = objects.filter_map(|o| o.get(name).and_then(Value::as_str).map(str::to_string)).collect();
    !names.iter().any(|n| n.eq_ignore_ascii_case("path")) && is_prose(&texts.join(" "))
}

/// Reads the rows of `file`.
///
/// # Errors
/// If it cannot be read, or a line is no object; the message names it.
pub(super) fn read(file: &NamedFile, config: &TextConfig, corpus: &mut Corpus) -> Result<()> {
    let fail = |reason: String| Error::file(&file.path, reason);
    let mut lines = Lines::open(&file.path)?;
    let (names, columns) = look(lines.look(LOOKED_AT)?, config).map_err(fail)?;
    let used: Vec<usize> = columns.used().collect();
    while let Some((number, line)) = lines.line()? {
        if line.trim().is_empty() {
            continue;
        }
        let object = object(&line, number).map_err(fail)?;
        let mut cells = vec![None; names.len()];
        for column in &used {
            let (Some(name), Some(place)) = (names.get(*column), cells.get_mut(*column)) else { continue };
            *place = cell(object.get(name)).map_err(|e| fail(format!("line {number}: \"{name}\" {e}")))?;
        }
        row::push(file, &columns, (number, "line"), |c| cells.get(c)?.as_deref(), corpus)?;
    }
    corpus.foreign(&file.id, lines.foreign());
    if columns.label.is_none() && columns.score.is_none() && file.label.is_none() {
        corpus.remark(Remark::Unlabelled, &file.id);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read_text(text: &[u8]) -> Result<Corpus> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let mut corpus = Corpus::new(&TextConfig::default(), 1 << 20);
        read(&NamedFile::new("a.jsonl", file.path()), &TextConfig::default(), &mut corpus).map(|()| corpus)
    }

    #[test]
    fn objects_are_rows_and_fields_may_be_missing() {
        let text = "{\"id\": 1, \"text\": \"one text\"}\n\n{\"text\": \"two\", \"label\": 3, \"more\": [1]}\n{\"text\": null}\n";
        let corpus = read_text(text.as_bytes()).unwrap();
        let rows: Vec<_> = corpus.listing.entries.iter().map(|e| (e.id.as_str(), e.label.as_deref())).collect();
        assert_eq!(rows, [("a.jsonl:1", None), ("a.jsonl:3", Some("3"))]);
    }

    #[test]
    fn a_broken_line_is_named() {
        let message = |text: &str| read_text(text.as_bytes()).unwrap_err().to_string();
        assert!(message("{\"text\": \"a\"}\n{\"text\":\n").contains("line 2: not a JSON object"));
        assert!(message("{\"text\": [1, 2]}\n").contains("line 1: \"text\" is neither a text nor a number"));
        assert!(message("{\"words\": \"a\"}\n").contains("the first row is: words"));
    }

    #[test]
    fn objects_that_name_files_are_no_texts() {
        let of = |text: &str| is_text(&text.lines().map(str::to_string).collect::<Vec<_>>(), &TextConfig::default());
        assert!(of("{\"text\": \"some words\"}\n{\"te"));
        assert!(!of("{\"path\": \"x.wav\", \"text\": \"some words\"}") && !of("{\"text\": 3}") && !of(""));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_text(&bytes);
            let _ = read_text(&[b"{\"text\": \"a\"}\n", bytes.as_slice()].concat());
        }
    }
}
