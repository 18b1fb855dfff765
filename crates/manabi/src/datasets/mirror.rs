//! Brings datasets from a folder instead of the network: archives as `<modality>/<name>.tar.gz`, or unpacked folders.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::checksums::{data_files, hash_file, join};
use super::error::{At, DatasetError, Result};
use super::manifest::Manifest;
use super::unpack::{Limits, unpack};

/// Environment variable that names the mirror folder.
pub const MIRROR_VARIABLE: &str = "MANABI_MIRROR";

/// The mirror that was given, or else the one in the environment.
pub(crate) fn choose(given: Option<PathBuf>, environment: Option<OsString>) -> Option<PathBuf> {
    given.or_else(|| environment.filter(|value| !value.is_empty()).map(PathBuf::from))
}

/// Puts the dataset's files into the new folder `into`, and returns where they came from.
pub(crate) fn import(manifest: &Manifest, mirror: &Path, limits: Limits, into: &Path) -> Result<PathBuf> {
    let archive = match &manifest.mirror {
        Some(stated) => join(mirror, &stated.path),
        None => mirror.join(&manifest.modality).join(format!("{}.tar.gz", manifest.name)),
    };
    if archive.is_file() {
        check_archive(manifest, &archive)?;
        unpack(&archive, into, limits, &|path| manifest.owns(path))?;
        return Ok(archive);
    }
    let folders = [mirror.join(&manifest.modality).join(&manifest.name), mirror.join(&manifest.name)];
    if let Some(folder) = folders.iter().find(|folder| folder.is_dir()) {
        copy_folder(manifest, folder, into)?;
        return Ok(folder.clone());
    }
    let [folder, _] = folders;
    Err(DatasetError::NotInMirror { name: manifest.name.clone(), archive, folder })
}

/// Tells a damaged archive before anything is unpacked.
fn check_archive(manifest: &Manifest, archive: &Path) -> Result<()> {
    let Some(stated) = &manifest.mirror else { return Ok(()) };
    let (found, _) = hash_file(archive)?;
    if found == stated.sha256 {
        return Ok(());
    }
    Err(DatasetError::WrongHash {
        what: archive.display().to_string(),
        expected: stated.sha256.clone(),
        found,
        remedy: "copy the archive again; if it was packed anew, unpack it beside, as an unpacked folder is checked file by file",
    })
}

/// Copies the data files, not their permissions: a mirror is often read-only.
fn copy_folder(manifest: &Manifest, from: &Path, into: &Path) -> Result<()> {
    std::fs::create_dir(into).at("write", into)?;
    data_files(from, manifest)?.par_iter().try_for_each(|path| {
        let (source, target) = (join(from, path), join(into, path));
        if let Some(parent) = target.parent() {
            std::fs::create_dir_all(parent).at("write", parent)?;
        }
        let mut reader = File::open(&source).at("read", &source)?;
        let mut writer = File::create_new(&target).at("write", &target)?;
        std::io::copy(&mut reader, &mut writer).at("write", &target)?;
        Ok(())
    })
}
