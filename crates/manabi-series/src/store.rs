//! All values of a dataset: in memory up to a limit, beyond it in a temporary file without a name.
//!
//! Values are appended while files are read and then read by position from any thread, so that memory stays
//! the same however long a recording is. The file is unlinked from its first moment: nothing is left behind
//! when the process ends, in whichever way.

use std::{fs::File, io::Write};

use manabi_core::{Error, Result};

/// Values that wait in memory before they are appended to the file.
const PENDING: usize = 16 * 1024;

/// An append-only list of `f32`.
#[derive(Debug, Default)]
pub struct Store {
    /// How many values may be in memory.
    limit: usize,
    head: Vec<f32>,
    tail: Option<Tail>,
}

#[derive(Debug)]
struct Tail {
    file: File,
    /// Values in the file.
    written: u64,
    pending: Vec<f32>,
}

fn failed(error: std::io::Error) -> Error {
    Error::io(std::env::temp_dir(), error)
}

impl Store {
    /// A store that holds up to `limit` bytes of values in memory.
    pub fn new(limit: u64) -> Self {
        Self { limit: usize::try_from(limit / 4).unwrap_or(usize::MAX), ..Self::default() }
    }

    /// Number of values.
    pub fn len(&self) -> u64 {
        let tail = self.tail.as_ref().map_or(0, |t| t.written + t.pending.len() as u64);
        self.head.len() as u64 + tail
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of memory that are taken.
    pub fn allocated(&self) -> u64 {
        let pending = self.tail.as_ref().map_or(0, |t| t.pending.capacity());
        4 * (self.head.capacity() + pending) as u64
    }

    /// Bytes that lie in the file.
    pub fn spilled(&self) -> u64 {
        self.tail.as_ref().map_or(0, |t| 4 * t.written)
    }

    /// Appends values.
    pub fn push(&mut self, values: &[f32]) -> Result<()> {
        let fits = values.len().min(self.limit.saturating_sub(self.head.len()));
        let (near, mut far) = values.split_at(fits);
        if self.head.len() + near.len() > self.head.capacity() {
            // Doubling, but never beyond the limit.
            let wanted = (2 * self.head.capacity()).max(self.head.len() + near.len()).max(1024).min(self.limit);
            self.head.reserve_exact(wanted - self.head.len());
        }
        self.head.extend_from_slice(near);
        if far.is_empty() {
            return Ok(());
        }
        if self.tail.is_none() {
            let file = tempfile::tempfile().map_err(failed)?;
            self.tail = Some(Tail { file, written: 0, pending: Vec::with_capacity(PENDING) });
        }
        let Some(tail) = &mut self.tail else { return Ok(()) };
        while !far.is_empty() {
            let (now, later) = far.split_at(far.len().min(PENDING - tail.pending.len()));
            tail.pending.extend_from_slice(now);
            far = later;
            if tail.pending.len() == PENDING {
                tail.flush()?;
            }
        }
        Ok(())
    }

    /// Forgets all values from `len` on: what a file had brought before it proved bad.
    pub fn truncate(&mut self, len: u64) -> Result<()> {
        let near = self.head.len() as u64;
        if let Some(tail) = &mut self.tail {
            let keep = len.saturating_sub(near);
            tail.pending.truncate(usize::try_from(keep.saturating_sub(tail.written)).unwrap_or(usize::MAX));
            if keep < tail.written {
                tail.file.set_len(4 * keep).map_err(failed)?;
                tail.written = keep;
                std::io::Seek::seek(&mut tail.file, std::io::SeekFrom::Start(4 * keep)).map_err(failed)?;
            }
        }
        self.head.truncate(usize::try_from(len).unwrap_or(usize::MAX));
        Ok(())
    }

    /// Fills `to` with the values from number `start` on.
    pub fn read(&self, start: u64, to: &mut [f32]) -> Result<()> {
        let end = start.saturating_add(to.len() as u64);
        if end > self.len() {
            return Err(Error::data(format!("values {start} to {end} of a store of {}", self.len())));
        }
        let near = self.head.len() as u64;
        let split = usize::try_from(near.saturating_sub(start)).unwrap_or(usize::MAX).min(to.len());
        let (first, rest) = to.split_at_mut(split);
        if let (false, Ok(at)) = (first.is_empty(), usize::try_from(start)) {
            first.copy_from_slice(&self.head[at..at + split]);
        }
        match &self.tail {
            Some(tail) if !rest.is_empty() => tail.read(start.max(near) - near, rest),
            _ => Ok(()),
        }
    }
}

impl Tail {
    fn flush(&mut self) -> Result<()> {
        let bytes: Vec<u8> = self.pending.iter().flat_map(|v| v.to_le_bytes()).collect();
        self.file.write_all(&bytes).map_err(failed)?;
        self.written += self.pending.len() as u64;
        self.pending.clear();
        Ok(())
    }

    fn read(&self, start: u64, to: &mut [f32]) -> Result<()> {
        let stored = usize::try_from(self.written.saturating_sub(start)).unwrap_or(usize::MAX).min(to.len());
        let (first, rest) = to.split_at_mut(stored);
        let mut bytes = vec![0u8; 4 * stored];
        read_at(&self.file, &mut bytes, 4 * start).map_err(failed)?;
        for (value, bytes) in first.iter_mut().zip(bytes.chunks_exact(4)) {
            *value = f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        }
        let at = usize::try_from((start + stored as u64).saturating_sub(self.written)).unwrap_or(usize::MAX);
        for (value, pending) in rest.iter_mut().zip(self.pending.iter().skip(at)) {
            *value = *pending;
        }
        Ok(())
    }
}

#[cfg(unix)]
fn read_at(file: &File, to: &mut [u8], at: u64) -> std::io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, to, at)
}

#[cfg(windows)]
fn read_at(file: &File, mut to: &mut [u8], mut at: u64) -> std::io::Result<()> {
    while !to.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, to, at)? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            count => (to, at) = (&mut to[count..], at + count as u64),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn memory_stays_below_the_limit_while_a_file_takes_the_rest() {
        let mut store = Store::new(1 << 20);
        let mut peak = 0;
        for block in 0..1000 {
            store.push(&[block as f32; 4000]).unwrap();
            peak = peak.max(store.allocated());
        }
        assert_eq!(store.len(), 4_000_000);
        assert!(peak <= (1 << 20) + 4 * PENDING as u64, "{peak} bytes");
        assert!(store.spilled() > 14 << 20);
        let mut row = [0.0; 2];
        store.read(3_999_999 - 4000, &mut row).unwrap();
        assert_eq!(row, [998.0, 999.0]);
        assert!(store.read(3_999_999, &mut row).is_err());
    }

    proptest! {
        #[test]
        fn what_is_pushed_is_read_back_over_every_border(
            limit in 0u64..400, lengths in proptest::collection::vec(0usize..200, 0..12),
            cut in 0u64..900, at in 0u64..900, count in 0usize..300,
        ) {
            let (mut store, mut plain) = (Store::new(limit), Vec::new());
            for (index, length) in lengths.iter().enumerate() {
                let values: Vec<f32> = (0..*length).map(|i| (index * 1000 + i) as f32).collect();
                store.push(&values).unwrap();
                plain.extend(values);
                if index == 5 {
                    store.truncate(cut).unwrap();
                    plain.truncate(cut as usize);
                }
            }
            prop_assert_eq!(store.len(), plain.len() as u64);
            let mut found = vec![0.0; count];
            let read = store.read(at, &mut found);
            match plain.get(at as usize..at as usize + count) {
                Some(expected) => prop_assert!(read.is_ok() && found == expected),
                None => prop_assert!(read.is_err()),
            }
        }
    }
}
