//! From files to recordings: one format a file.
//!
//! Readers write rows into a [`Catalogue`](crate::recording::Catalogue) as they come, so that nothing but a line, a
//! block or an array is held; only the [`long`] layout, whose rows stand in any order, is gathered first, at most
//! 0.8 GB of it. A file that fails leaves nothing behind.

use std::path::Path;

use manabi_core::{Error, Result, data::Entry};

use crate::{
    config::{Layout, SeriesConfig},
    recording::Catalogue,
};

pub mod clock;
pub mod cmapss;
pub mod dialect;
pub mod long;
pub mod mat;
pub mod matlab;
pub mod nab;
pub mod number;
pub mod parquet;
pub mod roles;
pub mod rows;
pub mod steps;
pub mod table;
pub mod time;
pub mod ts;
pub mod wide;
pub mod writer;

/// Extensions of the files that can be read, lower case.
pub const EXTENSIONS: &[&str] = &["csv", "tsv", "parquet", "ts", "mat", "txt", "dat"];

/// What a file is, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A text of cells.
    Table,
    /// MATLAB 5.
    Matlab,
    /// Parquet.
    Parquet,
    /// sktime's.
    Sktime,
}

/// The format that a file's extension names.
pub fn format_of(path: &Path) -> Option<Format> {
    let extension = path.extension()?.to_str()?.to_ascii_lowercase();
    match extension.as_str() {
        "csv" | "tsv" | "txt" | "dat" => Some(Format::Table),
        "mat" => Some(Format::Matlab),
        "parquet" => Some(Format::Parquet),
        "ts" => Some(Format::Sktime),
        _ => None,
    }
}

/// True for what lies beside data in many folders and is none: a read-me, a licence, the answers of C-MAPSS.
pub fn is_beside(path: &Path) -> bool {
    let stem = path.file_stem().and_then(|s| s.to_str()).unwrap_or_default().to_ascii_lowercase();
    let words = ["readme", "read_me", "license", "licence", "notes", "note", "changelog", "requirements"];
    words.contains(&stem.as_str()) || cmapss::is_answer(path)
}

/// Reads the file that `entry` names. Where it fails, nothing of it stays.
pub fn read(
    entry: &Entry,
    config: &SeriesConfig,
    anomalies: Option<&nab::Anomalies>,
    catalogue: &mut Catalogue,
) -> Result<()> {
    let mark = catalogue.mark();
    let done = read_format(entry, config, anomalies, catalogue);
    if done.is_err() {
        catalogue.back_to(mark)?;
    }
    done
}

/// No span at all for a file that is named as free of anomalies, as SKAB's `anomaly-free.csv`.
fn none_in(entry: &Entry) -> Option<&'static [(f64, f64)]> {
    let name = entry.path.file_stem()?.to_str()?.to_ascii_lowercase();
    matches!(name.as_str(), "anomaly-free" | "anomaly_free").then_some(&[])
}

fn read_format(
    entry: &Entry,
    config: &SeriesConfig,
    anomalies: Option<&nab::Anomalies>,
    catalogue: &mut Catalogue,
) -> Result<()> {
    match format_of(&entry.path) {
        Some(Format::Matlab) => matlab::read(entry, config, catalogue),
        Some(Format::Parquet) => parquet::read(entry, config, catalogue),
        Some(Format::Sktime) => ts::read(entry, catalogue),
        Some(Format::Table) if cmapss::part_of(&entry.path).is_some() && config.layout == Layout::Auto => {
            cmapss::read(entry, config, catalogue)
        }
        Some(Format::Table) => {
            let head = dialect::head_of(&entry.path).map_err(|reason| Error::file(&entry.path, reason))?;
            match config.layout {
                Layout::Series => wide::read(entry, config, catalogue),
                Layout::Auto if wide::is_wide(entry, &head) => wide::read(entry, config, catalogue),
                _ => {
                    let spans = anomalies.and_then(|a| a.of_table(&entry.id)).or(none_in(entry));
                    steps::read(entry, &head, config, spans, catalogue)
                }
            }
        }
        None => Err(Error::file(&entry.path, format!("not of a known kind ({})", EXTENSIONS.join(", ")))),
    }
}
