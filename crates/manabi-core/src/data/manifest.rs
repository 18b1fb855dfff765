//! A table of samples: CSV or JSON lines with a content column and, where wanted, `label`,
//! `group` and `split`.
//!
//! A broken row is an error with file, line and reason: a table is written on purpose, so
//! guessing would hide a mistake. A *file* that the table names and that is missing is
//! skipped and counted like any other bad file.

use std::{collections::HashMap, path::Path};

use super::{Entry, Listing, Skipped, Split};
use crate::{Error, Result};

/// Larger tables are refused.
const MAX_BYTES: u64 = 1 << 30;

/// One row of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Line in the file, from 1.
    pub line: u64,
    /// What stands in the content column (a path, a text).
    pub content: String,
    /// Name of the class; empty cells are no label.
    pub label: Option<String>,
    /// Name of the group.
    pub group: Option<String>,
    /// The official split.
    pub split: Option<Split>,
}

/// True if `path` is named like a table: `.csv`, `.jsonl` or `.ndjson`.
pub fn is_manifest(path: &Path) -> bool {
    let extension = path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase);
    matches!(extension.as_deref(), Some("csv" | "jsonl" | "ndjson"))
}

/// Reads the table at `path`; `content` names the required column.
pub fn read(path: &Path, content: &str) -> Result<Vec<Row>> {
    let bytes = read_limited(path)?;
    let is_csv = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("csv"));
    let rows = if is_csv { parse_csv(&bytes, content) } else { parse_jsonl(&bytes, content) };
    rows.map_err(|reason| Error::file(path, reason))
}

/// The files that the table at `path` names in its column `path`, relative to its folder.
pub fn list(path: &Path) -> Result<Listing> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut listing = Listing::default();
    let mut seen: HashMap<String, u64> = HashMap::new();
    for row in read(path, "path")? {
        let id = clean_id(&row.content);
        if let Some(first) = seen.insert(id.clone(), row.line) {
            return Err(Error::file(path, format!("line {}: {id} stands already in line {first}", row.line)));
        }
        let file = folder.join(&row.content);
        if file.is_file() {
            listing.entries.push(Entry {
                label: row.label,
                group: row.group,
                split: row.split,
                ..Entry::new(id, file)
            });
        } else {
            listing
                .skipped
                .push(Skipped { id, reason: format!("named in line {} but there is no such file", row.line) });
        }
    }
    Ok(listing)
}

/// An id as a table or a labels file writes it, in the form of [`Entry::id`].
pub(crate) fn clean_id(text: &str) -> String {
    let text = text.trim().replace('\\', "/");
    text.strip_prefix("./").unwrap_or(&text).to_string()
}

/// A table's bytes, refused above [`MAX_BYTES`] before they are read.
pub(crate) fn read_limited(path: &Path) -> Result<Vec<u8>> {
    let length = std::fs::metadata(path).map_err(|e| Error::io(path, e))?.len();
    if length > MAX_BYTES {
        return Err(Error::file(path, format!("{length} bytes; tables of at most {MAX_BYTES} bytes are read")));
    }
    std::fs::read(path).map_err(|e| Error::io(path, e))
}

fn non_empty(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_string())
}

fn parse_split(text: &str) -> std::result::Result<Option<Split>, String> {
    match non_empty(text) {
        None => Ok(None),
        Some(word) => match Split::parse(&word) {
            Some(split) => Ok(Some(split)),
            None => Err(format!("split \"{word}\" is not one of train, valid, test")),
        },
    }
}

/// Rows of a CSV table with a header line; other columns are ignored.
pub fn parse_csv(bytes: &[u8], content: &str) -> std::result::Result<Vec<Row>, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new().from_reader(bytes);
    let header = reader.headers().map_err(|e| e.to_string())?.clone();
    let column = |name: &str| header.iter().position(|h| h.trim().eq_ignore_ascii_case(name));
    let Some(content_column) = column(content) else {
        let found: Vec<&str> = header.iter().collect();
        return Err(format!("line 1: there is no column \"{content}\"; found: {}", found.join(", ")));
    };
    let (label, group, split) = (column("label"), column("group"), column("split"));
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|e| csv_reason(&e))?;
        let line = record.position().map_or(0, csv::Position::line);
        let cell = |c: Option<usize>| c.and_then(|c| record.get(c)).unwrap_or("");
        let text = record.get(content_column).unwrap_or("");
        if text.trim().is_empty() {
            return Err(format!("line {line}: the column \"{content}\" is empty"));
        }
        rows.push(Row {
            line,
            content: text.to_string(),
            label: non_empty(cell(label)),
            group: non_empty(cell(group)),
            split: parse_split(cell(split)).map_err(|e| format!("line {line}: {e}"))?,
        });
    }
    Ok(rows)
}

pub(crate) fn csv_reason(error: &csv::Error) -> String {
    let line = error.position().map(csv::Position::line);
    match (error.kind(), line) {
        (csv::ErrorKind::UnequalLengths { expected_len, len, .. }, Some(line)) => {
            format!("line {line}: {len} cells, but the header has {expected_len}")
        }
        (csv::ErrorKind::Utf8 { err, .. }, Some(line)) => format!("line {line}: not UTF-8 ({err})"),
        _ => error.to_string(),
    }
}

/// Rows of JSON lines: one object a line; empty lines are ignored.
pub fn parse_jsonl(bytes: &[u8], content: &str) -> std::result::Result<Vec<Row>, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut rows = Vec::new();
    for (line, text) in (1u64..).zip(bytes.split(|b| *b == b'\n')) {
        if text.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        rows.push(json_row(text, content, line).map_err(|e| format!("line {line}: {e}"))?);
    }
    Ok(rows)
}

fn json_row(text: &[u8], content: &str, line: u64) -> std::result::Result<Row, String> {
    let object: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(text).map_err(|e| format!("not a JSON object ({e})"))?;
    let word = |name: &str| match object.get(name) {
        None | Some(serde_json::Value::Null) => Ok(String::new()),
        Some(serde_json::Value::String(s)) => Ok(s.clone()),
        Some(value @ (serde_json::Value::Number(_) | serde_json::Value::Bool(_))) => Ok(value.to_string()),
        Some(_) => Err(format!("\"{name}\" is neither a text nor a number")),
    };
    let text = word(content)?;
    if text.trim().is_empty() {
        return Err(format!("there is no \"{content}\""));
    }
    let (label, group) = (non_empty(&word("label")?), non_empty(&word("group")?));
    Ok(Row { line, content: text, label, group, split: parse_split(&word("split")?)? })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn csv_and_json_lines_say_the_same() {
        let csv = b"path,label,group,split\na.png,x,g,train\n\"b,c.png\",,,\n";
        let json = b"{\"path\":\"a.png\",\"label\":\"x\",\"group\":\"g\",\"split\":\"train\"}\n{\"path\":\"b,c.png\",\"label\":null}\n";
        let strip = |rows: Vec<Row>| rows.into_iter().map(|r| Row { line: 0, ..r }).collect::<Vec<_>>();
        let rows = strip(parse_csv(csv, "path").unwrap());
        assert_eq!(rows, strip(parse_jsonl(json, "path").unwrap()));
        assert_eq!(rows[0].split, Some(Split::Train));
        assert_eq!((rows[1].content.as_str(), &rows[1].label), ("b,c.png", &None));
    }

    #[test]
    fn a_broken_row_names_its_line_and_the_reason() {
        let reason = |text: &str| parse_csv(text.as_bytes(), "path").unwrap_err();
        assert!(reason("path,label\na,x\nb\n").contains("line 3: 1 cells"), "{}", reason("path,label\na,x\nb\n"));
        assert!(reason("file\na\n").contains("no column \"path\"; found: file"));
        assert!(reason("path,split\na,holdout\n").contains("line 2: split \"holdout\""));
        let json = parse_jsonl(b"{\"path\":\"a\"}\n\n{\"path\":", "path").unwrap_err();
        assert!(json.starts_with("line 3: not a JSON object"), "{json}");
        assert!(parse_jsonl(b"{\"path\":[1]}", "path").unwrap_err().contains("neither a text nor a number"));
    }

    #[test]
    fn paths_are_relative_to_the_table_and_missing_files_are_counted() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("p")).unwrap();
        std::fs::write(dir.path().join("p/a.png"), b"x").unwrap();
        let table = dir.path().join("m.csv");
        std::fs::write(&table, "path,label\n./p/a.png,1\np/b.png,2\n").unwrap();
        let listing = list(&table).unwrap();
        assert_eq!((listing.entries.len(), listing.entries[0].id.as_str()), (1, "p/a.png"));
        assert_eq!(listing.skipped[0].id, "p/b.png");
        std::fs::write(&table, "path\np/a.png\n./p/a.png\n").unwrap();
        let message = list(&table).unwrap_err().to_string();
        assert!(message.contains("m.csv: line 3") && message.contains("line 2"), "{message}");
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parsers_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = parse_csv(&bytes, "path");
            let _ = parse_jsonl(&bytes, "path");
        }

        #[test]
        fn what_is_written_is_read_back(cells in proptest::collection::vec("[a-z,\" ]{0,6}x", 1..8)) {
            let mut writer = csv::Writer::from_writer(Vec::new());
            writer.write_record(["path", "label"]).unwrap();
            for cell in &cells {
                writer.write_record([cell.as_str(), cell.as_str()]).unwrap();
            }
            let rows = parse_csv(&writer.into_inner().unwrap(), "path").unwrap();
            prop_assert_eq!(rows.into_iter().map(|r| r.content).collect::<Vec<_>>(), cells);
        }
    }
}
