//! Reads all files of a folder that are texts.

use std::{
    collections::BTreeMap,
    ops::Range,
    path::{Path, PathBuf},
};

use manabi_core::{
    Error, Result,
    data::{DataSpec, first_few, tolerate},
};

use super::{
    cells,
    corpus::{Corpus, Remark},
    json,
    layout::{Kind, kind},
    lines,
    names::{self, NamedFile, extension, is_beside, is_table},
    parquet, reader,
    shape::{Found, Shape, relative, shape},
};
use crate::config::TextConfig;

/// Unlabelled lines beyond so many are read as passages of several, so that what is kept of each row does not fill the
/// memory.
const MOST_LINES: usize = 2_000_000;

/// Reads the rows of one file.
///
/// # Errors
/// If it cannot be read, or is no text.
pub(super) fn read_file(file: &NamedFile, config: &TextConfig, corpus: &mut Corpus) -> Result<()> {
    match extension(&file.path).as_str() {
        "csv" | "tsv" => cells::read(file, config, corpus),
        "jsonl" | "ndjson" => json::read(file, config, corpus),
        "parquet" => parquet::read(file, config, corpus),
        _ => lines::read(file, config, corpus),
    }
}

/// Reads the rows of `files` and gives their classes names where a `classes.txt` has them.
///
/// # Errors
/// If more of them than `spec.max_bad` cannot be read.
pub(super) fn read_files(
    mut files: Vec<NamedFile>,
    spec: &DataSpec,
    config: &TextConfig,
    corpus: &mut Corpus,
) -> Result<()> {
    if too_many_lines(&files)? {
        files.iter_mut().for_each(|f| f.passages = true);
        corpus.note(format!("more than {MOST_LINES} lines: unlabelled ones are read as passages of several lines"));
    }
    let total = files.len() + corpus.listing.skipped.len();
    tolerate(&corpus.listing.skipped, total, spec)?;
    let mut ranges: BTreeMap<PathBuf, Vec<Range<usize>>> = BTreeMap::new();
    for file in &files {
        let (mark, first) = (corpus.mark(), corpus.len());
        if let Err(error) = read_file(file, config, corpus) {
            // A disk that is full is not the file's fault, nor is a setting that cannot be.
            let reason = match error {
                Error::File { reason, .. } => reason,
                Error::Io { path, source } if path == file.path => source.to_string(),
                other => return Err(other),
            };
            corpus.back_to(mark);
            corpus.skip(&file.id, reason);
            tolerate(&corpus.listing.skipped, total, spec)?;
        }
        let folder = file.path.parent().map(Path::to_path_buf).unwrap_or_default();
        ranges.entry(folder).or_default().push(first..corpus.len());
    }
    for (folder, ranges) in ranges {
        let names = names::class_names(&folder);
        let entries = corpus.listing.entries.iter_mut().enumerate();
        let of_folder = entries.filter(|(at, _)| !names.is_empty() && ranges.iter().any(|r| r.contains(at)));
        let mut labels: Vec<&mut String> = of_folder.filter_map(|(_, entry)| entry.label.as_mut()).collect();
        names::rename(&mut labels, &names);
    }
    Ok(())
}

/// True if the plain texts have more lines than can be rows each.
fn too_many_lines(files: &[NamedFile]) -> Result<bool> {
    let plain: Vec<&Path> = files.iter().map(|f| f.path.as_path()).filter(|p| !is_table(p)).collect();
    let size = |path: &&Path| std::fs::metadata(path).map_or(0, |m| m.len());
    // A line takes a byte at least, so that most folders need not be looked through.
    if plain.iter().map(size).sum::<u64>() < MOST_LINES as u64 {
        return Ok(false);
    }
    let mut lines = 0;
    for path in plain {
        // What cannot be read is said when it is read.
        lines += reader::count(path, MOST_LINES).unwrap_or(0);
        if lines > MOST_LINES {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Reads all files below `spec.path` that are texts.
///
/// # Errors
/// If more of them than `spec.max_bad` cannot be read, or there is none.
pub(super) fn read(spec: &DataSpec, config: &TextConfig, corpus: &mut Corpus) -> Result<()> {
    let found = walk(&spec.path, corpus)?;
    let Shape { files, documents, notes } = shape(found, config);
    notes.into_iter().for_each(|note| corpus.note(note));
    let (mut texts, mut others) = (Vec::new(), Vec::new());
    for file in files {
        match kind(&file.path, config) {
            // A message may be made of anything that is not a table.
            _ if documents && !is_table(&file.path) => texts.push(file),
            Kind::Table | Kind::Lines | Kind::Broken => texts.push(file),
            Kind::Empty => corpus.remark(Remark::Empty, &file.id),
            Kind::Other => others.push(file),
        }
    }
    // Files that are called tables of texts by the user, or whose fault it is worth to be told, are read if nothing
    // else is there.
    if texts.is_empty() {
        (texts, others) = others.into_iter().partition(|f| is_table(&f.path));
    }
    if !others.is_empty() {
        let ids: Vec<&str> = others.iter().map(|f| f.id.as_str()).collect();
        corpus.note(format!("files that are no texts are left aside: {}", first_few(&ids)));
    }
    read_files(texts, spec, config, corpus)
}

/// The files below `root` that do not lie beside the data, in the order of their ids.
fn walk(root: &Path, corpus: &mut Corpus) -> Result<Vec<Found>> {
    let hidden = |name: &str| name.starts_with('.') || name == "__MACOSX";
    let visible = |e: &walkdir::DirEntry| e.depth() == 0 || !hidden(&e.file_name().to_string_lossy());
    let mut found = Vec::new();
    for entry in walkdir::WalkDir::new(root).follow_links(true).sort_by_file_name().into_iter().filter_entry(visible) {
        let entry = match entry {
            Ok(entry) => entry,
            Err(e) if e.depth() == 0 => {
                return Err(Error::io(
                    root,
                    e.into_io_error().unwrap_or_else(|| std::io::Error::other("cannot be listed")),
                ));
            }
            Err(e) => {
                let id = e.path().map_or_else(String::new, |path| path.display().to_string());
                if e.loop_ancestor().is_some() {
                    corpus.note(format!("{id} links back to a folder that contains it: not followed"));
                } else {
                    corpus.skip(id, format!("cannot be read: {e}"));
                }
                continue;
            }
        };
        if !entry.file_type().is_file() || is_beside(entry.path()) {
            continue;
        }
        match relative(root, entry.path()) {
            Some(id) => {
                let size = entry.metadata().map_or(0, |m| m.len());
                found.push(Found { id, path: entry.into_path(), size });
            }
            None => corpus.skip(entry.path().to_string_lossy(), "its name is not valid Unicode; rename it"),
        }
    }
    Ok(found)
}
