//! All texts of a dataset one after the other: in memory up to a limit, beyond it in a temporary file without a name.

use std::{
    fs::File,
    io::{BufWriter, Write},
};

use manabi_core::{Error, Result};

/// Bytes of a block in memory. Blocks never move, so that a growing store needs no second copy of itself.
const BLOCK: usize = 4 << 20;

/// An append-only list of bytes.
#[derive(Debug, Default)]
pub(super) struct Store {
    limit: u64,
    near: Near,
    far: Option<BufWriter<File>>,
    written: u64,
}

/// The same, to be read.
#[derive(Debug, Default)]
pub(super) struct Texts {
    near: Near,
    far: Option<Far>,
}

/// Bytes in memory.
#[derive(Debug, Default)]
struct Near {
    blocks: Vec<Vec<u8>>,
    length: u64,
}

impl Near {
    fn push(&mut self, mut bytes: &[u8]) {
        self.length += bytes.len() as u64;
        while !bytes.is_empty() {
            let block = match self.blocks.last_mut().filter(|b| b.len() < BLOCK) {
                Some(block) => block,
                None => {
                    self.blocks.push(Vec::new());
                    continue;
                }
            };
            let (now, later) = bytes.split_at(bytes.len().min(BLOCK - block.len()));
            block.extend_from_slice(now);
            bytes = later;
        }
    }

    /// The bytes at `start`, as many as there are.
    fn read(&self, start: usize, length: usize) -> Vec<u8> {
        let mut found = Vec::with_capacity(length);
        for (number, block) in self.blocks.iter().enumerate().skip(start / BLOCK) {
            let from = (start + found.len()).saturating_sub(number * BLOCK).min(block.len());
            let count = (length - found.len()).min(block.len() - from);
            found.extend_from_slice(&block[from..from + count]);
            if found.len() == length {
                break;
            }
        }
        found
    }
}

fn failed(error: std::io::Error) -> Error {
    Error::io(std::env::temp_dir(), error)
}

impl Store {
    /// A store that holds up to `limit` bytes in memory.
    pub fn new(limit: u64) -> Self {
        Self { limit, ..Self::default() }
    }

    /// Appends a text and says where it begins. A text lies in memory or in the file, never in both.
    ///
    /// # Errors
    /// If the temporary file cannot be made or written.
    pub fn push(&mut self, text: &str) -> Result<u64> {
        let length = text.len() as u64;
        if self.far.is_none() && self.near.length + length <= self.limit {
            self.near.push(text.as_bytes());
            return Ok(self.near.length - length);
        }
        let far = match &mut self.far {
            Some(far) => far,
            far => far.insert(BufWriter::with_capacity(1 << 18, tempfile::tempfile().map_err(failed)?)),
        };
        far.write_all(text.as_bytes()).map_err(failed)?;
        self.written += length;
        Ok(self.near.length + self.written - length)
    }

    /// Bytes that lie in the file.
    pub fn spilled(&self) -> u64 {
        self.written
    }

    /// Ready to be read.
    ///
    /// # Errors
    /// If the temporary file cannot be written.
    pub fn finish(mut self) -> Result<Texts> {
        let far = self.far.take().map(|far| far.into_inner().map_err(|e| failed(e.into_error()))).transpose()?;
        if let Some(last) = self.near.blocks.last_mut() {
            last.shrink_to_fit();
        }
        Ok(Texts { near: self.near, far: far.map(Far::new) })
    }
}

impl Texts {
    /// The text of `length` bytes at `start`.
    ///
    /// # Errors
    /// If the temporary file cannot be read.
    pub fn read(&self, start: u64, length: usize) -> Result<String> {
        let bytes = match (usize::try_from(start), &self.far) {
            (Ok(at), _) if start < self.near.length || length == 0 => self.near.read(at, length),
            (_, Some(far)) => far.read(start - self.near.length, length).map_err(failed)?,
            _ => Vec::new(),
        };
        if bytes.len() != length {
            return Err(Error::data("a text lies beyond the end of the store"));
        }
        String::from_utf8(bytes).map_err(|e| Error::data(format!("a text of the store is damaged: {e}")))
    }
}

/// The temporary file, read at a place without moving a common position, so that threads do not wait for each other.
#[cfg(unix)]
#[derive(Debug)]
struct Far(File);

#[cfg(unix)]
impl Far {
    fn new(file: File) -> Self {
        Self(file)
    }

    fn read(&self, start: u64, length: usize) -> std::io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        std::os::unix::fs::FileExt::read_exact_at(&self.0, &mut bytes, start)?;
        Ok(bytes)
    }
}

/// The temporary file, whose position one thread at a time moves.
#[cfg(not(unix))]
#[derive(Debug)]
struct Far(std::sync::Mutex<File>);

#[cfg(not(unix))]
impl Far {
    fn new(file: File) -> Self {
        Self(std::sync::Mutex::new(file))
    }

    fn read(&self, start: u64, length: usize) -> std::io::Result<Vec<u8>> {
        use std::io::{Read, Seek, SeekFrom};
        let mut bytes = vec![0; length];
        let mut file = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        file.seek(SeekFrom::Start(start))?;
        file.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn texts_come_back_from_memory_and_from_the_file(
            texts in proptest::collection::vec(any::<String>(), 0..30), limit in 0u64..200,
        ) {
            let mut store = Store::new(limit);
            let places: Vec<u64> = texts.iter().map(|t| store.push(t).unwrap()).collect();
            let store = store.finish().unwrap();
            for (text, start) in texts.iter().zip(places).rev() {
                prop_assert_eq!(&store.read(start, text.len()).unwrap(), text);
            }
        }
    }

    #[test]
    fn texts_may_lie_across_blocks() {
        let texts = ["a".repeat(BLOCK - 3), "bcdefg".into(), "h".repeat(2 * BLOCK), "end".into()];
        let mut store = Store::new(u64::MAX);
        let places: Vec<u64> = texts.iter().map(|t| store.push(t).unwrap()).collect();
        assert_eq!(store.spilled(), 0);
        let store = store.finish().unwrap();
        for (text, start) in texts.iter().zip(places) {
            assert!(&store.read(start, text.len()).unwrap() == text);
        }
        assert!(store.read(0, 4 * BLOCK).is_err() && store.read(u64::MAX, 1).is_err());
    }
}
