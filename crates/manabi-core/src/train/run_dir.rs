//! The folder that a run leaves behind, and the lock that keeps a second process out of it.
//!
//! The lock is advisory and belongs to the open file, so it ends with the process however
//! that ends. An existing run is never touched unless the caller says so.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    path::{Path, PathBuf},
};

use super::files::{Files, explain};
use crate::{Error, Result};

/// What to do with a folder that is not empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// Refuse it.
    Refuse,
    /// Remove what a run leaves behind (nothing else) and start anew.
    Overwrite,
    /// Go on with the run that is there.
    Resume,
}

/// What a run writes, and so what `Overwrite` removes.
const OWN: [&str; 10] = [
    "config.toml",
    "metrics.jsonl",
    "events",
    "checkpoints",
    "diverged",
    "encoder",
    "embeddings.parquet",
    "report.html",
    "report.json",
    "skipped.jsonl",
];
const LOCK: &str = ".lock";

/// An open, locked run folder.
#[derive(Debug)]
pub struct RunDir {
    root: PathBuf,
    resumed: bool,
    lock: File,
}

impl RunDir {
    /// Opens `root`, making it if need be, and locks it against other processes.
    pub fn open(root: impl Into<PathBuf>, existing: Existing) -> Result<Self> {
        let root = root.into();
        if root.exists() && !root.is_dir() {
            return Err(Error::file(&root, "is a file; a run needs a folder, choose another --out"));
        }
        let occupied = is_occupied(&root)?;
        if occupied && existing == Existing::Refuse {
            return Err(Error::file(
                &root,
                "is not empty; replace it with --overwrite, choose another --out, or continue a run of \
                 `manabi pretrain` with --resume",
            ));
        }
        Files::default().create_dir(&root)?;
        let lock = lock(&root)?;
        if existing == Existing::Overwrite {
            for name in OWN {
                remove(&root.join(name))?;
            }
        }
        Ok(Self { resumed: occupied && existing == Existing::Resume, root, lock })
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// True if a run was there and is to be continued.
    pub fn resumed(&self) -> bool {
        self.resumed
    }

    /// Where checkpoints go.
    pub fn checkpoints(&self) -> PathBuf {
        self.root.join("checkpoints")
    }

    /// Where the trained encoder goes.
    pub fn encoder(&self) -> PathBuf {
        self.root.join("encoder")
    }

    /// The log of figures.
    pub fn metrics(&self) -> PathBuf {
        self.root.join("metrics.jsonl")
    }

    /// Where TensorBoard's event files go.
    pub fn events(&self) -> PathBuf {
        self.root.join("events")
    }

    /// The resolved configuration.
    pub fn config(&self) -> PathBuf {
        self.root.join("config.toml")
    }

    /// Writes a file of the run whole (`config.toml`, `report.json`).
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<()> {
        super::write_atomic(&self.root.join(name), bytes)
    }
}

impl Drop for RunDir {
    fn drop(&mut self) {
        // Closing is not enough: a child process that is just being started holds a copy of the open file.
        let _ = self.lock.unlock();
    }
}

fn is_occupied(root: &Path) -> Result<bool> {
    match fs::read_dir(root) {
        Ok(mut entries) => Ok(entries.any(|e| e.is_ok_and(|e| e.file_name() != LOCK))),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(explain(root, e)),
    }
}

fn lock(root: &Path) -> Result<File> {
    let path = root.join(LOCK);
    let file =
        OpenOptions::new().write(true).create(true).truncate(false).open(&path).map_err(|e| explain(&path, e))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(Error::file(root, "another process is writing to this run; wait for it or choose another --out"))
        }
        Err(TryLockError::Error(e)) => Err(explain(&path, e)),
    }
}

fn remove(path: &Path) -> Result<()> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(explain(path, e)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_not_empty_is_refused_with_the_ways_out() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("holiday.txt"), b"mine").unwrap();
        let message = RunDir::open(dir.path(), Existing::Refuse).unwrap_err().to_string();
        assert!(message.contains("--resume") && message.contains("--overwrite"), "{message}");
        assert!(!dir.path().join(LOCK).exists());
    }

    #[test]
    fn overwriting_removes_a_run_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let run = RunDir::open(dir.path(), Existing::Refuse).unwrap();
        run.write("config.toml", b"seed = 1").unwrap();
        fs::create_dir_all(run.checkpoints().join("step-1")).unwrap();
        fs::write(dir.path().join("holiday.txt"), b"mine").unwrap();
        drop(run);
        let run = RunDir::open(dir.path(), Existing::Overwrite).unwrap();
        assert!(!run.config().exists() && !run.checkpoints().exists() && !run.resumed());
        assert_eq!(fs::read(dir.path().join("holiday.txt")).unwrap(), b"mine");
    }

    #[test]
    fn two_runs_cannot_write_to_one_folder() {
        let dir = tempfile::tempdir().unwrap();
        let first = RunDir::open(dir.path().join("run"), Existing::Refuse).unwrap();
        let message = RunDir::open(first.path(), Existing::Resume).unwrap_err().to_string();
        assert!(message.contains("another process"), "{message}");
        drop(first);
        RunDir::open(dir.path().join("run"), Existing::Resume).unwrap();
    }

    #[test]
    fn a_run_that_left_something_is_resumed() {
        let dir = tempfile::tempdir().unwrap();
        let run = RunDir::open(dir.path(), Existing::Resume).unwrap();
        assert!(!run.resumed());
        run.write("config.toml", b"").unwrap();
        drop(run);
        assert!(RunDir::open(dir.path(), Existing::Resume).unwrap().resumed());
    }
}
