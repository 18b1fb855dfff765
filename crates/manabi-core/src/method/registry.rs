//! The list of methods: name, family, paper, and how to build one.

use super::{DatasetFacts, Method, Overrides, TrainDefaults, clustering, instance, masked, supervised, transformation};
use crate::{
    Error, Result,
    encoder::{Encoder, EncoderFactory},
    modality::{Modality, PretextTask},
    nn::Params,
};

/// The review's four families, and the baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Tell views of one sample from views of others.
    Instance,
    /// Agree on the cluster of a sample.
    Clustering,
    /// Fill in what was hidden.
    Masked,
    /// Say which transformation was applied.
    Transformation,
    /// Learn from labels.
    Supervised,
}

impl Family {
    /// The family's name in the field.
    pub fn title(self) -> &'static str {
        match self {
            Self::Instance => "instance discrimination",
            Self::Clustering => "clustering",
            Self::Masked => "masked prediction",
            Self::Transformation => "transformation prediction",
            Self::Supervised => "supervised baseline",
        }
    }
}

/// What a method is built on.
pub struct BuildContext<'a, B> {
    /// Name of the list's entry that is being built.
    pub name: &'static str,
    /// The modality's pretext tasks.
    pub tasks: &'static [PretextTask],
    /// Where the heads' parameters go.
    pub heads: &'a Params,
    /// The student, for its width and its tokens.
    pub encoder: &'a dyn Encoder<B>,
    /// The student's parameters: a teacher starts from a copy.
    pub student: &'a Params,
    /// Builds a teacher.
    pub factory: &'a EncoderFactory<B>,
    /// The dataset.
    pub facts: DatasetFacts,
    /// The user's settings.
    pub overrides: &'a Overrides,
}

/// Builds a method.
pub type Build<B> = fn(&BuildContext<B>) -> Result<Box<dyn Method<B>>>;

/// One method of the list.
pub struct MethodEntry<B> {
    /// The fixed word of the command line.
    pub name: &'static str,
    /// Other words for it: what the method is called in one modality's literature.
    pub aliases: &'static [&'static str],
    /// Its family.
    pub family: Family,
    /// The paper.
    pub paper: &'static str,
    /// One line for `manabi methods`.
    pub summary: &'static str,
    /// Builds it.
    pub build: Build<B>,
    /// How it likes to be trained on such a dataset.
    pub defaults: fn(&DatasetFacts) -> TrainDefaults,
    /// Its settings with the defaults for such a dataset, as TOML.
    pub settings: fn(&DatasetFacts) -> toml::Table,
}

/// Every method that needs nothing but a batch and an encoder, in the order in which they are listed.
pub fn methods<B: Clone + 'static>() -> Vec<MethodEntry<B>> {
    vec![
        instance::simclr::entry(),
        instance::byol::entry(),
        instance::vicreg::entry(),
        instance::cola::entry(),
        instance::cpc::entry(),
        clustering::swav::entry(),
        clustering::units::entry(),
        masked::reconstruction::entry(),
        masked::autoencoder::entry(),
        masked::quantised::entry(),
        masked::joint::entry(),
        transformation::prediction::entry(),
        supervised::entry(),
    ]
}

/// Every method of a modality: transformation prediction stands once for each of its tasks, under the task's name.
pub fn list<M: Modality>() -> Vec<MethodEntry<M::Batch>> {
    let mut all = Vec::new();
    for entry in M::methods() {
        if entry.family != Family::Transformation || entry.name != transformation::prediction::NAME {
            all.push(entry);
            continue;
        }
        all.extend(M::tasks().iter().enumerate().map(|(i, task)| MethodEntry {
            name: task.name,
            aliases: if i == 0 { &[transformation::prediction::NAME] } else { &[] },
            summary: task.summary,
            ..transformation::prediction::entry()
        }));
    }
    all
}

/// The modality's method of that name; the error lists the known ones.
pub fn find<M: Modality>(name: &str) -> Result<MethodEntry<M::Batch>> {
    let mut all = list::<M>();
    match all.iter().position(|m| m.name == name || m.aliases.contains(&name)) {
        Some(index) => Ok(all.swap_remove(index)),
        None => {
            let known: Vec<&str> = all.iter().map(|m| m.name).collect();
            Err(Error::config(format!("there is no method \"{name}\" for {}; known: {}", M::NAME, known.join(", "))))
        }
    }
}
