//! The types of `report.json` and `evaluation.json`; docs/FORMATS.md documents them, and a test keeps both equal.
//!
//! The first eight keys and those of a row are public and stay as they are. Everything else is additive: a reader ignores
//! keys that it does not know, and a missing key reads as empty.

use serde::{Deserialize, Serialize};

mod data;
mod figures;
mod findings;
mod training;

pub use data::{ClassCount, Inventory, Skipped, Split};
pub use figures::{EmbeddingMap, LabelFree, MapPoint, Neighbour, Preview, Query};
pub use findings::{Against, Findings, LabelSaving, Outcome, Pays, Risk};
pub use training::{Cost, CurvePoint, Health, Machine, MethodInfo, Monitor, NextStep, Phase, Reproducibility, Setting};

/// The version of the schema, raised when a key is added.
pub const SCHEMA_VERSION: u32 = 1;

/// All that a study found, as `report.json` and `evaluation.json` hold it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Report {
    /// The name of the dataset.
    pub dataset: String,
    /// The modality: `image`, `audio`, `text`, `graph` or `series`.
    pub modality: String,
    /// The metric of all rows, higher is better.
    pub metric: String,
    /// One row a representation, method and label budget.
    pub rows: Vec<Row>,
    /// What it cost, all measured.
    pub cost: Cost,
    /// Whether pre-training learned, and its curves.
    pub monitor: Monitor,
    /// The verdict in plain words: three sentences, one a line.
    pub verdict: String,
    /// The version of this schema.
    pub schema_version: u32,
    /// The verdict in figures.
    pub findings: Findings,
    /// Paired tests between rows.
    pub comparisons: Vec<Comparison>,
    /// What is known without labels.
    pub label_free: Vec<LabelFree>,
    /// What the data holds.
    pub inventory: Inventory,
    /// The embeddings in two dimensions.
    pub embedding_map: EmbeddingMap,
    /// Samples and their nearest neighbours in the embedding space.
    pub neighbours: Vec<Query>,
    /// Warnings of all phases, in plain words.
    pub warnings: Vec<String>,
    /// How to go on, the most useful step first.
    pub next: Vec<NextStep>,
    /// The method that pre-trained the encoder, and the settings of the evaluation.
    pub method: MethodInfo,
    /// The machine that ran the study.
    pub machine: Machine,
    /// What is needed to repeat the study.
    pub reproducibility: Reproducibility,
}

impl Report {
    /// Judges the rows, comparisons and monitor, and fills in `findings`, `verdict` and `schema_version`.
    pub fn conclude(&mut self) {
        self.schema_version = SCHEMA_VERSION;
        self.findings = super::verdict::judge(self);
        self.verdict = self.findings.lines.join("\n");
    }
}

/// What is compared: three baselines and three ways to read a self-supervised encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Representation {
    /// Raw features: pixels, mel means, tf-idf, degrees or statistics.
    #[serde(rename = "raw")]
    Raw,
    /// The same encoder with random weights.
    #[serde(rename = "random")]
    Random,
    /// The encoder that pre-training went on from, as it was given.
    #[serde(rename = "given")]
    Given,
    /// The same encoder, trained from scratch on the same labels.
    #[serde(rename = "supervised")]
    Supervised,
    /// Nearest neighbours in the self-supervised embedding space.
    #[serde(rename = "ssl-knn")]
    SslKnn,
    /// A linear probe on the frozen self-supervised encoder.
    #[serde(rename = "ssl-linear")]
    SslLinear,
    /// The self-supervised encoder, fine-tuned on the labels.
    #[serde(rename = "ssl-finetune")]
    SslFinetune,
}

impl Representation {
    /// All of them, baselines first.
    pub const ALL: [Self; 7] =
        [Self::Raw, Self::Random, Self::Given, Self::Supervised, Self::SslKnn, Self::SslLinear, Self::SslFinetune];

    /// The baselines that self-supervision has to beat; and [`Self::Given`], where it went on from an encoder of others.
    pub const BASELINES: [Self; 3] = [Self::Supervised, Self::Raw, Self::Random];

    /// Whether the encoder was pre-trained without labels.
    pub fn is_ssl(self) -> bool {
        matches!(self, Self::SslKnn | Self::SslLinear | Self::SslFinetune)
    }

    /// A short name for charts and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Raw => "Raw features",
            Self::Random => "Random encoder",
            Self::Given => "Encoder as given",
            Self::Supervised => "Supervised",
            Self::SslKnn => "SSL, kNN",
            Self::SslLinear => "SSL, linear probe",
            Self::SslFinetune => "SSL, fine-tuned",
        }
    }
}

/// The score of one representation at one label budget.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// What was evaluated.
    pub representation: Representation,
    /// The method: the SSL method's name, or the probe or training of a baseline.
    pub method: String,
    /// The number of labels that were used.
    pub labels: usize,
    /// The same as a fraction of the training split, 0 to 1.
    pub fraction: f64,
    /// The mean score over seeds, 0 to 1.
    pub mean: f64,
    /// The lower end of the 95 % interval.
    pub low: f64,
    /// The upper end of the 95 % interval.
    pub high: f64,
    /// The number of seeds.
    pub seeds: usize,
}

/// A paired test: `a` against `b` on the same splits and seeds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The one.
    pub a: Representation,
    /// Its method.
    pub a_method: String,
    /// The other.
    pub b: Representation,
    /// Its method.
    pub b_method: String,
    /// The number of labels that both used.
    pub labels: usize,
    /// The same as a fraction of the training split, 0 to 1.
    pub fraction: f64,
    /// The mean of `a` minus `b`, in fractions: 0.05 is five points.
    pub difference: f64,
    /// The lower end of its 95 % interval.
    pub low: f64,
    /// The upper end of its 95 % interval.
    pub high: f64,
    /// The two-sided p value, where the test gives one.
    pub p: Option<f64>,
    /// The number of pairs behind it.
    pub pairs: usize,
    /// The name of the test.
    pub test: String,
}
