//! What lies at a path, and the rows that it names.

use std::{io::Read, path::Path};

use manabi_core::{
    Error, Result,
    data::{DataSpec, Entry, Listing, folder, manifest},
};

use super::{SplitRule, apply_names, hold_out, list_esc};
use crate::{decode::EXTENSIONS, synthetic};

/// What lies at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// The generated dataset, asked for by its name.
    Synthetic,
    /// ESC-50's: `meta/esc50.csv` beside `audio/`.
    Esc,
    /// A CSV or JSON-lines table with a `path` column.
    Manifest,
    /// Folders of recordings.
    Folder,
    /// One recording.
    File,
}

/// What lies at `path`, if it is made of recordings.
pub fn layout(path: &Path) -> Option<Layout> {
    if path.as_os_str() == synthetic::NAME && !path.exists() {
        return Some(Layout::Synthetic);
    }
    if path.is_dir() {
        if super::esc::table(path).is_file() {
            return Some(Layout::Esc);
        }
        return holds_recordings(path).then_some(Layout::Folder);
    }
    if !path.is_file() {
        return None;
    }
    if manifest::is_manifest(path) {
        let recordings = match manifest::read(path, "path") {
            Ok(rows) => rows.iter().any(|r| is_recording(Path::new(&r.content))),
            // A table with a broken row is still a table of recordings, whose opening will say what is broken.
            Err(_) => mentions_recordings(path),
        };
        return recordings.then_some(Layout::Manifest);
    }
    is_recording(path).then_some(Layout::File)
}

/// True if `path` is named like a recording.
pub fn is_recording(path: &Path) -> bool {
    let extension = path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase);
    extension.is_some_and(|e| EXTENSIONS.contains(&e.as_str()))
}

/// True if the beginning of a table names a recording.
fn mentions_recordings(path: &Path) -> bool {
    let mut beginning = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(1 << 16).read_to_end(&mut beginning));
    let text = String::from_utf8_lossy(&beginning).to_ascii_lowercase();
    read.is_ok() && EXTENSIONS.iter().any(|extension| text.contains(&format!(".{extension}")))
}

/// True if at least half of the first files below `folder` are recordings.
fn holds_recordings(folder: &Path) -> bool {
    let files =
        walkdir::WalkDir::new(folder).max_depth(6).sort_by_file_name().into_iter().filter_map(std::result::Result::ok);
    let (mut recordings, mut others) = (0, 0);
    for file in files.filter(|e| e.file_type().is_file()).take(500) {
        if is_recording(file.path()) { recordings += 1 } else { others += 1 }
    }
    recordings > 0 && recordings >= others
}

/// The rows of the dataset, one a file, with what names and tables say of them. `held_out` is the group (of ESC-50 the
/// fold) that is the test, if one is named.
pub(crate) fn listing(spec: &DataSpec, rule: SplitRule, held_out: Option<&str>) -> Result<Listing> {
    let path = &spec.path;
    // An unreadable table or an empty folder gets its own error rather than "no recordings".
    let layout = layout(path).or_else(|| {
        if manifest::is_manifest(path) { Some(Layout::Manifest) } else { path.is_dir().then_some(Layout::Folder) }
    });
    let mut listing = match layout {
        Some(Layout::Esc) => return list_esc(path, rule, held_out),
        Some(Layout::Manifest) => manifest::list(path),
        Some(Layout::Folder) => {
            let mut listing = folder::list(path, EXTENSIONS)?;
            apply_names(&mut listing, rule);
            Ok(listing)
        }
        Some(Layout::File) => {
            let name = path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
            Ok(Listing { entries: vec![Entry::new(name, path)], ..Listing::default() })
        }
        Some(Layout::Synthetic) | None => {
            let known = "a folder of WAV, FLAC, MP3, Ogg or M4A files, or a CSV or JSONL table with a path column";
            Err(Error::data(format!("{}: no recordings here; {known} can be read", path.display())))
        }
    }?;
    if let Some(group) = held_out {
        hold_out(&mut listing, group)?;
    }
    Ok(listing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_is_told_by_what_lies_there() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
            path
        };
        assert_eq!(layout(Path::new(synthetic::NAME)), Some(Layout::Synthetic));
        assert_eq!(layout(&write("one.FLAC", "")), Some(Layout::File));
        assert_eq!(layout(&write("t.csv", "path,label\na.wav,x\n")), Some(Layout::Manifest));
        assert_eq!(layout(&write("broken.csv", "path,label\na.wav\n")), Some(Layout::Manifest));
        assert_eq!(layout(&write("photos.csv", "path\na.png\n")), None);
        write("sounds/a/1.wav", "");
        assert_eq!(layout(&dir.path().join("sounds")), Some(Layout::Folder));
        write("photos/1.png", "");
        assert_eq!(layout(&dir.path().join("photos")), None);
        write("esc/meta/esc50.csv", "");
        assert_eq!(layout(&dir.path().join("esc")), Some(Layout::Esc));
        assert_eq!(layout(&dir.path().join("gone")), None);
    }

    #[test]
    fn what_holds_no_recordings_says_what_can_be_read() {
        let dir = tempfile::tempdir().unwrap();
        let message =
            listing(&DataSpec::new(dir.path().join("gone")), SplitRule::Speaker, None).unwrap_err().to_string();
        assert!(message.contains("FLAC"), "{message}");
    }
}
