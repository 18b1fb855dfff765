//! Where datasets live on this computer, and which of them are whole.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::error::{At, DatasetError, Result};
use super::manifest::Manifest;

/// Environment variable that names the folder of datasets.
pub const DATA_VARIABLE: &str = "MANABI_DATA";

/// Written last, so that a set without it was interrupted and is never taken for whole.
const MARKER: &str = ".complete";

/// The folder of fetched datasets: one subfolder each, named like the dataset.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

impl Store {
    /// Opens the store at `root`, or else at `MANABI_DATA`, or else in the user's data folder
    /// (`$XDG_DATA_HOME/manabi/datasets`, by default `~/.local/share/manabi/datasets`). Creates nothing yet.
    pub fn open(root: Option<PathBuf>) -> Result<Self> {
        let root = match root {
            Some(root) => root,
            None => default_root(&|variable| std::env::var_os(variable)).ok_or(DatasetError::NoHome)?,
        };
        Ok(Self { root: std::path::absolute(&root).at("resolve", &root)? })
    }

    /// The store's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The dataset's folder, if it is wholly there and is what this manifest describes.
    pub fn path_of(&self, manifest: &Manifest) -> Option<PathBuf> {
        let folder = self.folder(manifest);
        let marker = std::fs::read_to_string(folder.join(MARKER)).ok()?;
        (marker.trim_end() == manifest.fingerprint()).then_some(folder)
    }

    /// Where the dataset lies or will lie, whole or not.
    pub(crate) fn folder(&self, manifest: &Manifest) -> PathBuf {
        self.root.join(&manifest.name)
    }

    /// Where downloads wait until all of them are there; kept between attempts, so that a broken one continues.
    pub(crate) fn downloads(&self, manifest: &Manifest) -> PathBuf {
        self.root.join(".downloads").join(&manifest.name)
    }

    /// Marks an unpacked and verified folder as whole.
    pub(crate) fn mark_complete(folder: &Path, manifest: &Manifest) -> Result<()> {
        let marker = folder.join(MARKER);
        std::fs::write(&marker, format!("{}\n", manifest.fingerprint())).at("write", &marker)?;
        std::fs::File::open(&marker).and_then(|file| file.sync_all()).at("write", &marker)
    }
}

/// The user's data folder, by the variables that the platforms set.
pub(crate) fn default_root(variable: &dyn Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(root) = set(DATA_VARIABLE) {
        return Some(root);
    }
    // The XDG specification says that a relative path there is to be ignored.
    let data = set("XDG_DATA_HOME")
        .filter(|path| path.is_absolute())
        .or_else(|| set("HOME").map(|home| home.join(".local").join("share")))
        .or_else(|| set("LOCALAPPDATA"))?;
    Some(data.join("manabi").join("datasets"))
}
