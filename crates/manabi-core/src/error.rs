//! The one error type of this crate.

/// What can go wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A setting that cannot be used.
    #[error("{0}")]
    Config(String),
    /// Data that cannot be used.
    #[error("{0}")]
    Data(String),
    /// A tensor operation failed.
    #[error(transparent)]
    Candle(#[from] candle_core::Error),
}

/// The result of everything here that can fail.
pub type Result<T> = std::result::Result<T, Error>;
