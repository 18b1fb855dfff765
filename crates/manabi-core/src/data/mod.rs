//! From files to batches: records, sources, order, loader.

mod source;

pub use source::{DataSpec, Record, Skipped, Source, Split};
