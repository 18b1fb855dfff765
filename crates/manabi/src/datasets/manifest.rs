//! What is known of one dataset: the TOML file that names its source, checksums, licence, split and caveats.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::checksums::hex;
use super::error::{DatasetError, Result};

/// One dataset, as written in `datasets/NAME.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The name on the command line: lower case letters, digits, hyphens.
    pub name: String,
    /// The name for people.
    pub title: String,
    /// The modality that loads it, as named in the registry of modalities.
    pub modality: String,
    /// The licence as its publisher states it, in the publisher's words where there is no licence text.
    pub licence: String,
    /// Whether that licence clearly allows to pass the data on.
    pub clear_to_ship: bool,
    /// Whom to cite.
    pub citation: String,
    /// The publisher's page.
    #[serde(default)]
    pub homepage: Option<String>,
    /// Number of samples over all splits.
    pub samples: u64,
    /// Number of classes; 0 where there are no labels.
    pub classes: u32,
    /// How the files are read.
    pub loader: Loader,
    /// Format and caveats, one sentence or two each.
    #[serde(default)]
    pub notes: Vec<String>,
    /// The official split; without one a seeded split is drawn.
    #[serde(default)]
    pub split: Option<Split>,
    /// What must stay on one side of every split.
    #[serde(default)]
    pub group: Option<Group>,
    /// Where the dataset lies in a mirror folder.
    #[serde(default)]
    pub mirror: Option<Mirror>,
    /// What is downloaded: single files, or one archive.
    #[serde(rename = "file")]
    pub files: Vec<RemoteFile>,
    /// Which files of the archive are the data, and their common checksum.
    #[serde(default)]
    pub tree: Option<Tree>,
}

/// How a dataset's files are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loader {
    /// IDX arrays (images and labels in files of their own), gzipped or not.
    Idx,
    /// A folder whose subfolders are the classes.
    Folder,
}

/// The official split: paths in the dataset's folder, and how many samples each side has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// Files or folders of the training side.
    pub train: Vec<String>,
    /// Files or folders of the test side.
    pub test: Vec<String>,
    /// Samples on the training side.
    pub train_samples: u64,
    /// Samples on the test side.
    pub test_samples: u64,
}

/// What must stay on one side of every split, or the figures flatter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// How the groups are found.
    pub rule: GroupRule,
    /// Why, in a sentence.
    pub why: String,
}

/// How groups of samples that belong together are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GroupRule {
    /// Samples that look nearly the same form a group.
    NearDuplicates,
}

/// The archive in a mirror folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mirror {
    /// Path below the mirror folder: `<modality>/<name>.tar.gz`.
    pub path: String,
    /// sha256 of the archive.
    pub sha256: String,
    /// Bytes of the archive.
    pub size: u64,
}

/// One file to download.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoteFile {
    /// Where it lands in the dataset's folder; an archive's own name, as only what is in it lands there.
    pub path: String,
    /// Address, pinned to a commit.
    pub url: String,
    /// sha256 of the bytes; an archive that its server generates anew has none.
    #[serde(default)]
    pub sha256: Option<String>,
    /// Number of bytes, where known.
    #[serde(default)]
    pub size: Option<u64>,
    /// Set where the file is an archive to unpack.
    #[serde(default)]
    pub archive: Option<Archive>,
}

/// Kinds of archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Archive {
    /// A gzipped tar archive, all of it in one top folder.
    #[serde(rename = "tar.gz")]
    TarGz,
}

/// The data files among those of an archive, and one checksum over all of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tree {
    /// Folders that hold the data; whatever lies outside is left out.
    pub folders: Vec<String>,
    /// Number of data files.
    pub files: u64,
    /// Their bytes together.
    pub bytes: u64,
    /// sha256 over the lines `<sha256>  <path>` of all data files, sorted by path.
    pub sha256: String,
    /// Folders of which only the first files belong to the dataset.
    #[serde(default)]
    pub first: Vec<First>,
}

/// Takes only the first files of a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct First {
    /// The folder.
    pub folder: String,
    /// How many files of it are taken, in the order of their names' bytes.
    pub files: u64,
}

impl Manifest {
    /// Reads and validates a manifest; `file` is its name for messages.
    pub fn parse(file: &str, text: &str) -> Result<Self> {
        let invalid = |reason: String| DatasetError::Manifest { file: file.to_string(), reason };
        let manifest: Self = toml::from_str(text).map_err(|error| {
            let line = error.span().map(|span| 1 + text[..span.start.min(text.len())].matches('\n').count());
            let place = line.map(|line| format!("line {line}: ")).unwrap_or_default();
            invalid(format!("{place}{}", error.message()))
        })?;
        manifest.validate().map_err(invalid)?;
        Ok(manifest)
    }

    /// Bytes of the data files together.
    pub fn bytes(&self) -> u64 {
        match &self.tree {
            Some(tree) => tree.bytes,
            None => self.files.iter().filter_map(|file| file.size).fold(0, u64::saturating_add),
        }
    }

    /// Number of data files.
    pub fn file_count(&self) -> u64 {
        self.tree.as_ref().map_or(self.files.len() as u64, |tree| tree.files)
    }

    /// Whether `path` (with `/` between its parts) may be one of the dataset's files.
    pub fn owns(&self, path: &str) -> bool {
        match &self.tree {
            Some(tree) => tree.folders.iter().any(|folder| is_below(path, folder)),
            None => self.files.iter().any(|file| file.path == path),
        }
    }

    /// Identifies the data, not the words about them: a corrected note costs nobody a download.
    pub fn fingerprint(&self) -> String {
        let mut text = format!("{}\n", self.name);
        match &self.tree {
            Some(tree) => text.push_str(&tree.sha256),
            None => {
                for file in &self.files {
                    text.push_str(&format!("{}  {}\n", file.sha256.as_deref().unwrap_or("-"), file.path));
                }
            }
        }
        hex(&Sha256::digest(text.as_bytes()))
    }
}

/// Whether `path` lies in `folder`, at any depth.
pub(crate) fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}
