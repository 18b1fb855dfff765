//! What the name of a file says: its class, its split, and what lies beside data and is none.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use manabi_core::data::{Entry, Split};

use crate::config::Unit;

/// Extensions that name a format and no class.
const FORMATS: [&str; 17] = [
    "txt", "text", "csv", "tsv", "json", "jsonl", "ndjson", "parquet", "md", "html", "xml", "log", "dat", "raw", "eml",
    "tokens", "gz",
];
/// Names of files with the texts of one class each.
const OPPOSITES: [[&str; 2]; 2] = [["neg", "pos"], ["negative", "positive"]];
/// Stems of the names of files that lie beside data.
const BESIDE: [&str; 13] = [
    "note",
    "readme",
    "00-readme",
    "read-me",
    "license",
    "licence",
    "sha256sums",
    "md5sums",
    "changelog",
    "classes",
    "copying",
    "notice",
    "citation",
];

/// A file of a dataset and what is known of it before it is read.
#[derive(Clone, Debug, Default)]
pub(super) struct NamedFile {
    /// Path relative to the dataset.
    pub id: String,
    /// Where it lies.
    pub path: PathBuf,
    /// The class of those of its rows that name none.
    pub label: Option<String>,
    /// The official split of all of its rows.
    pub split: Option<Split>,
    /// The group of those of its rows that name none and have no label of their own.
    pub group: Option<String>,
    /// What a row is.
    pub unit: Unit,
    /// Several lines are a row, where they have no labels, because there are too many of them.
    pub passages: bool,
}

impl NamedFile {
    /// A file of which nothing is known.
    pub fn new(id: impl Into<String>, path: impl Into<PathBuf>) -> Self {
        Self { id: id.into(), path: path.into(), ..Self::default() }
    }

    /// A row of which only the file says something.
    pub fn entry(&self, id: String) -> Entry {
        Entry {
            label: self.label.clone(),
            group: self.group.clone(),
            split: self.split,
            ..Entry::new(id, PathBuf::new())
        }
    }
}

/// The extension in lower case, empty if there is none.
pub(super) fn extension(path: &Path) -> String {
    path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase()).unwrap_or_default()
}

/// True if the file is a table by its name.
pub(super) fn is_table(path: &Path) -> bool {
    matches!(extension(path).as_str(), "csv" | "tsv" | "jsonl" | "ndjson" | "parquet")
}

/// True for what lies beside data and is none.
pub(super) fn is_beside(path: &Path) -> bool {
    let name = path.file_name().map(|n| n.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
    let stem = name.split(['.', '_']).next().unwrap_or_default();
    name.starts_with('.') || BESIDE.contains(&stem) || [".license", ".licence"].iter().any(|end| name.ends_with(end))
}

/// The split that a part of a name says: `sts-dev.csv`, `stsa.binary.train`, `test.txt`.
pub(super) fn split_of(name: &str) -> Option<Split> {
    name.split(['.', '-', '_', ' ']).rev().find_map(Split::parse)
}

/// Classes of files by their names among their siblings: the extensions of files that are called the same otherwise
/// (`x.neg`, `x.pos`), or opposites (`neg.txt`, `pos.txt`).
pub(super) fn classes(files: &[PathBuf]) -> Vec<Option<String>> {
    let stem = |path: &Path| path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
    let folder = |path: &Path| path.parent().map(Path::to_path_buf).unwrap_or_default();
    let speaks =
        |extension: &str| !extension.is_empty() && !FORMATS.contains(&extension) && Split::parse(extension).is_none();
    let mut by_stem: BTreeMap<(PathBuf, String), BTreeSet<String>> = BTreeMap::new();
    let mut stems: BTreeMap<PathBuf, BTreeSet<String>> = BTreeMap::new();
    for file in files {
        let extension = extension(file);
        if speaks(&extension) {
            by_stem.entry((folder(file), stem(file))).or_default().insert(extension);
        } else {
            stems.entry(folder(file)).or_default().insert(stem(file).to_ascii_lowercase());
        }
    }
    files
        .iter()
        .map(|file| {
            let extension = extension(file);
            if speaks(&extension) {
                let several = by_stem.get(&(folder(file), stem(file))).is_some_and(|e| e.len() > 1);
                return (several || OPPOSITES[0].contains(&extension.as_str())).then_some(extension);
            }
            let (own, stems) = (stem(file).to_ascii_lowercase(), stems.get(&folder(file))?);
            let opposite = |pair: &[&str; 2]| pair.contains(&own.as_str()) && pair.iter().all(|p| stems.contains(*p));
            OPPOSITES.iter().any(opposite).then_some(own)
        })
        .collect()
}

/// Gives labels that are numbers the names that the lines of `classes.txt` say, counted from 1, or from 0 where there
/// is a 0. Other labels stay as they are.
pub(super) fn rename(labels: &mut [&mut String], names: &[String]) {
    let numbers: Option<Vec<usize>> = labels.iter().map(|l| l.trim().parse().ok()).collect();
    let Some(numbers) = numbers else { return };
    let (Some(least), Some(most)) = (numbers.iter().min(), numbers.iter().max()) else { return };
    let first = usize::from(*least > 0);
    if most - first.min(*most) >= names.len() {
        return;
    }
    for (label, number) in labels.iter_mut().zip(&numbers) {
        if let Some(name) = names.get(number - first) {
            name.clone_into(label);
        }
    }
}

/// The lines of `classes.txt` in `folder`; none if there is no such file.
pub(super) fn class_names(folder: &Path) -> Vec<String> {
    let bytes = super::reader::beginning(&folder.join("classes.txt"), 1 << 16).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    text.lines().map(str::trim).filter(|l| !l.is_empty() && l.len() < 100).map(str::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(names: &[&str]) -> Vec<PathBuf> {
        names.iter().map(PathBuf::from).collect()
    }

    #[test]
    fn names_say_the_split() {
        let splits = ["stsa.binary.train", "sts-dev.csv", "test.txt", "MSRpar.test.tsv", "wiki.txt"].map(split_of);
        assert_eq!(splits, [Some(Split::Train), Some(Split::Valid), Some(Split::Test), Some(Split::Test), None]);
        assert_eq!((split_of("20news-bydate-train"), split_of("latest.txt")), (Some(Split::Train), None));
    }

    #[test]
    fn extensions_are_classes_where_the_names_are_equal() {
        let found =
            classes(&paths(&["a/x.neg", "a/x.pos", "a/y.txt", "a/z.old", "a/s.train", "a/s.dev", "b/x.en", "b/x.de"]));
        let expected = [Some("neg"), Some("pos"), None, None, None, None, Some("en"), Some("de")];
        assert_eq!(found.iter().map(Option::as_deref).collect::<Vec<_>>(), expected);
        let found = classes(&paths(&["neg.txt", "pos.txt", "a/pos.txt"]));
        assert_eq!(found, [Some("neg".to_string()), Some("pos".to_string()), None]);
    }

    #[test]
    fn what_lies_beside_is_known() {
        for name in ["NOTE", "README.md", "SHA256SUMS", ".hidden", "classes.txt", "00-readme.test.txt", "LICENSE.txt"] {
            assert!(is_beside(Path::new(name)), "{name}");
        }
        assert!(is_beside(Path::new("answers-forums.LICENSE")) && !is_beside(Path::new("notes-of-a-cook.txt")));
    }

    #[test]
    fn numbers_get_the_names_of_their_classes() {
        let named = |labels: &[&str]| {
            let mut labels: Vec<String> = labels.iter().map(|l| (*l).to_string()).collect();
            rename(&mut labels.iter_mut().collect::<Vec<_>>(), &["World".into(), "Sports".into()]);
            labels
        };
        assert_eq!(named(&["2", "1", "2"]), ["Sports", "World", "Sports"]);
        assert_eq!(named(&["0", "1"]), ["World", "Sports"]);
        assert_eq!(named(&["2"]), ["Sports"]);
        assert_eq!(
            (named(&["1", "3"]), named(&["0", "2"]), named(&["a", "1"])),
            (vec!["1".to_string(), "3".into()], vec!["0".to_string(), "2".into()], vec!["a".to_string(), "1".into()],)
        );
    }
}
