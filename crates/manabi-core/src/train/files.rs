//! Writes that are whole or did not happen.
//!
//! A file is written under a temporary name in the same folder, synced, renamed over the
//! old one, and the folder is synced. Modes are the usual ones (0666 less the umask). A
//! [`Fault`] can be put in front of every system call, so that a test fails the k-th one
//! for every k, as SQLite does (<https://www.sqlite.org/testing.html>).

use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{Error, Result};

/// A call that can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Making a folder.
    CreateDir,
    /// Creating, writing and syncing a new file.
    Write,
    /// Renaming.
    Rename,
    /// Syncing a folder.
    SyncDir,
    /// Removing a file or a folder.
    Remove,
}

/// Decides before each call whether it fails (or the process ends). For tests.
pub trait Fault: Send + Sync {
    /// An error here is returned instead of doing the call; a write leaves half of its bytes.
    fn before(&self, operation: Operation, path: &Path) -> io::Result<()>;
}

/// The file system, with an optional fault in front.
#[derive(Clone, Default)]
pub struct Files {
    fault: Option<Arc<dyn Fault>>,
}

impl Files {
    /// A file system in front of which stands `fault`.
    pub fn with_fault(fault: Arc<dyn Fault>) -> Self {
        Self { fault: Some(fault) }
    }

    fn before(&self, operation: Operation, path: &Path) -> io::Result<()> {
        self.fault.as_ref().map_or(Ok(()), |fault| fault.before(operation, path))
    }

    /// Makes a folder and those above it.
    pub fn create_dir(&self, path: &Path) -> Result<()> {
        self.before(Operation::CreateDir, path).and_then(|()| fs::create_dir_all(path)).map_err(|e| explain(path, e))
    }

    /// Writes and syncs a file that must not exist yet.
    pub fn write_new(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        let refused = self.before(Operation::Write, path);
        let bytes = if refused.is_err() { &bytes[..bytes.len() / 2] } else { bytes };
        let written = (|| {
            let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
            file.write_all(bytes)?;
            file.sync_all()
        })();
        refused.and(written).map_err(|e| explain(path, e))
    }

    /// Renames.
    pub fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        self.before(Operation::Rename, to).and_then(|()| fs::rename(from, to)).map_err(|e| explain(to, e))
    }

    /// Makes the names in a folder durable.
    pub fn sync_dir(&self, path: &Path) -> Result<()> {
        let sync = || if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) };
        self.before(Operation::SyncDir, path).and_then(|()| sync()).map_err(|e| explain(path, e))
    }

    /// Removes a folder with all that is in it.
    pub fn remove_dir(&self, path: &Path) -> Result<()> {
        self.before(Operation::Remove, path).and_then(|()| fs::remove_dir_all(path)).map_err(|e| explain(path, e))
    }

    /// Replaces (or makes) the file at `path`: afterwards it holds all of `bytes`, or what it held before.
    pub fn write_atomic(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        let folder = folder_of(path);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let scratch = folder.join(format!(".tmp-{}-{name}", std::process::id()));
        let _ = fs::remove_file(&scratch);
        let done = self.write_new(&scratch, bytes).and_then(|()| self.rename(&scratch, path));
        if done.is_err() {
            let _ = fs::remove_file(&scratch);
        }
        done?;
        self.sync_dir(&folder)
    }
}

/// Replaces (or makes) the file at `path`: afterwards it holds all of `bytes`, or what it held before.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<()> {
    Files::default().write_atomic(path, bytes)
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

/// The system's refusal as one sentence with a remedy.
pub(super) fn explain(path: &Path, error: io::Error) -> Error {
    let kind = error.kind();
    let remedy = match kind {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "no space is left; free some and continue with --resume (what was saved before is intact)"
        }
        ErrorKind::ReadOnlyFilesystem => "the file system is read-only; choose another folder with --out",
        ErrorKind::PermissionDenied => "writing here is not permitted; choose another folder with --out",
        _ => return Error::io(path, error),
    };
    Error::io(path, io::Error::new(kind, remedy))
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    /// Fails the k-th call (from 0) and all after it, as a full disk does.
    pub struct FailFrom {
        pub at: usize,
        pub seen: AtomicUsize,
    }

    impl FailFrom {
        pub fn new(at: usize) -> Arc<Self> {
            Arc::new(Self { at, seen: AtomicUsize::new(0) })
        }
    }

    impl Fault for FailFrom {
        fn before(&self, _: Operation, _: &Path) -> io::Result<()> {
            if self.seen.fetch_add(1, Ordering::SeqCst) >= self.at {
                return Err(io::Error::new(ErrorKind::StorageFull, "injected"));
            }
            Ok(())
        }
    }

    #[test]
    fn a_failed_write_leaves_the_old_file_and_no_scratch_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        write_atomic(&path, b"old").unwrap();
        for at in 0..2 {
            let error = Files::with_fault(FailFrom::new(at)).write_atomic(&path, b"new").unwrap_err();
            assert!(error.to_string().contains("no space is left"), "{error}");
            assert_eq!(fs::read(&path).unwrap(), b"old");
            assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
        }
        write_atomic(&path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
    }

    #[cfg(unix)]
    #[test]
    fn a_file_has_the_mode_that_the_umask_leaves() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("usual"), b"").unwrap();
        write_atomic(&dir.path().join("ours"), b"x").unwrap();
        let mode = |name: &str| fs::metadata(dir.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode("ours"), mode("usual"));
    }

    #[test]
    fn a_refusal_names_the_path_and_a_remedy() {
        for (kind, words) in [
            (ErrorKind::StorageFull, "--resume"),
            (ErrorKind::ReadOnlyFilesystem, "read-only"),
            (ErrorKind::PermissionDenied, "--out"),
        ] {
            let message = explain(Path::new("/runs/a"), io::Error::from(kind)).to_string();
            assert!(message.contains("/runs/a") && message.contains(words), "{message}");
        }
    }
}
