//! What lies at a path, if it is made of series. Tables that name pictures or recordings of sound, and tables of texts,
//! are other modalities'.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use manabi_core::data::manifest;
use walkdir::WalkDir;

use crate::{
    config::SeriesConfig,
    read::{
        Format,
        dialect::{self, Head},
        format_of, is_beside, parquet, roles, ts, wide,
    },
    synthetic,
};

/// Files of a folder that are counted.
const COUNTED: usize = 500;
/// Files of a folder that are looked into.
const LOOKED: usize = 5;

/// What lies at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A table that names files of series in its column `path`.
    Manifest,
    /// Folders of files.
    Folder,
    /// One file.
    File,
}

/// What lies at `path`, if it is made of series.
pub fn kind(path: &Path) -> Option<Kind> {
    if path.is_dir() {
        return holds_series(path).then_some(Kind::Folder);
    }
    if !path.is_file() {
        return None;
    }
    if manifest::is_manifest(path)
        && may_name_files(path)
        && let Ok(rows) = manifest::read(path, "path")
    {
        return rows.iter().any(|r| is_named(Path::new(&r.content))).then_some(Kind::Manifest);
    }
    is_series(path).then_some(Kind::File)
}

/// False for a table whose header has no column `path`: it may be far too long to be read as a list of files.
fn may_name_files(path: &Path) -> bool {
    if format_of(path) != Some(Format::Table) {
        return true;
    }
    let names = dialect::head_of(path).ok().and_then(|head| head.dialect.header);
    names.is_some_and(|names| names.iter().any(|n| n.trim().eq_ignore_ascii_case("path")))
}

/// True if the modality can read what lies at `path`.
pub fn detect(path: &Path) -> bool {
    synthetic::is_name(path) || kind(path).is_some()
}

fn is_named(path: &Path) -> bool {
    format_of(path).is_some() && !is_beside(path)
}

/// True if at least half of the first files below `folder` are named like ours, and half of the first of these are
/// ours.
fn holds_series(folder: &Path) -> bool {
    let visible = |e: &walkdir::DirEntry| e.depth() == 0 || !e.file_name().to_string_lossy().starts_with('.');
    let walk = WalkDir::new(folder).max_depth(6).sort_by_file_name().into_iter().filter_entry(visible);
    let files: Vec<PathBuf> = walk
        .filter_map(|e| e.ok().filter(|e| e.file_type().is_file()).map(walkdir::DirEntry::into_path))
        .filter(|p| p.extension().is_some() && !is_prose(p))
        .take(COUNTED)
        .collect();
    let ours: Vec<&PathBuf> = files.iter().filter(|p| is_named(p)).collect();
    let looked: Vec<bool> = ours.iter().take(LOOKED).map(|p| is_series(p)).collect();
    !ours.is_empty() && 2 * ours.len() >= files.len() && 2 * looked.iter().filter(|ok| **ok).count() >= looked.len()
}

/// Read-me files, licences and the like, which stand beside data of any kind.
fn is_prose(path: &Path) -> bool {
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_ascii_lowercase();
    matches!(extension.as_str(), "md" | "pdf" | "json" | "html" | "rst") || is_beside(path)
}

/// True if the file holds series: by its first bytes, or as a table that has a channel.
fn is_series(path: &Path) -> bool {
    match format_of(path) {
        Some(Format::Matlab) => begins_with(path, b"MATLAB"),
        Some(Format::Table) => dialect::head_of(path).is_ok_and(|head| is_table(path, &head)),
        Some(Format::Parquet) => parquet::head_of(path).is_ok_and(|head| is_table(path, &head)),
        Some(Format::Sktime) => ts::is_ts(path),
        None => false,
    }
}

fn begins_with(path: &Path, magic: &[u8]) -> bool {
    let mut start = vec![0; magic.len()];
    File::open(path).and_then(|mut f| f.read_exact(&mut start)).is_ok() && start == magic
}

fn is_table(path: &Path, head: &Head) -> bool {
    let width = head.rows.first().map_or(0, Vec::len);
    let even = head.rows.iter().all(|r| r.len() == width);
    let has = |words: &[&str]| {
        let names = head.dialect.header.as_deref().unwrap_or_default();
        names.iter().any(|n| words.contains(&n.trim().to_ascii_lowercase().as_str()))
    };
    // Texts, files, and the edges of a graph.
    let foreign = ["text", "sentence", "document", "path", "file", "filename", "image", "audio", "smiles"];
    let times = ["time", "timestamp", "date", "datetime"];
    if head.rows.is_empty()
        || has(&foreign)
        || (has_prose(&head.rows) && !has(&times))
        || (has(&["source", "src"]) && has(&["target", "dst"]))
    {
        return false;
    }
    // A few numbers in a text are no table: one column of numbers needs some rows.
    let enough = head.rows.len() >= 2 || width >= 8;
    let entry = manabi_core::data::Entry::new("", path);
    even && enough && (wide::is_wide(&entry, head) || roles::roles(head, &SeriesConfig::default()).is_ok())
}

/// True if a column has a sentence in every second row: four words or more, as no name of a state has.
fn has_prose(rows: &[Vec<String>]) -> bool {
    let words = |cell: &String| cell.split_whitespace().filter(|w| w.chars().any(char::is_alphabetic)).count();
    let width = rows.iter().map(Vec::len).max().unwrap_or(0);
    let sentences = |column: usize| rows.iter().filter(|r| r.get(column).is_some_and(|cell| words(cell) >= 4)).count();
    (0..width).any(|column| 2 * sentences(column) >= rows.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        dir
    }

    fn of(files: &[(&str, &str)], name: &str) -> Option<Kind> {
        let dir = folder(files);
        kind(&dir.path().join(name))
    }

    const NUMBERS: &str = "time,a,b\n0,1,2\n1,2,3\n2,3,4\n";

    #[test]
    fn tables_of_numbers_are_ours_alone_and_in_folders() {
        assert_eq!(of(&[("x.csv", NUMBERS)], "x.csv"), Some(Kind::File));
        assert_eq!(of(&[("a/x.csv", NUMBERS), ("b/y.csv", NUMBERS), ("README.md", "hello")], ""), Some(Kind::Folder));
        assert_eq!(of(&[("a/x.csv", NUMBERS), ("m.csv", "path,label\na/x.csv,1\n")], "m.csv"), Some(Kind::Manifest));
    }

    #[test]
    fn remarks_beside_measured_values_are_no_texts() {
        let text = "time,a,remark\n0,1,the pump was stopped here\n1,2,the pump was started again\n";
        assert_eq!(of(&[("x.csv", text)], "x.csv"), Some(Kind::File));
    }

    #[test]
    fn tables_of_pictures_sounds_texts_and_edges_are_others() {
        for text in [
            "path,label\na.png,1\nb.png,2\n",
            "path,label\na.wav,1\nb.wav,2\n",
            "text,label\nhello world,1\nbye,0\n",
            "3,Fears for pension,Unions say they are disappointed\n4,The race is on,A private team sets a date\n",
            "2012\t5.0\tA plane is taking off.\tAn air plane takes off.\n2012\t3.8\tA man plays a flute.\tA man plays.\n",
            "source,target\n1,2\n2,3\n",
            "name,kind\na,b\nc,d\n",
        ] {
            assert_eq!(of(&[("m.csv", text)], "m.csv"), None, "{text}");
        }
        assert_eq!(of(&[("a.png", "x"), ("b.png", "x"), ("c.png", "x"), ("labels.csv", NUMBERS)], ""), None);
        assert_eq!(of(&[("a.txt", "It was a dark night.\n"), ("b.txt", "The end, at last.\n")], ""), None);
        assert_eq!(of(&[], "gone.csv"), None);
    }
}
