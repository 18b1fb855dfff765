//! The verdict in figures.

use serde::{Deserialize, Serialize};

use super::Representation;

/// Whether self-supervision pays on this data.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pays {
    /// It beats all three baselines, and the intervals exclude chance.
    Yes,
    /// At every label budget, at least one baseline is better or as good.
    No,
    /// The intervals leave it open, or something was not measured.
    Unclear,
    /// There are no labels to measure it with.
    #[default]
    Unknown,
}

/// The verdict in figures and in words.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Findings {
    /// Whether it pays.
    pub pays: Pays,
    /// The verdict in one short sentence.
    pub headline: String,
    /// Whether it pays, how many labels it saves, and what it costs or risks: one sentence each.
    pub lines: Vec<String>,
    /// The way of reading the encoder that the verdict speaks of.
    pub representation: Option<Representation>,
    /// Its method.
    pub method: Option<String>,
    /// The label budget that the verdict speaks of.
    pub labels: Option<usize>,
    /// The same as a fraction of the training split.
    pub fraction: Option<f64>,
    /// The score at that budget.
    pub score: Option<f64>,
    /// The differences to the baselines at that budget.
    pub against: Vec<Against>,
    /// The p value of beating all baselines at once, corrected (Holm) for the budgets and readouts that were tried.
    pub corrected_p: Option<f64>,
    /// How many budgets and readouts were tried.
    pub tried: usize,
    /// The labels that it saves.
    pub saving: Option<LabelSaving>,
    /// The gravest risk first.
    pub risks: Vec<Risk>,
}

/// What a difference and its interval say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The interval lies above 0.
    Better,
    /// The interval lies below 0.
    Worse,
    /// The interval holds 0.
    Open,
    /// There was no paired test.
    Untested,
}

/// The difference to one baseline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Against {
    /// The baseline.
    pub baseline: Representation,
    /// What the interval says.
    pub outcome: Outcome,
    /// SSL minus the baseline, as a fraction.
    pub difference: Option<f64>,
    /// The lower end of the 95 % interval.
    pub low: Option<f64>,
    /// The upper end of the 95 % interval.
    pub high: Option<f64>,
    /// The two-sided p value of this comparison alone.
    pub p: Option<f64>,
}

/// The labels that supervised training needs for the score that SSL has at `labels`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LabelSaving {
    /// The labels that SSL used.
    pub labels: usize,
    /// The labels that supervised training needs, or the most that it was given.
    pub supervised: usize,
    /// True when supervised training reached the score; false means "more than `supervised`".
    pub reached: bool,
    /// The same for the lower end of the SSL score's interval.
    pub low: usize,
    /// The same for the upper end; `None` when it was not reached.
    pub high: Option<usize>,
}

/// What may be wrong, in the order of gravity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Risk {
    /// Pre-training collapsed.
    Collapse,
    /// Pre-training diverged.
    Divergence,
    /// Pre-training hardly learned.
    NotLearning,
    /// With more labels, supervised training from scratch is better than every use of the pre-trained encoder.
    Overtaken {
        /// The smallest such budget.
        labels: usize,
        /// What supervised training scores with it.
        supervised: f64,
        /// The best self-supervised score with it.
        ssl: f64,
    },
    /// The time budget cut the trainings on labels short, which costs training from scratch most.
    Shortened {
        /// Share of the full length that they had.
        share: f64,
    },
    /// There are no labels.
    NoLabels,
    /// There are too few samples to pre-train on.
    FewSamples {
        /// The samples in the training split.
        samples: usize,
    },
    /// Most samples are copies, or of one origin with others: the samples are many, what they show is little.
    FewThings {
        /// The samples.
        samples: usize,
        /// How many different things they show.
        things: usize,
        /// The class with the fewest things.
        smallest: Option<String>,
        /// How many.
        least: usize,
    },
    /// Classes have too few labels to test them.
    FewLabels {
        /// The classes with fewer than five labels.
        classes: usize,
        /// The class with the fewest.
        smallest: String,
        /// Its labels.
        labels: usize,
    },
    /// Too few groups are tested to say anything about others.
    FewGroups {
        /// Groups in the test part.
        groups: usize,
    },
    /// Fewer than three seeds: the intervals are hardly worth their name.
    FewSeeds {
        /// The seeds.
        seeds: usize,
    },
}
