//! A folder of files: subfolders are classes, `train/`, `valid/` and `test/` the official split.
//!
//! - The class is the first folder below the root (below the split's folder where there is
//!   one); deeper folders are allowed. Files that lie in no subfolder are unlabelled.
//! - The top folders are a split if all of them are named like one, or if a train folder
//!   stands beside a validation or test folder; then other top folders are left out.
//! - Two files of one folder and one stem but of different kinds (`x.jpg`, `x.png`) are a
//!   sample and its annotation: the kind that comes first in the list of extensions is the
//!   sample.
//! - Hidden files are ignored; files of other kinds are counted.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    path::{Component, Path},
};

use walkdir::WalkDir;

use super::{Entry, Listing, Skipped, Split, listing::first_few};
use crate::{Error, Result};

/// Lists the files below `root` whose extension is among `extensions` (lower case, no dot,
/// the preferred kind of sample first), sorted by id.
pub fn list(root: &Path, extensions: &[&str]) -> Result<Listing> {
    let mut listing = Listing::default();
    let (files, unknown) = walk(root, extensions, &mut listing)?;
    if files.is_empty() {
        return Err(nothing_found(root, extensions, &unknown));
    }
    if !unknown.is_empty() {
        listing.notes.push(format!("{} of other kinds ignored: {}", files_word(unknown.len()), first_few(&unknown)));
    }
    let files = without_annotations(files, &mut listing);
    let (files, split_layout) = without_strangers(files, &mut listing);
    for Found { id, .. } in files {
        let mut folders: Vec<&str> = id.split('/').collect();
        folders.pop();
        let mut folders = folders.into_iter();
        let split = if split_layout { folders.next().and_then(Split::parse) } else { None };
        let label = folders.next().map(str::to_string);
        listing.entries.push(Entry { label, split, ..Entry::new(id.clone(), root.join(&id)) });
    }
    listing.entries.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(listing)
}

struct Found {
    id: String,
    /// Position of its extension in the caller's list.
    kind: usize,
}

/// All files below `root`: those of a known kind, and the ids of the others.
fn walk(root: &Path, extensions: &[&str], listing: &mut Listing) -> Result<(Vec<Found>, Vec<String>)> {
    let (mut files, mut unknown) = (Vec::new(), Vec::new());
    let visible = |e: &walkdir::DirEntry| e.depth() == 0 || !is_hidden(e.file_name().to_string_lossy().as_ref());
    for entry in WalkDir::new(root).follow_links(true).sort_by_file_name().into_iter().filter_entry(visible) {
        let entry = match entry {
            Ok(entry) => entry,
            Err(e) if e.depth() == 0 => {
                let source = e.into_io_error().unwrap_or_else(|| std::io::Error::other("cannot be listed"));
                return Err(Error::io(root, source));
            }
            Err(e) => {
                note_broken(&e, root, extensions, listing);
                continue;
            }
        };
        if !entry.file_type().is_file() {
            continue;
        }
        let Some(id) = relative_id(root, entry.path()) else {
            listing.skipped.push(Skipped {
                id: entry.path().to_string_lossy().into_owned(),
                reason: "its name is not valid Unicode; rename it".into(),
            });
            continue;
        };
        match kind_of(entry.path(), extensions) {
            Some(kind) => files.push(Found { id, kind }),
            None => unknown.push(id),
        }
    }
    Ok((files, unknown))
}

/// A link that leads back into its own path is left out with a remark; anything else
/// that cannot be read is a skipped file.
fn note_broken(error: &walkdir::Error, root: &Path, extensions: &[&str], listing: &mut Listing) {
    let path = error.path().unwrap_or(root);
    let id = relative_id(root, path).unwrap_or_else(|| path.to_string_lossy().into_owned());
    if error.loop_ancestor().is_some() {
        listing.notes.push(format!("{id} links back to a folder that contains it: not followed"));
    } else if kind_of(path, extensions).is_some() || path.extension().is_none() {
        listing.skipped.push(Skipped { id, reason: format!("cannot be read: {error}") });
    }
}

fn is_hidden(name: &str) -> bool {
    name.starts_with('.') || name == "__MACOSX"
}

fn kind_of(path: &Path, extensions: &[&str]) -> Option<usize> {
    let extension = path.extension()?.to_str()?.to_ascii_lowercase();
    extensions.iter().position(|e| *e == extension)
}

/// `path` relative to `root` with `/` between folders; `None` if it is not Unicode.
pub(crate) fn relative_id(root: &Path, path: &Path) -> Option<String> {
    let relative = path.strip_prefix(root).ok()?;
    let parts: Option<Vec<&str>> =
        relative.components().filter(|c| !matches!(c, Component::CurDir)).map(|c| c.as_os_str().to_str()).collect();
    Some(parts?.join("/"))
}

fn nothing_found(root: &Path, extensions: &[&str], unknown: &[String]) -> Error {
    let kinds = extensions.join(", ");
    let found = if unknown.is_empty() { "it is empty".into() } else { format!("it holds {}", first_few(unknown)) };
    Error::data(format!("{}: no file of a known kind ({kinds}) lies in this folder; {found}", root.display()))
}

/// Keeps of each stem of a folder the files of the preferred kind.
fn without_annotations(files: Vec<Found>, listing: &mut Listing) -> Vec<Found> {
    let stem = |id: &str| id.rsplit_once('.').map_or(id, |(stem, _)| stem).to_string();
    let mut preferred: HashMap<String, usize> = HashMap::new();
    for file in &files {
        preferred.entry(stem(&file.id)).and_modify(|k| *k = file.kind.min(*k)).or_insert(file.kind);
    }
    let (kept, annotations): (Vec<_>, Vec<_>) =
        files.into_iter().partition(|f| preferred.get(&stem(&f.id)).is_none_or(|k| *k == f.kind));
    if !annotations.is_empty() {
        let ids: Vec<&str> = annotations.iter().map(|f| f.id.as_str()).collect();
        listing.notes.push(format!(
            "{} with the name of another file beside it taken for annotations, not samples: {}",
            files_word(ids.len()),
            first_few(&ids)
        ));
    }
    kept
}

/// Whether the top folders are an official split, and the files without those of other
/// top folders if they are.
fn without_strangers(files: Vec<Found>, listing: &mut Listing) -> (Vec<Found>, bool) {
    let top = |id: &str| id.split_once('/').map(|(first, _)| first.to_string());
    let folders: BTreeSet<String> = files.iter().filter_map(|f| top(&f.id)).collect();
    let splits: Vec<Split> = folders.iter().filter_map(|f| Split::parse(f)).collect();
    let pair = splits.contains(&Split::Train) && splits.iter().any(|s| *s != Split::Train);
    if splits.is_empty() || !(pair || splits.len() == folders.len()) {
        return (files, false);
    }
    let (kept, strangers): (Vec<_>, Vec<_>) =
        files.into_iter().partition(|f| top(&f.id).is_none_or(|t| Split::parse(&t).is_some()));
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for folder in strangers.iter().filter_map(|f| top(&f.id)) {
        *counts.entry(folder).or_default() += 1;
    }
    for (folder, count) in counts {
        listing.notes.push(format!("{folder}/ is neither train, valid nor test: {} left out", files_word(count)));
    }
    (kept, true)
}

fn files_word(count: usize) -> String {
    if count == 1 { "1 file".into() } else { format!("{count} files") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for file in files {
            let path = dir.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, b"x").unwrap();
        }
        dir
    }

    fn listed(files: &[&str]) -> Listing {
        list(tree(files).path(), &["jpg", "png"]).unwrap()
    }

    fn rows(listing: &Listing) -> Vec<(&str, Option<&str>, Option<Split>)> {
        listing.entries.iter().map(|e| (e.id.as_str(), e.label.as_deref(), e.split)).collect()
    }

    #[test]
    fn class_folders_are_labels_and_a_flat_folder_has_none() {
        let l = listed(&["b/2.png", "a/1.JPG", "a/deep/er/3.png", "4.png"]);
        assert_eq!(
            rows(&l),
            [
                ("4.png", None, None),
                ("a/1.JPG", Some("a"), None),
                ("a/deep/er/3.png", Some("a"), None),
                ("b/2.png", Some("b"), None)
            ]
        );
        assert!(listed(&["1.png", "2.png"]).classes().is_empty());
    }

    #[test]
    fn split_folders_hold_classes_and_other_top_folders_are_left_out() {
        let l = listed(&["train/good/1.png", "test/bad/2.png", "VAL/bad/3.png", "masks/2.png", "train/4.png"]);
        assert_eq!(
            rows(&l),
            [
                ("VAL/bad/3.png", Some("bad"), Some(Split::Valid)),
                ("test/bad/2.png", Some("bad"), Some(Split::Test)),
                ("train/4.png", None, Some(Split::Train)),
                ("train/good/1.png", Some("good"), Some(Split::Train)),
            ]
        );
        assert!(l.notes.iter().any(|n| n.contains("masks/") && n.contains("1 file")), "{:?}", l.notes);
    }

    #[test]
    fn a_class_that_happens_to_be_called_train_is_a_class() {
        let l = listed(&["bus/1.png", "car/2.png", "train/3.png"]);
        assert_eq!(l.classes(), ["bus", "car", "train"]);
        assert!(l.entries.iter().all(|e| e.split.is_none()));
    }

    #[test]
    fn masks_beside_photos_are_annotations() {
        let l = listed(&["a/x.jpg", "a/x.png", "a/y.jpg", "b/x.png"]);
        assert_eq!(l.entries.iter().map(|e| e.id.as_str()).collect::<Vec<_>>(), ["a/x.jpg", "a/y.jpg", "b/x.png"]);
        assert_eq!(l.notes.len(), 1);
        assert!(l.notes[0].starts_with("1 file with") && l.notes[0].contains("a/x.png"), "{}", l.notes[0]);
    }

    #[test]
    fn hidden_files_are_ignored_and_unknown_ones_counted() {
        let l = listed(&["a/1.png", "a/.2.png", ".git/3.png", "NOTE", "a/read.md"]);
        assert_eq!(l.entries.len(), 1);
        assert_eq!(l.notes, ["2 files of other kinds ignored: NOTE, a/read.md"]);
    }

    #[test]
    fn a_folder_without_usable_files_says_what_it_holds() {
        let message = list(tree(&["a.txt"]).path(), &["png"]).unwrap_err().to_string();
        assert!(message.contains("png") && message.contains("a.txt"), "{message}");
        assert!(list(Path::new("/nowhere/at/all"), &["png"]).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_that_loops_is_left_out_and_a_dangling_one_is_skipped() {
        let dir = tree(&["a/1.png"]);
        std::os::unix::fs::symlink(dir.path(), dir.path().join("a/again")).unwrap();
        std::os::unix::fs::symlink(dir.path().join("gone.png"), dir.path().join("a/2.png")).unwrap();
        let l = list(dir.path(), &["png"]).unwrap();
        assert_eq!(l.entries.len(), 1);
        assert!(l.notes[0].contains("a/again"), "{:?}", l.notes);
        assert_eq!(l.skipped[0].id, "a/2.png");
    }
}
