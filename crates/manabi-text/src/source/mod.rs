//! Placeholder while the sources are being written.
use std::path::Path;
use manabi_core::{Error, Result, data::{DataSpec, MemorySource}};
use crate::{config::TextConfig, sample::Sample};
/// What lies at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// Generated.
    Synthetic,
}
/// What lies there.
pub fn layout(path: &Path) -> Option<Layout> {
    (path.as_os_str() == "synthetic-text").then_some(Layout::Synthetic)
}
/// Opens.
pub fn open(_spec: &DataSpec, _config: &TextConfig) -> Result<MemorySource<Sample>> {
    Err(Error::data("not yet"))
}
