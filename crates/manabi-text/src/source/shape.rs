//! What the folders and names of a dataset's files say of them: official split, classes, documents.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use manabi_core::data::{Split, first_few};

use super::names::{self, NamedFile, is_table, split_of};
use crate::config::{TextConfig, Unit};

/// Folders of classes of which nothing is known.
const UNKNOWN: [&str; 3] = ["unsup", "unlabeled", "unlabelled"];

/// A file as it was found.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// Path relative to the dataset with `/` between folders.
    pub id: String,
    pub path: PathBuf,
    /// Bytes.
    pub size: u64,
}

/// What is known of the files before one is read.
#[derive(Debug, Default)]
pub(super) struct Shape {
    pub files: Vec<NamedFile>,
    /// Each of them is a row.
    pub documents: bool,
    pub notes: Vec<String>,
}

/// The folders above a file, the outermost first.
fn folders(id: &str) -> Vec<&str> {
    let mut parts: Vec<&str> = id.split('/').collect();
    parts.pop();
    parts
}

/// The files in the order of their ids, with what their folders and names say.
pub(super) fn shape(found: Vec<Found>, config: &TextConfig) -> Shape {
    let mut notes = Vec::new();
    let (found, by_folder) = split_folders(found, &mut notes);
    let depth = usize::from(by_folder);
    let (found, classes) = class_folders(found, depth, config, &mut notes);
    let paths: Vec<PathBuf> = found.iter().map(|f| f.path.clone()).collect();
    let (named, splits) = (names::classes(&paths), split_names(&found));
    let several = found.len() > 1;
    let unit = match (config.unit, classes) {
        (Unit::Auto, Classes::Documents) => Unit::File,
        (unit, _) => unit,
    };
    let files = found.into_iter().zip(named).zip(splits).map(|((file, named), split)| {
        let folders = folders(&file.id);
        let folder = folders.get(depth).filter(|_| classes != Classes::None);
        let folder = folder.filter(|f| !UNKNOWN.contains(&f.to_ascii_lowercase().as_str())).map(|f| (*f).to_string());
        let split = match folders.first() {
            Some(top) if by_folder => split_of(top),
            _ => split.filter(|_| classes != Classes::Documents),
        };
        // What is known of single rows needs no file around them, and an official split holds them apart already.
        let alone = split.is_some() || named.is_some() || unit == Unit::File || classes == Classes::Rows;
        NamedFile {
            group: (several && !alone).then(|| file.id.clone()),
            label: named.or(folder),
            split,
            unit,
            ..NamedFile::new(file.id, file.path)
        }
    });
    Shape { files: files.collect(), documents: unit == Unit::File, notes }
}

/// Whether the top folders are an official split, and the files without those that lie beside these folders if they
/// are.
fn split_folders(found: Vec<Found>, notes: &mut Vec<String>) -> (Vec<Found>, bool) {
    let tops: BTreeSet<&str> = found.iter().filter_map(|f| folders(&f.id).first().copied()).collect();
    let splits: BTreeSet<Option<u8>> = tops.iter().map(|t| split_of(t).map(order)).collect();
    let exact: BTreeSet<u8> = tops.iter().filter_map(|t| Split::parse(t)).map(order).collect();
    let pair = exact.contains(&order(Split::Train)) && exact.len() > 1;
    if !pair && (splits.len() < 2 || splits.contains(&None)) {
        return (found, false);
    }
    let of_split = |f: &Found| folders(&f.id).first().is_some_and(|top| split_of(top).is_some());
    let (kept, beside): (Vec<Found>, Vec<Found>) = found.into_iter().partition(of_split);
    if !beside.is_empty() {
        let ids: Vec<&str> = beside.iter().map(|f| f.id.as_str()).collect();
        notes.push(format!("files in no folder of a split are left aside: {}", first_few(&ids)));
    }
    (kept, true)
}

fn order(split: Split) -> u8 {
    split as u8
}

/// The official split that the names of files say; nothing if they name one part only, which is no split.
fn split_names(found: &[Found]) -> Vec<Option<Split>> {
    let name = |f: &Found| f.id.rsplit('/').next().and_then(split_of);
    let splits: Vec<Option<Split>> = found.iter().map(name).collect();
    let different: BTreeSet<u8> = splits.iter().flatten().copied().map(order).collect();
    if different.len() > 1 { splits } else { vec![None; found.len()] }
}

/// What the folders at the depth of classes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Classes {
    /// No classes.
    None,
    /// Classes of documents.
    Documents,
    /// Classes of files that hold rows.
    Rows,
}

/// Whether the folders at `depth` are classes, and the files without those that lie beside them if they are.
///
/// They are where their files are documents, which fit into a row; or where each of them holds one file, or the parts of
/// a split. Else they may be anything (years, parts of a corpus).
fn class_folders(
    found: Vec<Found>,
    depth: usize,
    config: &TextConfig,
    notes: &mut Vec<String>,
) -> (Vec<Found>, Classes) {
    let mut below: BTreeMap<&str, Vec<&Found>> = BTreeMap::new();
    for file in &found {
        if let Some(class) = folders(&file.id).get(depth) {
            below.entry(class).or_default().push(file);
        }
    }
    if below.len() < 2 {
        return (found, Classes::None);
    }
    let files = || below.values().flatten();
    let count = files().count();
    // A character may take up to four bytes.
    let long = files().filter(|f| f.size > 4 * config.max_chars as u64).count();
    let tables = files().any(|f| is_table(&f.path));
    let name = |f: &Found| f.id.rsplit('/').next().map(str::to_string);
    let name_sets: BTreeSet<Vec<_>> = below.values().map(|files| files.iter().map(|f| name(f)).collect()).collect();
    // One file of each class, or the same parts of a split of each.
    let parts = name_sets.len() == 1 && name_sets.iter().flatten().all(|n| n.as_deref().and_then(split_of).is_some());
    let kind = if parts || below.values().all(|files| files.len() == 1) {
        Classes::Rows
    } else if !tables && 20 * long <= count {
        Classes::Documents
    } else {
        Classes::None
    };
    let names: Vec<&str> = below.keys().copied().collect();
    if kind == Classes::None && !tables {
        notes.push(format!(
            "the folders {} hold long files and are not taken for classes (--labels names classes)",
            first_few(&names)
        ));
    }
    if kind != Classes::Documents {
        return (found, kind);
    }
    let (kept, beside): (Vec<Found>, Vec<Found>) = found.into_iter().partition(|f| folders(&f.id).len() > depth);
    if !beside.is_empty() {
        let ids: Vec<&str> = beside.iter().map(|f| f.id.as_str()).collect();
        notes.push(format!("files in no folder of a class are left aside: {}", first_few(&ids)));
    }
    (kept, kind)
}

/// The path of `file` relative to `root` with `/` between folders; `None` if it is not Unicode.
pub(super) fn relative(root: &Path, file: &Path) -> Option<String> {
    let parts: Option<Vec<&str>> =
        file.strip_prefix(root).ok()?.components().map(|part| part.as_os_str().to_str()).collect();
    Some(parts?.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shaped(ids: &[&str], size: u64) -> Shape {
        let file = |id: &&str| Found { id: (*id).into(), path: PathBuf::from(id), size };
        shape(ids.iter().map(file).collect(), &TextConfig::default())
    }

    fn rows(shape: &Shape) -> Vec<(&str, Option<&str>, Option<Split>, bool)> {
        let row = |f: &'_ NamedFile| -> (&'static str, Option<&'static str>, Option<Split>, bool) {
            let leak = |s: &str| -> &'static str { Box::leak(s.to_string().into_boxed_str()) };
            (leak(&f.id), f.label.as_deref().map(leak), f.split, f.group.is_some())
        };
        shape.files.iter().map(row).collect()
    }

    #[test]
    fn class_folders_of_documents_are_labels() {
        let found = shaped(&["a/1", "a/2", "a/deep/3", "b/1", "b/7", "list.txt"], 100);
        assert!(found.documents && found.notes[0].contains("list.txt"), "{:?}", found.notes);
        let labels: Vec<_> = rows(&found).iter().map(|r| r.1).collect();
        assert_eq!(labels, [Some("a"), Some("a"), Some("a"), Some("b"), Some("b")]);
        assert!(rows(&found).iter().all(|r| !r.3));
    }

    #[test]
    fn a_split_may_stand_above_the_classes() {
        let ids =
            ["test/neg/1.txt", "test/pos/2.txt", "test/pos/3.txt", "train/neg/4.txt", "train/unsup/5.txt", "x.txt"];
        let found = shaped(&ids, 100);
        let expected = [
            ("test/neg/1.txt", Some("neg"), Some(Split::Test), false),
            ("test/pos/2.txt", Some("pos"), Some(Split::Test), false),
        ];
        assert_eq!(rows(&found)[..2], expected);
        assert_eq!(rows(&found)[4], ("train/unsup/5.txt", None, Some(Split::Train), false));
        assert!(found.notes[0].contains("no folder of a split"), "{:?}", found.notes);
    }

    #[test]
    fn long_files_in_folders_are_parts_of_a_corpus() {
        let found = shaped(&["AA/wiki_00", "AA/wiki_01", "AB/wiki_03", "AB/wiki_02"], 1 << 20);
        assert!(!found.documents && rows(&found).iter().all(|r| r.1.is_none() && r.3));
        assert!(found.notes[0].contains("not taken for classes"), "{:?}", found.notes);
        let found = shaped(&["neg/reviews.txt", "pos/reviews.txt"], 1 << 20);
        assert_eq!(rows(&found)[0], ("neg/reviews.txt", Some("neg"), None, false));
        let found = shaped(&["neg/test.txt", "neg/train.txt", "pos/test.txt", "pos/train.txt"], 100);
        assert_eq!(rows(&found)[3], ("pos/train.txt", Some("pos"), Some(Split::Train), false));
        assert!(shaped(&["neg/1.txt", "neg/2.txt", "pos/1.txt", "pos/2.txt"], 100).documents);
    }

    #[test]
    fn names_are_a_split_where_they_name_two_parts() {
        let splits = |ids: &[&str]| shaped(ids, 100).files.iter().map(|f| f.split).collect::<Vec<_>>();
        assert_eq!(splits(&["s.dev", "s.train"]), [Some(Split::Valid), Some(Split::Train)]);
        assert_eq!(splits(&["test.csv"]), [None]);
        assert_eq!(splits(&["2012/a.test.tsv", "2012/a.train.tsv", "2013/b.test.tsv"])[1], Some(Split::Train));
        assert_eq!(rows(&shaped(&["a.txt", "b.txt"], 100))[0], ("a.txt", None, None, true));
    }
}
