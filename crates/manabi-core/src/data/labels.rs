//! A labels file: CSV `id,label[,group]`, possibly for a part of the rows only.

use std::{collections::HashMap, path::Path};

use super::{
    Listing,
    listing::first_few,
    manifest::{clean_id, csv_reason, read_limited},
};
use crate::{Error, Result};

/// One row of a labels file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LabelRow {
    /// Line in the file, from 1.
    pub line: u64,
    /// The row's id (see [`super::Entry::id`]).
    pub id: String,
    /// Name of the class; an empty cell is no label.
    pub label: Option<String>,
    /// Name of the group.
    pub group: Option<String>,
}

/// Parses a labels file with a header line.
pub fn parse_labels(bytes: &[u8]) -> std::result::Result<Vec<LabelRow>, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new().from_reader(bytes);
    let header = reader.headers().map_err(|e| csv_reason(&e))?.clone();
    let column = |name: &str| header.iter().position(|h| h.trim().eq_ignore_ascii_case(name));
    let (Some(id), Some(label)) = (column("id"), column("label")) else {
        let found: Vec<&str> = header.iter().collect();
        return Err(format!("line 1: the columns id,label[,group] are needed; found: {}", found.join(", ")));
    };
    let group = column("group");
    let cell = |record: &csv::StringRecord, c: usize| {
        let text = record.get(c).unwrap_or("").trim();
        (!text.is_empty()).then(|| text.to_string())
    };
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|e| csv_reason(&e))?;
        let line = record.position().map_or(0, csv::Position::line);
        let Some(name) = cell(&record, id) else {
            return Err(format!("line {line}: the id is empty"));
        };
        let group = group.and_then(|g| cell(&record, g));
        rows.push(LabelRow { line, id: clean_id(&name), label: cell(&record, label), group });
    }
    Ok(rows)
}

/// Replaces the labels of `listing` by those of the file `path`: rows that it does not name
/// become unlabelled. Groups are replaced where the file gives one.
pub fn apply_labels(listing: &mut Listing, path: &Path) -> Result<()> {
    let rows = parse_labels(&read_limited(path)?).map_err(|reason| Error::file(path, reason))?;
    let mut by_id: HashMap<&str, &LabelRow> = HashMap::with_capacity(rows.len());
    for row in &rows {
        if let Some(first) = by_id.insert(&row.id, row)
            && (first.label != row.label || first.group != row.group)
        {
            let reason =
                format!("line {}: {} stands already in line {} with another label", row.line, row.id, first.line);
            return Err(Error::file(path, reason));
        }
    }
    let known: std::collections::HashSet<&str> =
        listing.entries.iter().map(|e| e.id.as_str()).chain(listing.skipped.iter().map(|s| s.id.as_str())).collect();
    let strangers: Vec<&str> = rows.iter().map(|r| r.id.as_str()).filter(|id| !known.contains(id)).collect();
    if !strangers.is_empty() {
        let example = listing.entries.first().map_or(String::new(), |e| format!("; an id looks like {}", e.id));
        return Err(Error::file(
            path,
            format!(
                "{} of {} ids are not in the data: {}{example}",
                strangers.len(),
                rows.len(),
                first_few(&strangers)
            ),
        ));
    }
    let mut labelled = 0;
    for entry in &mut listing.entries {
        let row = by_id.get(entry.id.as_str());
        entry.label = row.and_then(|r| r.label.clone());
        labelled += usize::from(entry.label.is_some());
        if let Some(group) = row.and_then(|r| r.group.clone()) {
            entry.group = Some(group);
        }
    }
    listing.notes.push(format!("{labelled} of {} rows are labelled by {}", listing.entries.len(), path.display()));
    Ok(())
}

/// An error unless the labelled rows (`Some`) are of two classes or more: for where labels are needed.
pub fn check_classes(classes: &[String], labels: &[Option<u32>]) -> Result<()> {
    let mut present: Vec<u32> = labels.iter().flatten().copied().collect();
    present.sort_unstable();
    present.dedup();
    match present.as_slice() {
        [] => Err(Error::data(
            "no row has a label; give class subfolders, a label column or --labels FILE (CSV id,label)",
        )),
        [only] => {
            let name = classes.get(*only as usize).map_or("?", String::as_str);
            Err(Error::data(format!(
                "all labelled rows are of the one class \"{name}\"; at least two classes are needed"
            )))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::Entry, *};

    fn applied(text: &str) -> Result<Listing> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let entries =
            ["a/1.png", "a/2.png", "3.png"].map(|id| Entry { label: Some("old".into()), ..Entry::new(id, id) });
        let mut listing = Listing { entries: entries.into(), ..Listing::default() };
        apply_labels(&mut listing, file.path())?;
        Ok(listing)
    }

    #[test]
    fn labels_may_be_partial_and_replace_those_of_the_folders() {
        let listing = applied("id,label,group\n./a/1.png,x,g1\na\\2.png,,g2\n").unwrap();
        let labels: Vec<_> = listing.entries.iter().map(|e| e.label.as_deref()).collect();
        assert_eq!(labels, [Some("x"), None, None]);
        assert_eq!(listing.entries[1].group.as_deref(), Some("g2"));
        assert!(listing.notes[0].starts_with("1 of 3 rows"));
    }

    #[test]
    fn ids_without_a_file_are_listed_and_counted() {
        let text: String = (0..9).map(|i| format!("no{i}.png,x\n")).collect();
        let message = applied(&format!("id,label\na/1.png,x\n{text}")).unwrap_err().to_string();
        assert!(
            message.contains("9 of 10 ids") && message.contains("no0.png") && message.contains("and 4 more"),
            "{message}"
        );
        assert!(message.contains("looks like a/1.png"), "{message}");
    }

    #[test]
    fn contradicting_rows_and_a_wrong_header_are_refused() {
        let message = applied("id,label\na/1.png,x\na/1.png,y\n").unwrap_err().to_string();
        assert!(message.contains("line 3") && message.contains("line 2"), "{message}");
        assert!(applied("name,class\na/1.png,x\n").unwrap_err().to_string().contains("id,label"));
        assert!(applied("id,label\na/1.png,x\na/1.png,x\n").is_ok());
    }

    #[test]
    fn one_class_is_refused_only_where_asked() {
        let classes = vec!["a".to_string(), "b".to_string()];
        assert!(check_classes(&classes, &[Some(0), None, Some(1)]).is_ok());
        let one = check_classes(&classes, &[Some(1), None, Some(1)]).unwrap_err().to_string();
        assert!(one.contains("the one class \"b\""), "{one}");
        assert!(check_classes(&classes, &[None]).unwrap_err().to_string().contains("--labels"));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = parse_labels(&bytes);
        }
    }
}
