//! From files to batches: records, sources, order, loader.
//!
//! A [`Listing`] (from a [`folder`], a [`manifest`], with [`labels`] applied) becomes a
//! [`Source`]: [`FileSource`] decodes files and keeps what fits in memory,
//! [`MemorySource`] holds what was generated or unpacked.

mod cached;
mod fingerprint;
mod labels;
mod listing;
mod memory;
mod source;
mod tolerance;

pub mod folder;
pub mod manifest;

pub use cached::FileSource;
pub use fingerprint::fingerprint;
pub use labels::{LabelRow, apply_labels, check_classes, parse_labels};
pub use listing::{Entry, Listing, first_few};
pub use memory::MemorySource;
pub use source::{ALIKE, DataSpec, Record, Skipped, Source, Split};
pub use tolerance::tolerate;
