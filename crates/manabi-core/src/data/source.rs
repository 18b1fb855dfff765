//! What a dataset is: records (id, label, group, split) whose samples can be loaded.

use std::{path::PathBuf, sync::Arc};

use crate::Result;

/// How the name of a group begins that was not given but found: rows that are nearly the same.
pub const ALIKE: &str = "like ";

/// Where the data is and how to read it; the command line's `DATA`, `--labels` and `--modality`.
#[derive(Clone, Debug, Default)]
pub struct DataSpec {
    /// A folder, a file or a manifest.
    pub path: PathBuf,
    /// A CSV `id,label[,group]` whose `id` is the path relative to `path`.
    pub labels: Option<PathBuf>,
    /// Largest share of unreadable files that is tolerated (they are skipped and listed).
    pub max_bad: f64,
    /// How many bytes of decoded samples may be kept in memory.
    pub cache_bytes: u64,
}

impl DataSpec {
    /// The defaults: 5 % bad files, 4 GiB of decoded samples.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), labels: None, max_bad: 0.05, cache_bytes: 4 << 30 }
    }
}

/// The official part a record belongs to, where the dataset has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// For training (and, within it, validation).
    Train,
    /// Held back for validation.
    Valid,
    /// Only ever looked at once, at the end.
    Test,
}

impl Split {
    /// The split that a folder or a manifest's column names; `None` for any other word.
    pub fn parse(word: &str) -> Option<Self> {
        match word.trim().to_ascii_lowercase().as_str() {
            "train" | "training" => Some(Self::Train),
            "valid" | "val" | "validation" | "dev" => Some(Self::Valid),
            "test" | "testing" => Some(Self::Test),
            _ => None,
        }
    }
}

/// One row of a dataset.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Path relative to the dataset, or the row's number: unique and stable.
    pub id: String,
    /// Index into [`Source::classes`].
    pub label: Option<u32>,
    /// Rows of one group (speaker, machine, document, near-duplicates) never stand in two splits.
    pub group: Option<String>,
    /// The official split, where the dataset names one.
    pub split: Option<Split>,
    /// The number that regression is to predict (remaining life), where the dataset gives one.
    pub target: Option<f64>,
}

/// A file that could not be used.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Skipped {
    /// Which.
    pub id: String,
    /// Why.
    pub reason: String,
}

/// A dataset: `len` records and their samples.
pub trait Source<S>: Send + Sync {
    /// The records, in a stable order; skipped files are not among them.
    fn records(&self) -> &[Record];

    /// Class names, sorted; empty when nothing is labelled.
    fn classes(&self) -> &[String];

    /// The sample of row `index`.
    fn load(&self, index: usize) -> Result<Arc<S>>;

    /// What was left out, and why.
    fn skipped(&self) -> &[Skipped];

    /// One-line remarks on what was found and left aside (annotations, files of other kinds).
    fn notes(&self) -> &[String] {
        &[]
    }

    /// Number of records.
    fn len(&self) -> usize {
        self.records().len()
    }

    /// True if there is none.
    fn is_empty(&self) -> bool {
        self.records().is_empty()
    }

    /// Labels of all rows.
    fn labels(&self) -> Vec<Option<u32>> {
        self.records().iter().map(|r| r.label).collect()
    }
}
