//! What can go wrong with a dataset: one clear sentence each, which names the file or address and the remedy.

use std::io;
use std::path::{Path, PathBuf};

/// The result of whatever deals with datasets.
pub type Result<T, E = DatasetError> = std::result::Result<T, E>;

/// Why a dataset could not be found, fetched, unpacked or verified.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// No manifest has this name.
    #[error("there is no dataset named '{name}'; known are: {known} (or give the path of a folder)")]
    Unknown {
        /// The name that was asked for.
        name: String,
        /// All names there are, joined by commas.
        known: String,
    },
    /// A manifest does not parse or contradicts itself.
    #[error("the dataset manifest {file} is not valid: {reason}")]
    Manifest {
        /// File name of the manifest.
        file: String,
        /// What is wrong in it, and where.
        reason: String,
    },
    /// No environment variable says where data may live.
    #[error(
        "no folder for datasets is known, as neither MANABI_DATA nor XDG_DATA_HOME nor HOME is set; set MANABI_DATA to a folder"
    )]
    NoHome,
    /// The dataset is not (wholly) in the store.
    #[error("dataset '{name}' is not in {}; run `manabi data fetch {name}`", root.display())]
    NotFetched {
        /// Name of the dataset.
        name: String,
        /// Root folder of the store.
        root: PathBuf,
    },
    /// Another process is fetching the same dataset into the same store.
    #[error("dataset '{name}' is being fetched by another process (lock {}); wait until that one is done", lock.display())]
    Busy {
        /// Name of the dataset.
        name: String,
        /// The lock file that the other process holds.
        lock: PathBuf,
    },
    /// The server could not be reached, or kept breaking off.
    #[error(
        "could not download {url}: {reason}; run the same command again to continue, or without a network give a folder of archives with `--mirror DIR`"
    )]
    Network {
        /// Address of the file.
        url: String,
        /// What the last attempt ended with.
        reason: String,
    },
    /// The server answered, but not with the file.
    #[error(
        "could not download {url}: the server answered with status {status}; give a folder of archives with `--mirror DIR`, or correct the manifest's url"
    )]
    Status {
        /// Address of the file.
        url: String,
        /// HTTP status code.
        status: u16,
    },
    /// More bytes arrived than the manifest allows.
    #[error(
        "{what} is larger than the {limit} bytes that its manifest allows; nothing of it was kept, as it cannot be the file that was meant"
    )]
    TooLarge {
        /// Address or path of the file.
        what: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// A file has another checksum than its manifest says.
    #[error(
        "{what} has the wrong checksum: the manifest says sha256 {expected}, found {found}; nothing of it was kept; {remedy}"
    )]
    WrongHash {
        /// Address or path of the file.
        what: String,
        /// The sha256 in the manifest.
        expected: String,
        /// The sha256 of the bytes.
        found: String,
        /// What to do about it.
        remedy: &'static str,
    },
    /// The data files of an archive or folder are not those of the manifest.
    #[error(
        "{what} does not hold the data of '{name}': {reason}; nothing of it was kept; fetch it again, or from another source"
    )]
    WrongContents {
        /// Address or path that the data came from.
        what: String,
        /// Name of the dataset.
        name: String,
        /// What differs.
        reason: String,
    },
    /// The mirror folder has neither the archive nor the unpacked folder.
    #[error("the mirror has no '{name}': neither {} nor the folder {} exists; put one of them there, or leave the mirror out to download", archive.display(), folder.display())]
    NotInMirror {
        /// Name of the dataset.
        name: String,
        /// Where the archive would lie.
        archive: PathBuf,
        /// Where the unpacked folder would lie.
        folder: PathBuf,
    },
    /// An archive is damaged or no archive at all.
    #[error("the archive {} cannot be unpacked: {reason}; fetch it again", archive.display())]
    BadArchive {
        /// Path of the archive.
        archive: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// An archive tries what no archive of data needs to do.
    #[error("the archive {} is refused: its entry '{entry}' {reason}; nothing was unpacked, take it from a source you trust", archive.display())]
    UnsafeArchive {
        /// Path of the archive.
        archive: PathBuf,
        /// Name of the offending entry.
        entry: String,
        /// Why it is refused.
        reason: String,
    },
    /// No space is left.
    #[error("the disk is full at {}; free some space, or choose another folder with MANABI_DATA", path.display())]
    DiskFull {
        /// The file that was being written.
        path: PathBuf,
    },
    /// The place may not be written to (or read from).
    #[error("no permission to {action} {}; choose a folder of your own with MANABI_DATA, or mend the permissions", path.display())]
    NotAllowed {
        /// What was being done: "write", "read", …
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
    },
    /// Any other failure of the file system.
    #[error("could not {action} {}: {source}", path.display())]
    Io {
        /// What was being done: "write", "read", …
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The operating system's error.
        source: io::Error,
    },
}

impl DatasetError {
    /// Names the file and the remedy for an error of the operating system.
    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_path_buf();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path },
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Self::NotAllowed { action, path },
            _ => Self::Io { action, path, source },
        }
    }
}

/// Shortens `result.map_err(|error| DatasetError::io("read", path, error))` to `result.at("read", path)`.
pub(crate) trait At<T> {
    /// Says what was done to which path.
    fn at(self, action: &'static str, path: &Path) -> Result<T>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, action: &'static str, path: &Path) -> Result<T> {
        self.map_err(|error| DatasetError::io(action, path, error))
    }
}
