//! Where texts come from: plain files, tables, folders, messages, scored pairs.
//!
//! [`layout()`] says whether what lies at a path is text, [`open`] reads it. Readers hand rows to a `Corpus` one by one;
//! what is the same for all of them (cleaning, cutting, masking, counting) is done there. Never more than a line, a
//! record or a document is in memory at once; the texts lie in a store that grows into a temporary file.

mod cells;
mod columns;
mod corpus;
mod dataset;
mod document;
mod encoding;
mod folder;
mod guess;
mod json;
mod label;
mod layout;
mod lines;
mod message;
mod names;
mod parquet;
mod prose;
mod reader;
mod record;
mod row;
mod shape;
mod store;

use manabi_core::{
    Error, Result,
    data::{DataSpec, apply_labels},
};

pub use dataset::TextSource;
pub use layout::{Layout, layout};

use corpus::Corpus;
use names::NamedFile;

use crate::{config::TextConfig, synthetic};

/// The name of the generated dataset.
pub const SYNTHETIC: &str = synthetic::NAME;

/// Opens the texts at `spec.path`: a folder, a table or a plain file.
///
/// # Errors
/// If there are none, or too many of the files cannot be read.
pub fn open(spec: &DataSpec, config: &TextConfig) -> Result<TextSource> {
    let mut corpus = Corpus::new(config, spec.cache_bytes);
    if spec.path.is_dir() {
        folder::read(spec, config, &mut corpus)?;
    } else {
        let name = spec.path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
        let file = NamedFile { unit: config.unit, ..NamedFile::new(name, &spec.path) };
        folder::read_files(vec![file], &DataSpec { max_bad: 0.0, ..spec.clone() }, config, &mut corpus)?;
    }
    if corpus.len() == 0 {
        let known = "plain text, CSV, TSV, JSONL and Parquet with a column of texts can be read";
        let notes = corpus.finish()?.into_notes();
        let found = if notes.is_empty() { String::new() } else { format!(" ({})", notes.join("; ")) };
        return Err(Error::data(format!("{}: there is no text here{found}; {known}", spec.path.display())));
    }
    if let Some(labels) = &spec.labels {
        apply_labels(&mut corpus.listing, labels)?;
    }
    let mut source = corpus.finish()?;
    source.split_anew();
    source.group_equal()?;
    Ok(source)
}

#[cfg(test)]
mod tests;
