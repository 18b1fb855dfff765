//! Brings a dataset into the store: from the network or a mirror, verified, and all of it or nothing.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use super::checksums::{LIST_FILE, data_files, difference, hash_files, join, list_text};
use super::download::{Downloader, Wanted};
use super::error::{At, DatasetError, Result};
use super::manifest::{Manifest, RemoteFile, is_below};
use super::mirror::{self, MIRROR_VARIABLE};
use super::progress::Progress;
use super::store::Store;
use super::unpack::{Limits, unpack};

/// How a dataset is fetched.
#[derive(Debug, Clone, Default)]
pub struct FetchOptions {
    /// Folder of archives to take it from; without one `MANABI_MIRROR`, and without that the network.
    pub mirror: Option<PathBuf>,
    /// Fetch it even if it is there, and replace what is there once the new copy is verified.
    pub overwrite: bool,
    /// Show no progress.
    pub quiet: bool,
}

/// Makes sure that the dataset is in the store, and returns its folder.
pub fn fetch(manifest: &Manifest, store: &Store, mut options: FetchOptions) -> Result<PathBuf> {
    options.mirror = mirror::choose(options.mirror, std::env::var_os(MIRROR_VARIABLE));
    fetch_with(manifest, store, &options, &Downloader::default())
}

/// [`fetch`] without a look at the environment.
pub(crate) fn fetch_with(
    manifest: &Manifest,
    store: &Store,
    options: &FetchOptions,
    downloader: &Downloader,
) -> Result<PathBuf> {
    let there = || store.path_of(manifest).filter(|_| !options.overwrite);
    if let Some(path) = there() {
        return Ok(path);
    }
    let downloads = store.downloads(manifest);
    std::fs::create_dir_all(&downloads).at("write", &downloads)?;
    let _lock = lock(manifest, &downloads)?;
    // Another process may have fetched it between the first look and the lock.
    if let Some(path) = there() {
        return Ok(path);
    }
    remove_leftovers(manifest, store)?;
    let root = store.root();
    let staging = tempfile::Builder::new().prefix(&staging_prefix(manifest)).tempdir_in(root).at("write", root)?;
    let data = staging.path().join("data");
    let source = match &options.mirror {
        Some(mirror) => {
            let progress =
                Progress::new(&format!("{} from mirror", manifest.name), Some(manifest.bytes()), options.quiet);
            let source = mirror::import(manifest, mirror, limits(manifest), &data)?;
            progress.done(manifest.bytes());
            source.display().to_string()
        }
        None => {
            download_all(manifest, downloader, &downloads, &data, options.quiet)?;
            manifest.files.first().map(|file| file.url.clone()).unwrap_or_default()
        }
    };
    if let Err(error) = complete(manifest, &data, source) {
        // What was downloaded is as wrong as what was in it.
        remove_folder(&downloads)?;
        return Err(error);
    }
    install(&data, &store.folder(manifest), staging.path())?;
    remove_folder(&downloads)?;
    Ok(store.folder(manifest))
}

/// Downloads every file, and puts the files or what is in the archive into the new folder `data`.
fn download_all(
    manifest: &Manifest,
    downloader: &Downloader,
    downloads: &Path,
    data: &Path,
    quiet: bool,
) -> Result<()> {
    for file in &manifest.files {
        let to = join(downloads, &file.path);
        if let Some(parent) = to.parent() {
            std::fs::create_dir_all(parent).at("write", parent)?;
        }
        let label = format!("{}/{}", manifest.name, file.path);
        let progress = Progress::new(&label, file.size, quiet);
        downloader.get(&wanted(manifest, file), &to, &progress)?;
        progress.done(std::fs::metadata(&to).map_or(0, |found| found.len()));
    }
    if let Some(archive) = manifest.files.iter().find(|file| file.archive.is_some()) {
        let path = join(downloads, &archive.path);
        return unpack(&path, data, limits(manifest), &|path| manifest.owns(path)).inspect_err(|error| {
            // A damaged archive would only fail again; one that met a full disk is still good.
            let archive_is_bad = matches!(
                error,
                DatasetError::BadArchive { .. } | DatasetError::UnsafeArchive { .. } | DatasetError::TooLarge { .. }
            );
            if archive_is_bad {
                let _ = std::fs::remove_file(&path);
            }
        });
    }
    for file in &manifest.files {
        let to = join(data, &file.path);
        if let Some(parent) = to.parent() {
            std::fs::create_dir_all(parent).at("write", parent)?;
        }
        std::fs::rename(join(downloads, &file.path), &to).at("write", &to)?;
    }
    Ok(())
}

fn wanted<'a>(manifest: &Manifest, file: &'a RemoteFile) -> Wanted<'a> {
    let limit = file.size.unwrap_or(limits(manifest).bytes);
    Wanted { url: &file.url, sha256: file.sha256.as_deref(), size: file.size, limit }
}

/// An archive may hold more than the dataset (a page, a licence, what `first` leaves out), but not anything.
pub(crate) fn limits(manifest: &Manifest) -> Limits {
    Limits {
        entries: manifest.file_count().saturating_mul(4).saturating_add(10_000),
        bytes: manifest.bytes().saturating_mul(4).saturating_add(64 << 20),
    }
}

/// Verifies the folder, writes its checksums and, last, the marker.
fn complete(manifest: &Manifest, data: &Path, source: String) -> Result<()> {
    let paths = keep_first(manifest, data, data_files(data, manifest)?)?;
    let entries = hash_files(data, paths)?;
    if let Some(reason) = difference(manifest, &entries) {
        return Err(DatasetError::WrongContents { what: source, name: manifest.name.clone(), reason });
    }
    let list = data.join(LIST_FILE);
    std::fs::write(&list, list_text(&entries)).at("write", &list)?;
    Store::mark_complete(data, manifest)
}

/// Removes what the manifest's `first` leaves out, and returns what stays. `paths` are sorted.
fn keep_first(manifest: &Manifest, data: &Path, mut paths: Vec<String>) -> Result<Vec<String>> {
    for first in manifest.tree.iter().flat_map(|tree| &tree.first) {
        let mut seen = 0;
        let (kept, surplus): (Vec<_>, Vec<_>) = paths.into_iter().partition(|path| {
            let inside = is_below(path, &first.folder);
            seen += u64::from(inside);
            !inside || seen <= first.files
        });
        for path in surplus {
            let path = join(data, &path);
            std::fs::remove_file(&path).at("remove", &path)?;
        }
        paths = kept;
    }
    Ok(paths)
}

/// Puts the new folder in place of whatever is there; `aside` takes the old one, which goes with it.
fn install(data: &Path, target: &Path, aside: &Path) -> Result<()> {
    let old = aside.join("old");
    let replaced = target.symlink_metadata().is_ok();
    if replaced {
        std::fs::rename(target, &old).at("replace", target)?;
    }
    std::fs::rename(data, target).at("write", target).inspect_err(|_| {
        if replaced {
            let _ = std::fs::rename(&old, target);
        }
    })
}

/// Holds off other processes that fetch the same dataset, until it is dropped.
fn lock(manifest: &Manifest, downloads: &Path) -> Result<File> {
    let path = downloads.with_extension("lock");
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).at("write", &path)?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Err(DatasetError::Busy { name: manifest.name.clone(), lock: path }),
        // Some network file systems know no locks; then two at once waste work, but each still verifies its own.
        Err(TryLockError::Error(_)) | Ok(()) => Ok(file),
    }
}

fn staging_prefix(manifest: &Manifest) -> String {
    format!(".staging-{}.", manifest.name)
}

/// Removes the unfinished folders of processes that were killed; the lock says that none of them is at work.
fn remove_leftovers(manifest: &Manifest, store: &Store) -> Result<()> {
    let root = store.root();
    for entry in std::fs::read_dir(root).at("read", root)? {
        let entry = entry.at("read", root)?;
        if entry.file_name().to_string_lossy().starts_with(&staging_prefix(manifest)) {
            remove_folder(&entry.path())?;
        }
    }
    Ok(())
}

fn remove_folder(path: &Path) -> Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(DatasetError::io("remove", path, error)),
        _ => Ok(()),
    }
}
