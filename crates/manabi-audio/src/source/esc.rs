//! ESC-50's layout: `audio/*.wav` and `meta/esc50.csv` with the columns `filename`, `fold`, `category`, `src_file`.
//!
//! Several clips come from one source recording, which the column `src_file` names; where it is missing, the fold is
//! all that is known of it. A source is a group: no split tears one apart, and its clips are one piece of evidence. The
//! published protocol holds out fold by fold, which is the official split here (the fifth), or another one by name.

use std::path::{Path, PathBuf};

use manabi_core::{
    Error, Result,
    data::{Entry, Listing, Skipped, Split},
};

use super::SplitRule;

/// Larger tables are refused.
const MAX_BYTES: u64 = 64 << 20;
/// The fold that is the test where the official split is asked for and no other is named.
const OFFICIAL_TEST: &str = "5";

/// Where the table lies.
pub(super) fn table(root: &Path) -> PathBuf {
    root.join("meta").join("esc50.csv")
}

/// One row of the table.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    file: String,
    fold: String,
    category: String,
    source: Option<String>,
}

/// The rows of the dataset at `root`, sorted by id.
///
/// # Errors
/// If the table cannot be read, or has no such fold; files that it names and that are not there are skipped.
pub(crate) fn list(root: &Path, rule: SplitRule, held_out: Option<&str>) -> Result<Listing> {
    let path = table(root);
    let length = std::fs::metadata(&path).map_err(|e| Error::io(&path, e))?.len();
    if length > MAX_BYTES {
        return Err(Error::file(&path, format!("{length} bytes; tables of at most {MAX_BYTES} bytes are read")));
    }
    let bytes = std::fs::read(&path).map_err(|e| Error::io(&path, e))?;
    let mut rows = parse(&bytes).map_err(|reason| Error::file(&path, reason))?;
    rows.sort_by(|a, b| a.file.cmp(&b.file));
    let test = held_out.or((rule == SplitRule::Official).then_some(OFFICIAL_TEST));
    if let Some(test) = test.filter(|test| rows.iter().all(|row| row.fold != *test)) {
        return Err(Error::config(format!("held_out = \"{test}\": {} has no such fold", path.display())));
    }
    let mut listing = Listing::default();
    for Row { file, fold, category, source } in rows {
        let id = format!("audio/{file}");
        let path = root.join("audio").join(&file);
        if !path.is_file() {
            listing.skipped.push(Skipped { id, reason: "named in meta/esc50.csv but there is no such file".into() });
            continue;
        }
        listing.entries.push(Entry {
            label: Some(category),
            group: Some(source.map_or_else(|| format!("fold {fold}"), |source| format!("source {source}"))),
            split: test.map(|test| if fold == test { Split::Test } else { Split::Train }),
            ..Entry::new(id, path)
        });
    }
    listing.notes.push(match test {
        None => "clips of one source recording are a group: none stands in two splits".into(),
        Some(fold) => format!("fold {fold} is the test, the others are trained on"),
    });
    Ok(listing)
}

fn parse(bytes: &[u8]) -> std::result::Result<Vec<Row>, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new().from_reader(bytes);
    let header = reader.headers().map_err(|e| e.to_string())?.clone();
    let column = |name: &str| {
        let found = header.iter().position(|h| h.trim().eq_ignore_ascii_case(name));
        found.ok_or_else(|| format!("line 1: there is no column \"{name}\"; filename, fold and category are needed"))
    };
    let columns = [column("filename")?, column("fold")?, column("category")?];
    let source = header.iter().position(|h| h.trim().eq_ignore_ascii_case("src_file"));
    let (mut rows, mut seen) = (Vec::new(), std::collections::HashMap::new());
    for record in reader.records() {
        let record = record.map_err(|e| e.to_string())?;
        let line = record.position().map_or(0, csv::Position::line);
        let [file, fold, category] = columns.map(|c| record.get(c).unwrap_or("").trim().to_string());
        if file.is_empty() || fold.is_empty() || category.is_empty() {
            return Err(format!("line {line}: filename, fold and category must not be empty"));
        }
        if file.contains(['/', '\\']) || file == ".." {
            return Err(format!("line {line}: \"{file}\" is not the name of a file in audio/"));
        }
        if let Some(first) = seen.insert(file.clone(), line) {
            return Err(format!("line {line}: {file} stands already in line {first}"));
        }
        let source = source.and_then(|c| record.get(c)).map(str::trim).filter(|s| !s.is_empty()).map(str::to_string);
        rows.push(Row { file, fold, category, source });
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TABLE: &str = "filename,fold,target,category,esc10,src_file,take\n\
        1-a.wav,1,0,dog,True,1,A\n5-b.wav,5,1,rooster,True,2,A\n2-gone.wav,2,0,dog,True,3,A\n";

    fn dataset(rule: SplitRule, held_out: Option<&str>) -> Result<Listing> {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in [("meta/esc50.csv", TABLE), ("audio/1-a.wav", ""), ("audio/5-b.wav", "")] {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        list(dir.path(), rule, held_out)
    }

    #[test]
    fn sources_are_groups_and_a_fold_is_the_test_where_one_is_asked_for() {
        let l = dataset(SplitRule::Speaker, None).unwrap();
        let row = |i: usize| (l.entries[i].label.as_deref().unwrap(), l.entries[i].group.as_deref().unwrap());
        assert_eq!((row(0), row(1)), (("dog", "source 1"), ("rooster", "source 2")));
        assert!(l.entries.iter().all(|e| e.split.is_none()));
        assert_eq!((l.entries.len(), l.skipped[0].id.as_str()), (2, "audio/2-gone.wav"));
        let splits =
            |rule, fold| dataset(rule, fold).unwrap().entries.iter().map(|e| e.split.unwrap()).collect::<Vec<_>>();
        assert_eq!(splits(SplitRule::Official, None), [Split::Train, Split::Test]);
        assert_eq!(splits(SplitRule::Official, Some("1")), [Split::Test, Split::Train]);
        assert_eq!(splits(SplitRule::Speaker, Some("1")), [Split::Test, Split::Train]);
        let message = dataset(SplitRule::Official, Some("6")).unwrap_err().to_string();
        assert!(message.contains("\"6\"") && message.contains("esc50.csv"), "{message}");
        let plain = parse(b"filename,fold,category\na.wav,3,dog\n").unwrap();
        assert_eq!(plain[0].source, None);
    }

    #[test]
    fn broken_rows_name_their_line() {
        let reason = |text: &str| parse(text.as_bytes()).unwrap_err();
        assert!(reason("file,fold\n").contains("\"filename\""));
        assert!(reason("filename,fold,category\na.wav,,dog\n").contains("line 2"));
        assert!(reason("filename,fold,category\n../../x.wav,1,dog\n").contains("line 2"));
        assert!(reason("filename,fold,category\na.wav,1,dog\na.wav,1,dog\n").contains("already in line 2"));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse(&bytes);
            let _ = parse(&[b"filename,fold,category\n", bytes.as_slice()].concat());
        }
    }
}
