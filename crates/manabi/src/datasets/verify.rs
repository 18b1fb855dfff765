//! Hashes a fetched dataset again and says which files are missing or changed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use super::checksums::{LIST_FILE, data_files, difference, hash_files, parse_list, tree_sha256};
use super::error::{DatasetError, Result};
use super::manifest::Manifest;
use super::store::Store;

/// What a second look at all bytes found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VerifyReport {
    /// Name of the dataset.
    pub name: String,
    /// Its folder.
    pub path: PathBuf,
    /// Number of data files that were hashed.
    pub files: u64,
    /// Their bytes together.
    pub bytes: u64,
    /// Files that should be there and are not.
    pub missing: Vec<String>,
    /// Files whose bytes are not those of the manifest.
    pub changed: Vec<String>,
    /// Files among the data that do not belong to the dataset.
    pub unknown: Vec<String>,
}

impl VerifyReport {
    /// Whether every file is there, unchanged, and none beside them.
    pub fn is_intact(&self) -> bool {
        self.missing.is_empty() && self.changed.is_empty() && self.unknown.is_empty()
    }
}

/// Hashes all files of a dataset in the store.
pub fn verify(manifest: &Manifest, store: &Store) -> Result<VerifyReport> {
    let missing = || DatasetError::NotFetched { name: manifest.name.clone(), root: store.root().to_path_buf() };
    let path = store.path_of(manifest).ok_or_else(missing)?;
    let entries = hash_files(&path, data_files(&path, manifest)?)?;
    let mut report = VerifyReport {
        name: manifest.name.clone(),
        files: entries.len() as u64,
        bytes: entries.iter().map(|entry| entry.size).sum(),
        missing: Vec::new(),
        changed: Vec::new(),
        unknown: Vec::new(),
        path,
    };
    let Some(mut expected) = expected(manifest, &report.path) else {
        // The list itself was damaged: the manifest still tells whether the data are right, only not which file is not.
        if difference(manifest, &entries).is_some() {
            report.changed.push(LIST_FILE.to_string());
        }
        return Ok(report);
    };
    for entry in &entries {
        match expected.remove(&entry.path) {
            Some(sha256) if sha256 == entry.sha256 => {}
            Some(_) => report.changed.push(entry.path.clone()),
            None => report.unknown.push(entry.path.clone()),
        }
    }
    report.missing = expected.into_keys().collect();
    Ok(report)
}

/// sha256 by path: the manifest's own, or those of the list that the manifest's tree checksum vouches for.
fn expected(manifest: &Manifest, folder: &std::path::Path) -> Option<BTreeMap<String, String>> {
    match &manifest.tree {
        Some(tree) => {
            let list = std::fs::read_to_string(folder.join(LIST_FILE)).ok()?;
            (tree_sha256(&list) == tree.sha256).then(|| parse_list(&list).into_iter().collect())
        }
        None => {
            let pairs = manifest.files.iter().filter_map(|file| Some((file.path.clone(), file.sha256.clone()?)));
            Some(pairs.collect())
        }
    }
}
