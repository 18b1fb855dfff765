//! The rows of `manabi data list`.

use std::path::PathBuf;

use indicatif::HumanBytes;
use serde::Serialize;

use super::error::Result;
use super::manifest::Manifest;
use super::registry::all;
use super::store::Store;

/// One dataset in the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The name on the command line.
    pub name: String,
    /// The name for people.
    pub title: String,
    /// The modality that loads it.
    pub modality: String,
    /// Number of samples.
    pub samples: u64,
    /// Number of classes.
    pub classes: u32,
    /// Bytes on disk.
    pub bytes: u64,
    /// The licence as its publisher states it.
    pub licence: String,
    /// Whether that licence clearly allows to pass the data on.
    pub clear_to_ship: bool,
    /// Its folder, if it is here.
    pub path: Option<PathBuf>,
}

impl Row {
    /// The row of one dataset.
    pub fn new(manifest: &Manifest, store: &Store) -> Self {
        Self {
            name: manifest.name.clone(),
            title: manifest.title.clone(),
            modality: manifest.modality.clone(),
            samples: manifest.samples,
            classes: manifest.classes,
            bytes: manifest.bytes(),
            licence: manifest.licence.clone(),
            clear_to_ship: manifest.clear_to_ship,
            path: store.path_of(manifest),
        }
    }

    /// The size for people, such as `29.45 MiB`.
    pub fn size(&self) -> String {
        HumanBytes(self.bytes).to_string()
    }

    /// Whether the dataset is here, for people.
    pub fn present(&self) -> &'static str {
        if self.path.is_some() { "yes" } else { "no" }
    }
}

/// A row for every dataset there is, by name.
pub fn rows(store: &Store) -> Result<Vec<Row>> {
    Ok(all()?.iter().map(|manifest| Row::new(manifest, store)).collect())
}
