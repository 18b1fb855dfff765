//! Writes the report so that a reader never sees half of it: temporary file, sync, rename.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::html;
use super::schema::Report;
use crate::error::{Error, Result};

/// The files that were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The page.
    pub html: PathBuf,
    /// The figures.
    pub json: PathBuf,
}

/// Writes `report.html` and `report.json` into a folder, which is created if it is missing.
pub fn write_report(report: &Report, folder: &Path) -> Result<Written> {
    let written = Written { html: folder.join("report.html"), json: folder.join("report.json") };
    atomically(&written.json, json(report, &written.json)?.as_bytes())?;
    atomically(&written.html, html::render(report).as_bytes())?;
    Ok(written)
}

/// Writes `evaluation.json` into a folder, which is created if it is missing.
pub fn write_evaluation(report: &Report, folder: &Path) -> Result<PathBuf> {
    let path = folder.join("evaluation.json");
    atomically(&path, json(report, &path)?.as_bytes())?;
    Ok(path)
}

/// Reads a `report.json` or `evaluation.json` back.
pub fn read(path: &Path) -> Result<Report> {
    let text = fs::read_to_string(path).map_err(|source| Error::Read { path: path.into(), source })?;
    serde_json::from_str(&text).map_err(|source| Error::Json { path: path.into(), source })
}

fn json(report: &Report, path: &Path) -> Result<String> {
    let mut text = serde_json::to_string_pretty(report).map_err(|source| Error::Json { path: path.into(), source })?;
    text.push('\n');
    Ok(text)
}

/// Writes beside the target, syncs, and renames; what was there stays whole until then.
fn atomically(path: &Path, content: &[u8]) -> Result<()> {
    let fail = |source| Error::Write { path: path.into(), source };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(fail)?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = folder.join(format!(".{name}.{}.tmp", std::process::id()));
    let done = fill(&temporary, content).and_then(|()| fs::rename(&temporary, path));
    if let Err(source) = done {
        // The first error is the one to tell; a leftover that cannot be removed changes nothing about it.
        let _ = fs::remove_file(&temporary);
        return Err(fail(source));
    }
    // The rename itself lasts only once the folder is synced; not every file system can, and none loses data by that.
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
    Ok(())
}

fn fill(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(content)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_report_is_written_whole_and_leaves_no_temporary_file() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("runs/new");
        let written = write_report(&Report::default(), &target).unwrap();
        assert_eq!(names(&target), ["report.html", "report.json"]);
        assert_eq!(read(&written.json).unwrap(), Report::default());
    }

    #[test]
    fn an_evaluation_replaces_an_older_one() {
        let folder = tempfile::tempdir().unwrap();
        let first = Report { dataset: "old".into(), ..Report::default() };
        write_evaluation(&first, folder.path()).unwrap();
        let path = write_evaluation(&Report { dataset: "new".into(), ..first }, folder.path()).unwrap();
        assert_eq!(read(&path).unwrap().dataset, "new");
    }

    #[test]
    fn an_error_names_the_path_and_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let blocked = folder.path().join("file");
        fs::write(&blocked, "x").unwrap();
        let message = write_report(&Report::default(), &blocked).unwrap_err().to_string();
        assert!(message.contains("file/report.json") && message.contains("--out DIR"), "{message}");
    }

    #[test]
    fn a_file_that_holds_no_report_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.json");
        fs::write(&path, "{\"rows\": 3}").unwrap();
        let message = read(&path).unwrap_err().to_string();
        assert!(message.contains("report.json") && message.contains("Evaluate again"), "{message}");
    }
}
