//! Whether what lies at a path is text.

use std::path::{Path, PathBuf};

use super::{
    cells,
    encoding::is_text,
    json,
    names::{extension, is_beside},
    parquet,
    prose::is_prose,
    reader::{Lines, beginning},
};
use crate::{config::TextConfig, synthetic};

/// What lies at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// The generated dataset, asked for by its name.
    Synthetic,
    /// A table with a column of texts.
    Table,
    /// A plain text file.
    Lines,
    /// A folder of texts.
    Folder,
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A table with a column of texts.
    Table,
    /// A plain text.
    Lines,
    /// No bytes.
    Empty,
    /// Named like a text, but not to be read as one.
    Broken,
    /// Something else.
    Other,
}

/// Lines and bytes that are looked at.
const LINES: usize = 200;
const BYTES: usize = 1 << 16;
/// Files of a folder that are looked into.
const FILES: usize = 60;
/// Endings of plain texts.
const PLAIN: [&str; 5] = ["txt", "text", "md", "eml", "tokens"];
/// Endings of what is written in letters and is no text for people, or is another modality's.
const OTHERS: [&str; 34] = [
    "json", "toml", "yaml", "yml", "xml", "html", "htm", "ts", "arff", "dat", "mat", "svg", "ini", "cfg", "conf", "py",
    "ipynb", "rs", "c", "h", "cpp", "js", "css", "sh", "java", "go", "sql", "tex", "bib", "lock", "cites", "edges",
    "csl", "vocab",
];

/// What lies at `path`, if it is made of texts.
pub fn layout(path: &Path) -> Option<Layout> {
    if path.as_os_str() == synthetic::NAME && !path.exists() {
        return Some(Layout::Synthetic);
    }
    if path.is_dir() {
        let files: Vec<PathBuf> = some_files(path);
        let text = |file: &&PathBuf| matches!(kind(file, &TextConfig::default()), Kind::Table | Kind::Lines);
        let texts = files.iter().filter(text).count();
        return (texts > 0 && 2 * texts > files.len()).then_some(Layout::Folder);
    }
    if !path.is_file() {
        return None;
    }
    match kind(path, &TextConfig::default()) {
        Kind::Table => Some(Layout::Table),
        Kind::Lines => Some(Layout::Lines),
        Kind::Empty | Kind::Broken | Kind::Other => None,
    }
}

/// Some files below `folder`, from its beginning, its middle and its end: the first folder may hold only what
/// describes the others.
fn some_files(folder: &Path) -> Vec<PathBuf> {
    let visible = |e: &walkdir::DirEntry| e.depth() == 0 || !e.file_name().to_string_lossy().starts_with('.');
    let files: Vec<PathBuf> = walkdir::WalkDir::new(folder)
        .max_depth(8)
        .sort_by_file_name()
        .into_iter()
        .filter_entry(visible)
        .filter_map(std::result::Result::ok)
        .filter(|e| e.file_type().is_file() && !is_beside(e.path()))
        .map(walkdir::DirEntry::into_path)
        .take(200 * FILES)
        .collect();
    let step = files.len().div_ceil(FILES).max(1);
    files.into_iter().step_by(step).collect()
}

/// What the file `path` is.
pub(super) fn kind(path: &Path, config: &TextConfig) -> Kind {
    let extension = extension(path);
    let texts = |yes: bool, kind: Kind| if yes { kind } else { Kind::Other };
    if extension == "parquet" {
        return texts(parquet::is_text(path, config), Kind::Table);
    }
    if OTHERS.contains(&extension.as_str()) {
        return Kind::Other;
    }
    let named = PLAIN.contains(&extension.as_str());
    match beginning(path, BYTES) {
        Ok(bytes) if bytes.is_empty() => return Kind::Empty,
        Ok(bytes) if is_text(&bytes) => {}
        _ => return texts(named, Kind::Broken),
    }
    let Ok(mut reader) = Lines::open(path) else { return Kind::Other };
    let Ok(lines) = reader.look(LINES) else { return Kind::Other };
    match extension.as_str() {
        "csv" | "tsv" => texts(cells::is_text(path, lines, config), Kind::Table),
        "jsonl" | "ndjson" => texts(json::is_text(lines, config), Kind::Table),
        _ => texts(is_prose(&lines.join("\n")), Kind::Lines),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(name: &str, content: &[u8]) -> Option<Layout> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        std::fs::write(&path, content).unwrap();
        let file = layout(&path);
        // A folder of it alone is one of texts if it is.
        assert_eq!(layout(dir.path()).is_some(), file.is_some(), "{name}");
        file
    }

    #[test]
    fn tables_and_files_of_words_are_texts() {
        assert_eq!(of("a.csv", b"text,label\ngood film,1\nbad film,0\n"), Some(Layout::Table));
        assert_eq!(of("a.jsonl", b"{\"text\": \"good\", \"label\": 1}\n"), Some(Layout::Table));
        assert_eq!(of("a.txt", b"some words on a line\nand others\n"), Some(Layout::Lines));
        assert_eq!(of("a.txt", b"caf\xe9 and words\n"), Some(Layout::Lines));
        assert_eq!(of("51121", b"From: a\nwords of a message\n"), Some(Layout::Lines));
        assert_eq!(of("s.train", b"1 a good film\n0 a bad film\n"), Some(Layout::Lines));
        assert_eq!(of("a.tsv", b"4.5\tA man plays\tSome man plays\n0.5\tA cat\tA fast car\n"), Some(Layout::Table));
        assert_eq!(layout(Path::new("synthetic-text")), Some(Layout::Synthetic));
    }

    #[test]
    fn numbers_lists_of_files_and_other_kinds_are_not() {
        assert_eq!(of("a.csv", b"path,label\nx.png,1\n"), None);
        assert_eq!(of("a.csv", b"time,value\n1,2.5\n2,3.5\n"), None);
        assert_eq!(of("a.tsv", b"1\t0.5\t0.25\n2\t0.5\t0.5\n"), None);
        assert_eq!(of("FD001.txt", b"1 1 0.5 0.25 100.0\n1 2 0.5 0.5 100.0\n"), None);
        assert_eq!(of("a.txt", b"words\0\0\0"), None);
        assert_eq!(of("a.jsonl", b"{\"path\": \"x.wav\", \"text\": \"y z\"}\n"), None);
        assert_eq!(of("a.ts", b"@problemName a name of words\n"), None);
        assert_eq!((of("a.parquet", b"PAR1"), of("a.txt", b"")), (None, None));
        assert_eq!(layout(Path::new("not/there")), None);
    }
}
