//! The one error type of the crate: each message names what was found, what was
//! expected, and the file where there is one.

use std::path::{Path, PathBuf};

/// What can go wrong in `manabi-core`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting that cannot work; the message says which one and what to use instead.
    #[error("{0}")]
    Config(String),
    /// Data that cannot be used as asked; the message says why and what to do.
    #[error("{0}")]
    Data(String),
    /// A file whose content is not what it should be.
    #[error("{path}: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// The operating system refused: missing, read-only, full disk.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The loss or a gradient is no longer finite; the update was not applied.
    #[error("training diverged at step {step}: {reason}")]
    Diverged {
        /// The step whose update was refused.
        step: u64,
        /// Which figure was not finite, and what to try.
        reason: String,
    },
    /// A signal asked to stop; the state is saved.
    #[error("interrupted by signal {signal}; {hint}")]
    Interrupted {
        /// The signal's number (2 or 15).
        signal: i32,
        /// How to go on.
        hint: String,
    },
    /// A tensor operation failed (shapes, memory, device).
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
}

/// The crate's result.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An unusable setting.
    pub fn config(message: impl Into<String>) -> Self {
        Self::Config(message.into())
    }

    /// Unusable data.
    pub fn data(message: impl Into<String>) -> Self {
        Self::Data(message.into())
    }

    /// A file with wrong content.
    pub fn file(path: impl AsRef<Path>, reason: impl Into<String>) -> Self {
        Self::File { path: path.as_ref().to_path_buf(), reason: reason.into() }
    }

    /// A refused system call on `path`.
    pub fn io(path: impl AsRef<Path>, source: std::io::Error) -> Self {
        Self::Io { path: path.as_ref().to_path_buf(), source }
    }
}
