//! sha256 of files and of whole datasets, in the format that `sha256sum -c` reads.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use sha2::{Digest, Sha256};
use walkdir::WalkDir;

use super::error::{At, DatasetError, Result};
use super::manifest::Manifest;

/// The list of checksums that lies in every fetched dataset.
pub(crate) const LIST_FILE: &str = "SHA256SUMS";

/// One data file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Path in the dataset's folder, with `/` between its parts.
    pub path: String,
    /// sha256 of the bytes.
    pub sha256: String,
    /// Number of bytes.
    pub size: u64,
}

/// Paths of the dataset's files below `root`, sorted by their bytes. Links are not followed, and are no data.
pub(crate) fn data_files(root: &Path, manifest: &Manifest) -> Result<Vec<String>> {
    let mut paths = Vec::new();
    for entry in WalkDir::new(root).follow_root_links(true) {
        let entry = entry.map_err(|error| {
            let path = error.path().unwrap_or(root).to_path_buf();
            DatasetError::io("read", &path, error.into())
        })?;
        if !entry.file_type().is_file() {
            continue;
        }
        let relative = entry.path().strip_prefix(root).ok().and_then(slashed);
        if let Some(path) = relative.filter(|path| manifest.owns(path)) {
            paths.push(path);
        }
    }
    paths.sort_unstable();
    Ok(paths)
}

/// Hashes these files of `root`, on all threads, as a dataset may have a hundred thousand small ones.
pub(crate) fn hash_files(root: &Path, paths: Vec<String>) -> Result<Vec<Entry>> {
    paths
        .into_par_iter()
        .map(|path| {
            let (sha256, size) = hash_file(&join(root, &path))?;
            Ok(Entry { path, sha256, size })
        })
        .collect()
}

/// sha256 and size of a file.
pub(crate) fn hash_file(path: &Path) -> Result<(String, u64)> {
    let file = File::open(path).at("read", path)?;
    hash_reader(file).at("read", path)
}

fn hash_reader(mut reader: impl Read) -> io::Result<(String, u64)> {
    let mut hasher = Sha256::new();
    let mut size = 0;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok((hex(&hasher.finalize()), size)),
            Ok(count) => {
                hasher.update(&buffer[..count]);
                size += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The lines of a `SHA256SUMS` file.
pub(crate) fn list_text(entries: &[Entry]) -> String {
    entries.iter().map(|entry| format!("{}  {}\n", entry.sha256, entry.path)).collect()
}

/// The path and sha256 of every line of a `SHA256SUMS` file; lines of another form are left out.
pub(crate) fn parse_list(text: &str) -> Vec<(String, String)> {
    text.lines()
        .filter_map(|line| line.split_once("  "))
        .map(|(sha256, path)| (path.to_string(), sha256.to_string()))
        .collect()
}

/// One checksum over all files: the sha256 of their `SHA256SUMS`.
pub(crate) fn tree_sha256(list: &str) -> String {
    hex(&Sha256::digest(list.as_bytes()))
}

/// What differs between the files that are there and those that the manifest describes, in words; `None` if nothing.
pub(crate) fn difference(manifest: &Manifest, entries: &[Entry]) -> Option<String> {
    if let Some(tree) = &manifest.tree {
        let bytes: u64 = entries.iter().map(|entry| entry.size).sum();
        if entries.len() as u64 != tree.files || bytes != tree.bytes {
            let (files, total) = (tree.files, tree.bytes);
            return Some(format!("expected {files} data files of {total} bytes, found {} of {bytes}", entries.len()));
        }
        let found = tree_sha256(&list_text(entries));
        let expected = &tree.sha256;
        return (found != *expected).then(|| format!("the manifest says tree sha256 {expected}, found {found}"));
    }
    manifest.files.iter().find_map(|file| {
        let expected = file.sha256.as_deref()?;
        let path = &file.path;
        match entries.iter().find(|entry| entry.path == *path) {
            None => Some(format!("'{path}' is missing")),
            Some(entry) if entry.sha256 == expected => None,
            Some(entry) => Some(format!("the manifest says sha256 {expected} for '{path}', found {}", entry.sha256)),
        }
    })
}

/// `path` with `/` between its parts, if it is UTF-8.
fn slashed(path: &Path) -> Option<String> {
    let parts: Option<Vec<&str>> = path.iter().map(|part| part.to_str()).collect();
    parts.map(|parts| parts.join("/"))
}

/// The file of `root` at a path with `/` between its parts.
pub(crate) fn join(root: &Path, path: &str) -> PathBuf {
    path.split('/').fold(root.to_path_buf(), |whole, part| whole.join(part))
}

/// Lower case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
