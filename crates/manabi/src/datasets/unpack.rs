//! Unpacks a tar.gz that nobody vouches for: it can neither write outside its folder nor fill the disk.
//!
//! Only plain files and folders are ever created, in a fresh folder, and nothing is overwritten. As no link is created,
//! no entry can reach out through one that came before it.

use std::cell::Cell;
use std::fs::OpenOptions;
use std::io::{self, BufReader, Read};
use std::path::{Component, Path, PathBuf};

use flate2::read::MultiGzDecoder;

use super::checksums::join;
use super::error::{At, DatasetError, Result};

/// How much an archive may unpack to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// The most entries.
    pub entries: u64,
    /// The most bytes, headers included.
    pub bytes: u64,
}

/// Unpacks the files that `keep` wants into the folder `into`, which must not exist yet. The archive's one top folder is
/// left out of the paths. Either all is there in the end, or nothing.
pub(crate) fn unpack(archive: &Path, into: &Path, limits: Limits, keep: &dyn Fn(&str) -> bool) -> Result<()> {
    let parent = into.parent().unwrap_or(Path::new("."));
    let beside = tempfile::Builder::new().prefix(".unpack-").tempdir_in(parent).at("write", parent)?;
    // A folder of its own in there, as temporary ones are closed to everybody else.
    let folder = beside.path().join("data");
    std::fs::create_dir(&folder).at("write", &folder)?;
    Unpacking { archive, folder: &folder, limits, keep }.run()?;
    std::fs::rename(&folder, into).at("write", into)
}

struct Unpacking<'a> {
    archive: &'a Path,
    folder: &'a Path,
    limits: Limits,
    keep: &'a dyn Fn(&str) -> bool,
}

impl Unpacking<'_> {
    fn run(&self) -> Result<()> {
        let file = std::fs::File::open(self.archive).at("read", self.archive)?;
        let exceeded = Cell::new(false);
        let plain = MultiGzDecoder::new(BufReader::new(file));
        let bounded = Bounded { inner: plain, left: self.limits.bytes, exceeded: &exceeded };
        self.entries(bounded).map_err(|error| match exceeded.get() {
            true => self.too_large(self.limits.bytes),
            false => error,
        })
    }

    fn entries(&self, reader: impl Read) -> Result<()> {
        let mut tar = tar::Archive::new(reader);
        let mut top: Option<String> = None;
        let entries = tar.entries().map_err(|error| self.bad(&error))?;
        for (count, entry) in entries.enumerate() {
            let mut entry = entry.map_err(|error| self.bad(&error))?;
            if count as u64 >= self.limits.entries {
                let reason = format!("it has more than the {} entries that its manifest allows", self.limits.entries);
                return Err(DatasetError::BadArchive { archive: self.archive.to_path_buf(), reason });
            }
            let kind = entry.header().entry_type();
            // Comments for the whole archive: git writes one with the commit.
            if kind.is_pax_global_extensions() {
                continue;
            }
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let parts = parts_of(&entry.path_bytes()).map_err(|reason| self.refused(&name, reason))?;
            let Some((first, rest)) = parts.split_first() else { continue };
            if *top.get_or_insert_with(|| first.clone()) != *first || (rest.is_empty() && !kind.is_dir()) {
                return Err(self.refused(&name, "does not lie in the archive's one top folder"));
            }
            let path = rest.join("/");
            if kind.is_dir() || !(self.keep)(&path) {
                continue;
            }
            if !kind.is_file() {
                return Err(self.refused(&name, "is a link or a device, not a plain file"));
            }
            self.write(&mut entry, &name, &join(self.folder, &path))?;
        }
        // Reads to the end, where gzip keeps the checksum that tells a truncated archive.
        io::copy(&mut tar.into_inner(), &mut io::sink()).map_err(|error| self.bad(&error))?;
        Ok(())
    }

    /// Writes one file, never over another one.
    fn write(&self, entry: &mut impl Read, name: &str, to: &Path) -> Result<()> {
        if let Some(parent) = to.parent() {
            std::fs::create_dir_all(parent).at("write", parent)?;
        }
        let mut file = match OpenOptions::new().write(true).create_new(true).open(to) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(self.refused(name, "is in the archive twice"));
            }
            other => other.at("write", to)?,
        };
        let mut buffer = vec![0; 64 * 1024];
        loop {
            // Read and write apart, as a damaged archive and a full disk need different remedies.
            match entry.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(count) => io::Write::write_all(&mut file, &buffer[..count]).at("write", to)?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.bad(&error)),
            }
        }
    }

    fn bad(&self, error: &io::Error) -> DatasetError {
        let reason = match error.kind() {
            io::ErrorKind::UnexpectedEof => "it ends early".to_string(),
            _ => error.to_string(),
        };
        DatasetError::BadArchive { archive: self.archive.to_path_buf(), reason }
    }

    fn refused(&self, entry: &str, reason: &str) -> DatasetError {
        let entry = entry.escape_debug().to_string();
        DatasetError::UnsafeArchive { archive: self.archive.to_path_buf(), entry, reason: reason.to_string() }
    }

    fn too_large(&self, limit: u64) -> DatasetError {
        DatasetError::TooLarge { what: format!("what is in {}", self.archive.display()), limit }
    }
}

/// The parts of an entry's path, or why it is refused. What Windows would take for a path is refused everywhere.
fn parts_of(path: &[u8]) -> Result<Vec<String>, &'static str> {
    let path = std::str::from_utf8(path).map_err(|_| "has a name that is not UTF-8")?;
    if path.contains(['\\', ':', '\0']) {
        return Err("has a backslash, colon or zero byte in its name");
    }
    let mut parts = Vec::new();
    for component in PathBuf::from(path).components() {
        match component {
            Component::Normal(part) => parts.push(part.to_string_lossy().into_owned()),
            Component::CurDir => {}
            Component::ParentDir => return Err("leads out of the folder with '..'"),
            Component::RootDir | Component::Prefix(_) => return Err("has an absolute path"),
        }
    }
    Ok(parts)
}

/// A reader that fails, rather than ends, after so many bytes.
struct Bounded<'a, R> {
    inner: R,
    left: u64,
    exceeded: &'a Cell<bool>,
}

impl<R: Read> Read for Bounded<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        match self.left.checked_sub(count as u64) {
            Some(left) => self.left = left,
            None => {
                self.exceeded.set(true);
                return Err(io::Error::other("the archive unpacks to more than it may"));
            }
        }
        Ok(count)
    }
}
