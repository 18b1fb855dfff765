//! What was found before anything is decoded: entries with the names of their classes.

use std::{ops::Range, path::PathBuf};

use super::{Record, Skipped, Split};

/// One row before decoding.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Path relative to the dataset with `/` between folders, or the row's number.
    pub id: String,
    /// The file that holds the row.
    pub path: PathBuf,
    /// The part of the file that the row is, counted in the file's own units (frames, lines); all of it where `None`.
    pub part: Option<Range<u64>>,
    /// Name of the class.
    pub label: Option<String>,
    /// Rows of one group never stand in two splits.
    pub group: Option<String>,
    /// The official split.
    pub split: Option<Split>,
    /// The number that regression is to predict.
    pub target: Option<f64>,
}

impl Entry {
    /// An unlabelled entry.
    pub fn new(id: impl Into<String>, path: impl Into<PathBuf>) -> Self {
        Self { id: id.into(), path: path.into(), part: None, label: None, group: None, split: None, target: None }
    }
}

/// The rows of a dataset before decoding, and what was left aside.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listing {
    /// The rows, in the dataset's stable order.
    pub entries: Vec<Entry>,
    /// Files that should be rows but cannot be used (missing, unreadable).
    pub skipped: Vec<Skipped>,
    /// One-line remarks.
    pub notes: Vec<String>,
}

impl Listing {
    /// The names of the classes, sorted: by value where all are whole numbers, else as text.
    pub fn classes(&self) -> Vec<String> {
        let mut names: Vec<String> = self.entries.iter().filter_map(|e| e.label.clone()).collect();
        names.sort_unstable();
        names.dedup();
        if names.iter().all(|n| n.parse::<i64>().is_ok()) {
            names.sort_by_key(|n| n.parse::<i64>().unwrap_or_default());
        }
        names
    }

    /// Records whose labels are indices into [`Listing::classes`], and those classes.
    pub fn records(&self) -> (Vec<Record>, Vec<String>) {
        let classes = self.classes();
        let index: std::collections::HashMap<&str, u32> =
            (0u32..).zip(&classes).map(|(i, c)| (c.as_str(), i)).collect();
        let records = self
            .entries
            .iter()
            .map(|e| Record {
                id: e.id.clone(),
                label: e.label.as_deref().and_then(|l| index.get(l).copied()),
                group: e.group.clone(),
                split: e.split,
                target: e.target,
            })
            .collect();
        (records, classes)
    }
}

/// The first five of `items` and how many more there are: `a, b, c, d, e and 7 more`.
pub fn first_few<T: AsRef<str>>(items: &[T]) -> String {
    let shown: Vec<&str> = items.iter().take(5).map(AsRef::as_ref).collect();
    let rest = items.len() - shown.len();
    if rest == 0 { shown.join(", ") } else { format!("{} and {rest} more", shown.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labelled(labels: &[&str]) -> Listing {
        let entries = labels
            .iter()
            .enumerate()
            .map(|(i, l)| Entry { label: Some((*l).into()), ..Entry::new(i.to_string(), "x") })
            .collect();
        Listing { entries, ..Listing::default() }
    }

    #[test]
    fn numeric_classes_are_sorted_by_value_and_others_as_text() {
        assert_eq!(labelled(&["10", "2", "1"]).classes(), ["1", "2", "10"]);
        assert_eq!(labelled(&["b", "10", "2"]).classes(), ["10", "2", "b"]);
    }

    #[test]
    fn labels_of_records_are_indices_into_the_classes() {
        let (records, classes) = labelled(&["b", "a", "b"]).records();
        assert_eq!(classes, ["a", "b"]);
        assert_eq!(records.iter().map(|r| r.label).collect::<Vec<_>>(), [Some(1), Some(0), Some(1)]);
    }

    #[test]
    fn a_long_list_is_cut_and_counted() {
        assert_eq!(first_few(&["a", "b"]), "a, b");
        assert_eq!(first_few(&["a", "b", "c", "d", "e", "f", "g"]), "a, b, c, d, e and 2 more");
    }
}
