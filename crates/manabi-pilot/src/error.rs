//! What can go wrong in a study, each with the path it concerns and what to do about it.

use std::io;
use std::path::PathBuf;

/// The result of this crate's fallible functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of the study or of its report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file of the report could not be written.
    #[error("cannot write {}: {source}. {}", path.display(), remedy(source))]
    Write {
        /// The file that was to be written.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A report could not be read back.
    #[error("cannot read {}: {source}. Check the path, and that you may read the file.", path.display())]
    Read {
        /// The file that was to be read.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A report could not be turned into JSON, or JSON into a report.
    #[error("{} does not hold a report of schema {}: {source}. Evaluate again to write it anew.", path.display(), crate::report::SCHEMA_VERSION)]
    Json {
        /// The file that was to hold the JSON.
        path: PathBuf,
        /// Where and why.
        source: serde_json::Error,
    },
}

/// The remedy that fits the operating system's answer.
fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "Choose a folder that you may write to with --out DIR."
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "Free some space, or choose another disk with --out DIR."
        }
        io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory | io::ErrorKind::AlreadyExists => {
            "Something else already has this name: move it away, or choose another folder with --out DIR."
        }
        io::ErrorKind::NotFound => "A folder of the path is missing: create it, or choose another with --out DIR.",
        _ => "Check the disk, or choose another folder with --out DIR.",
    }
}
