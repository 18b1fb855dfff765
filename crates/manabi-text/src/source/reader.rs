//! The lines of a text file, one after the other; never more than a line and what was looked at ahead is in memory.

use std::{
    collections::VecDeque,
    fs::File,
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

use manabi_core::{Error, Result};

use super::encoding::{Utf16, is_text, latin, wide};

/// Of a longer line the rest is read and forgotten: texts are cut far before.
const LONGEST: usize = 64 << 20;
/// Bytes that tell whether a file is text.
const LOOKED_AT: usize = 1 << 16;
/// Bytes of lines that are kept at most where some are looked at ahead.
const AHEAD: usize = 16 << 20;

/// A reader of lines.
pub(super) struct Lines {
    path: PathBuf,
    reader: Box<dyn BufRead>,
    buffer: Vec<u8>,
    ahead: VecDeque<String>,
    /// Number of the last line that was read from the file, from 1.
    read: u64,
    /// Lines that are no UTF-8, and lines with characters beyond ASCII that are.
    foreign: u64,
    own: u64,
}

/// How much of a file is not UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Foreign {
    /// Nothing.
    Nothing,
    /// Every line for which it makes a difference.
    All,
    /// So many lines.
    Some(u64),
}

/// The first `bytes` bytes of a file.
pub(super) fn beginning(path: &Path, bytes: usize) -> Result<Vec<u8>> {
    let mut found = Vec::new();
    let file = File::open(path).map_err(|e| Error::io(path, e))?;
    file.take(bytes as u64).read_to_end(&mut found).map_err(|e| Error::io(path, e))?;
    Ok(found)
}

/// How many lines a file has, or a few more than `most`.
pub(super) fn count(path: &Path, most: usize) -> Result<usize> {
    let mut file = File::open(path).map_err(|e| Error::io(path, e))?;
    let (mut block, mut lines) = (vec![0; 1 << 18], 1);
    loop {
        let read = file.read(&mut block).map_err(|e| Error::io(path, e))?;
        if read == 0 || lines > most {
            return Ok(lines);
        }
        lines += block[..read].iter().filter(|b| **b == b'\n').count();
    }
}

impl Lines {
    /// The lines of the file `path`.
    ///
    /// # Errors
    /// If it cannot be read, or is no text.
    pub fn open(path: &Path) -> Result<Self> {
        let start = beginning(path, LOOKED_AT)?;
        if !is_text(&start) {
            let reason = "is not a text but holds bytes that no text has; leave it out, or save it as UTF-8";
            return Err(Error::file(path, reason));
        }
        let file = BufReader::with_capacity(1 << 18, File::open(path).map_err(|e| Error::io(path, e))?);
        let reader: Box<dyn BufRead> = match wide(&start) {
            Some(order) => Box::new(BufReader::new(Utf16::new(file, order))),
            None => Box::new(file),
        };
        let (ahead, path) = (VecDeque::new(), path.to_path_buf());
        Ok(Self { path, reader, buffer: Vec::new(), ahead, read: 0, foreign: 0, own: 0 })
    }

    /// The first `count` lines of those that are still to come, which stay to be read.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn look(&mut self, count: usize) -> Result<&[String]> {
        let mut bytes: usize = self.ahead.iter().map(String::len).sum();
        while self.ahead.len() < count
            && bytes < AHEAD
            && let Some(line) = self.fetch()?
        {
            bytes += line.len();
            self.ahead.push_back(line);
        }
        Ok(self.ahead.make_contiguous())
    }

    /// The next line without its end, and its number from 1; `None` at the end of the file.
    ///
    /// # Errors
    /// If the file cannot be read, or the line holds a zero.
    pub fn line(&mut self) -> Result<Option<(u64, String)>> {
        let number = self.read - self.ahead.len() as u64 + 1;
        let line = match self.ahead.pop_front() {
            Some(line) => Some(line),
            None => self.fetch()?,
        };
        Ok(line.map(|line| (number, line)))
    }

    /// What of the lines so far was not UTF-8.
    pub fn foreign(&self) -> Foreign {
        match (self.foreign, self.own) {
            (0, _) => Foreign::Nothing,
            (_, 0) => Foreign::All,
            (lines, _) => Foreign::Some(lines),
        }
    }

    fn fetch(&mut self) -> Result<Option<String>> {
        let io = |e| Error::io(&self.path, e);
        self.buffer.clear();
        let mut limited = (&mut self.reader).take(LONGEST as u64);
        if limited.read_until(b'\n', &mut self.buffer).map_err(io)? == 0 {
            return Ok(None);
        }
        if self.buffer.len() == LONGEST && self.buffer.last() != Some(&b'\n') {
            skip_line(&mut self.reader).map_err(io)?;
            // The cut may lie within a character.
            let whole = std::str::from_utf8(&self.buffer).map_or_else(|e| e.valid_up_to(), str::len);
            self.buffer.truncate(whole.max(LONGEST - 4));
        }
        self.read += 1;
        if self.read == 1 && self.buffer.starts_with(b"\xef\xbb\xbf") {
            self.buffer.drain(..3);
        }
        while self.buffer.last().is_some_and(|b| matches!(b, b'\n' | b'\r')) {
            self.buffer.pop();
        }
        if self.buffer.contains(&0) {
            let reason = format!("line {}: a zero byte, which no text has; leave the file out", self.read);
            return Err(Error::file(&self.path, reason));
        }
        // Latin-1 is hardly ever valid UTF-8 by chance, so that each line tells by itself what it is.
        Ok(Some(match std::str::from_utf8(&self.buffer) {
            Ok(text) => {
                self.own += u64::from(!text.is_ascii());
                text.to_string()
            }
            Err(_) => {
                self.foreign += 1;
                latin(&self.buffer)
            }
        }))
    }
}

fn skip_line(reader: &mut dyn BufRead) -> std::io::Result<()> {
    loop {
        let available = reader.fill_buf()?;
        let (length, end) = (available.len(), available.iter().position(|b| *b == b'\n'));
        reader.consume(end.map_or(length, |at| at + 1));
        if end.is_some() || length == 0 {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lines(bytes: &[u8], ahead: usize) -> Result<(Vec<String>, Foreign)> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let mut reader = Lines::open(file.path())?;
        reader.look(ahead)?;
        let mut lines = Vec::new();
        while let Some((number, line)) = reader.line()? {
            lines.push(line);
            assert_eq!(number, lines.len() as u64);
        }
        Ok((lines, reader.foreign()))
    }

    #[test]
    fn lines_that_are_no_utf8_are_latin_and_are_counted() {
        let (found, foreign) = lines(b"\xef\xbb\xbfcaf\xc3\xa9\r\ncaf\xe9\n\nlast", 0).unwrap();
        assert_eq!(
            (found, foreign),
            (vec!["café".into(), "café".into(), String::new(), "last".into()], Foreign::Some(1))
        );
        assert_eq!(lines(b"plain\ncaf\xe9\n", 1).unwrap().1, Foreign::All);
        assert_eq!(lines(b"plain\ncaf\xc3\xa9\n", 5).unwrap().1, Foreign::Nothing);
    }

    #[test]
    fn utf16_is_read_by_its_mark_and_binary_files_are_refused() {
        let bytes: Vec<u8> = "\u{feff}ab\nc".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(lines(&bytes, 0).unwrap().0, ["ab", "c"]);
        assert!(lines(b"PK\x03\x04\0\0\0", 0).unwrap_err().to_string().contains("is not a text"));
        let late = [b"words\n".repeat(20_000), b"a\0b\n".to_vec()].concat();
        assert!(lines(&late, 0).unwrap_err().to_string().contains("line 20001: a zero byte"));
    }

    #[test]
    fn lines_are_counted_without_being_kept() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), b"a\nb\nc").unwrap();
        assert_eq!(count(file.path(), 100).unwrap(), 3);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), ahead in 0usize..5) {
            let _ = lines(&bytes, ahead);
        }
    }
}
