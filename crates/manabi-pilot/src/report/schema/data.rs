//! What the data holds: counts, classes, split, duplicates and the files that were skipped.

use serde::{Deserialize, Serialize};

/// The inventory of the data.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Inventory {
    /// Samples that could be read.
    pub samples: usize,
    /// Those with a label.
    pub labelled: usize,
    /// Those without.
    pub unlabelled: usize,
    /// The classes with their counts of labelled samples.
    pub classes: Vec<ClassCount>,
    /// How the data was split.
    pub split: Split,
    /// The column that groups samples of one origin, such as a machine or a patient.
    pub group_column: Option<String>,
    /// The number of groups, where there is such a column.
    pub groups: Option<usize>,
    /// Samples that have an identical or nearly identical twin; `None` when it was not looked for.
    pub near_duplicates: Option<usize>,
    /// How many different things the samples show: a group, or a set of near-duplicates, counts once. `None` where each
    /// sample is its own.
    pub distinct: Option<usize>,
    /// The files that were skipped; a long list may be cut.
    pub skipped: Vec<Skipped>,
    /// How many files were skipped in all.
    pub skipped_total: usize,
}

/// A class and the number of its labelled samples.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClassCount {
    /// The class.
    pub name: String,
    /// Its labelled samples.
    pub count: usize,
    /// How many different things they show; `None` where each sample is its own.
    pub distinct: Option<usize>,
}

/// How the data was split.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Split {
    /// True for the split that comes with the dataset, false for one of our own.
    pub official: bool,
    /// One sentence: by what it was stratified and grouped.
    pub description: String,
    /// Samples for training, labelled or not.
    pub train: usize,
    /// Samples for model selection.
    pub validation: usize,
    /// Samples for the figures of this report, used once.
    pub test: usize,
    /// Groups (speakers, machines) that these are of; `None` where samples have no group.
    pub test_groups: Option<usize>,
}

/// A file that was skipped.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// The file.
    pub path: String,
    /// Why.
    pub reason: String,
}
