//! Refuses a manifest that parses but contradicts itself, with a sentence that says what to mend.

use super::manifest::{Manifest, Mirror, RemoteFile, Tree};

type Check = Result<(), String>;

impl Manifest {
    /// Checks what the types cannot say.
    pub(crate) fn validate(&self) -> Check {
        check_name("name", &self.name)?;
        check_name("modality", &self.modality)?;
        for (field, text) in [("title", &self.title), ("licence", &self.licence), ("citation", &self.citation)] {
            ensure(!text.trim().is_empty(), || format!("{field} is empty"))?;
        }
        ensure(self.samples > 0, || "samples must be at least 1".to_string())?;
        ensure(!self.files.is_empty(), || "there is no [[file]] to fetch".to_string())?;
        for (index, file) in self.files.iter().enumerate() {
            check_file(file)?;
            let twice = self.files[..index].iter().any(|other| other.path == file.path);
            ensure(!twice, || format!("file '{}' is listed twice", file.path))?;
        }
        self.check_archive()?;
        if let Some(tree) = &self.tree {
            check_tree(tree)?;
        }
        if let Some(mirror) = &self.mirror {
            check_mirror(mirror)?;
        }
        self.check_split()
    }

    fn check_archive(&self) -> Check {
        let archives = self.files.iter().filter(|file| file.archive.is_some()).count();
        match (archives, &self.tree) {
            (0, None) => Ok(()),
            (0, Some(_)) => Err("[tree] is for archives, but no [[file]] has archive = \"tar.gz\"".to_string()),
            (_, None) => {
                Err("an archive needs a [tree] with folders, files, bytes and sha256 to verify it by".to_string())
            }
            (1, Some(_)) if self.files.len() == 1 => Ok(()),
            _ => Err("an archive must be the only [[file]] of its dataset".to_string()),
        }
    }

    fn check_split(&self) -> Check {
        let Some(split) = &self.split else { return Ok(()) };
        for path in split.train.iter().chain(&split.test) {
            check_path("split", path)?;
            let known = match &self.tree {
                Some(tree) => tree.folders.contains(path) || self.owns(path),
                None => self.owns(path),
            };
            ensure(known, || format!("split names '{path}', which is not among the dataset's files or folders"))?;
            let both = split.train.contains(path) && split.test.contains(path);
            ensure(!both, || format!("split has '{path}' on both sides"))?;
        }
        ensure(!split.train.is_empty() && !split.test.is_empty(), || "split needs both train and test".to_string())?;
        let sum = split.train_samples.checked_add(split.test_samples);
        ensure(sum == Some(self.samples), || {
            format!(
                "split has {} training and {} test samples, which do not add up to samples = {}",
                split.train_samples, split.test_samples, self.samples
            )
        })
    }
}

fn check_file(file: &RemoteFile) -> Check {
    check_path("file", &file.path)?;
    let http = file.url.starts_with("https://") || file.url.starts_with("http://");
    ensure(http && !file.url.contains(char::is_whitespace), || {
        format!("file '{}' has the url '{}', which is not an https address", file.path, file.url)
    })?;
    if let Some(sha256) = &file.sha256 {
        check_sha256(&file.path, sha256)?;
    }
    let checkable = file.archive.is_some() || (file.sha256.is_some() && file.size.is_some());
    ensure(checkable, || format!("file '{}' needs both sha256 and size", file.path))
}

fn check_tree(tree: &Tree) -> Check {
    check_sha256("tree", &tree.sha256)?;
    ensure(!tree.folders.is_empty(), || "tree names no folders".to_string())?;
    ensure(tree.files > 0, || "tree must hold at least one file".to_string())?;
    for folder in &tree.folders {
        check_path("tree", folder)?;
    }
    for first in &tree.first {
        check_path("tree.first", &first.folder)?;
        let known = tree.folders.contains(&first.folder)
            || tree.folders.iter().any(|folder| super::manifest::is_below(&first.folder, folder));
        ensure(known, || format!("tree.first names '{}', which is in none of the tree's folders", first.folder))?;
    }
    Ok(())
}

fn check_mirror(mirror: &Mirror) -> Check {
    check_path("mirror", &mirror.path)?;
    ensure(mirror.path.ends_with(".tar.gz"), || format!("mirror path '{}' is not a .tar.gz archive", mirror.path))?;
    check_sha256("mirror", &mirror.sha256)
}

fn check_name(field: &str, name: &str) -> Check {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    let good = !name.is_empty() && name.len() <= 64 && name.chars().all(plain) && !name.starts_with(['-', '_']);
    ensure(good, || {
        format!("{field} '{name}' must be of lower case letters, digits, '-' and '_', and begin with a letter or digit")
    })
}

/// A path that stays in the dataset's folder on every platform.
fn check_path(field: &str, path: &str) -> Check {
    let bad_part = |part: &str| part.is_empty() || part == "." || part == "..";
    let bad = path.split('/').any(bad_part) || path.contains(['\\', ':']) || path.chars().any(char::is_control);
    ensure(!bad, || format!("{field} path '{path}' must be relative, with '/' between its parts and without '..'"))
}

fn check_sha256(what: &str, sha256: &str) -> Check {
    let good = sha256.len() == 64 && sha256.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    ensure(good, || format!("sha256 of '{what}' must be 64 lower case hexadecimal digits, found '{sha256}'"))
}

fn ensure(holds: bool, reason: impl FnOnce() -> String) -> Check {
    if holds { Ok(()) } else { Err(reason()) }
}
