//! Rows on their way into a dataset: what is the same for all kinds of files (cleaning, cutting, masking, counting) is
//! done here.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use manabi_core::{
    Result,
    data::{Entry, Listing, Skipped, first_few},
};

use super::{dataset::TextSource, reader::Foreign, store::Store};
use crate::{config::TextConfig, inspect::redact, sample::Text};

/// Characters beyond the cut that are still masked, so that no number is torn apart before it is known for one.
const MARGIN: usize = 256;

/// Where the text of a row lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    /// In the store.
    pub start: u64,
    /// Bytes of the first text, and of the second where there is one.
    pub lengths: (u32, Option<u32>),
    /// Equal texts have equal ones; what differs has so only by chance.
    pub hash: u64,
}

/// The beginning of a digest of a text.
fn hash(text: &Text) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(text.text.as_bytes());
    if let Some(second) = &text.second {
        // Set apart by a byte that no text has.
        hasher.update(&[0]).update(second.as_bytes());
    }
    hasher.finalize().as_bytes().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// What can be left out without being a mistake of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// Lines without a word.
    Line,
    /// Rows of tables without a text.
    Row,
    /// Documents without a word of their own.
    Document,
    /// Pairs without a score.
    Unscored,
}

/// What is said of each kind of [`Left`], in that order, of one and of several.
const LEFT: [(&str, &str); 4] = [
    ("1 empty line is skipped", "empty lines are skipped"),
    ("1 row without a text is skipped", "rows without a text are skipped"),
    (
        "1 document is empty and is skipped",
        "documents are empty (without header, quotes and signature) and are skipped",
    ),
    ("1 pair without a score is skipped", "pairs without a score are skipped"),
];

/// What can be said of a file; all files of which it can be said share a note.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Remark {
    /// No line is UTF-8.
    Foreign,
    /// Lines of a fixed width.
    Wrapped,
    /// Nothing in it.
    Empty,
    /// A table without labels.
    Unlabelled,
    /// Some lines have no label before them.
    SomeUnlabelled,
    /// Some lines have several labels.
    SeveralLabels,
}

impl Remark {
    /// How it is said of one file and of several.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Foreign => ("is not UTF-8 and is read as Latin-1", "are not UTF-8 and are read as Latin-1"),
            Self::Wrapped => (
                "has lines of a fixed width, so that its rows are paragraphs (unit)",
                "have lines of a fixed width, so that their rows are paragraphs (unit)",
            ),
            Self::Empty => ("is empty", "are empty"),
            Self::Unlabelled => ("has no column of labels (label_column)", "have no column of labels (label_column)"),
            Self::SomeUnlabelled => ("has lines without a label before them", "have lines without a label before them"),
            Self::SeveralLabels => (
                "has lines with several labels, of which the first is taken",
                "have lines with several labels, of which the first is taken",
            ),
        }
    }
}

/// Rows that are being read.
#[derive(Debug)]
pub(super) struct Corpus {
    pub listing: Listing,
    places: Vec<Place>,
    store: Store,
    max_chars: usize,
    redact: bool,
    counts: Counts,
    /// Files of which the same is to be said.
    remarks: BTreeMap<Remark, BTreeSet<String>>,
}

/// What has been left out and cut so far.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    left: [usize; LEFT.len()],
    cut: usize,
}

/// A state of the corpus to go back to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    rows: usize,
    notes: usize,
    counts: Counts,
}

impl Corpus {
    /// Nothing yet; up to `memory` bytes of text stay in memory.
    pub fn new(config: &TextConfig, memory: u64) -> Self {
        Self {
            listing: Listing::default(),
            places: Vec::new(),
            store: Store::new(memory),
            max_chars: config.max_chars,
            redact: config.redact,
            counts: Counts::default(),
            remarks: BTreeMap::new(),
        }
    }

    /// Rows so far.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// A remark.
    pub fn note(&mut self, note: impl Into<String>) {
        self.listing.notes.push(note.into());
    }

    /// Says something of the file `id`.
    pub fn remark(&mut self, remark: Remark, id: &str) {
        self.remarks.entry(remark).or_default().insert(id.to_string());
    }

    /// A file that cannot be used.
    pub fn skip(&mut self, id: impl Into<String>, reason: impl Into<String>) {
        self.listing.skipped.push(Skipped { id: id.into(), reason: reason.into() });
    }

    /// Counts what is left out.
    pub fn leave(&mut self, what: Left) {
        self.counts.left[what as usize] += 1;
    }

    /// Remembers what of the file `id` was not UTF-8.
    pub fn foreign(&mut self, id: &str, foreign: Foreign) {
        match foreign {
            Foreign::Nothing => {}
            Foreign::All => self.remark(Remark::Foreign, id),
            Foreign::Some(1) => self.note(format!("1 line of {id} is not UTF-8 and is read as Latin-1")),
            Foreign::Some(lines) => self.note(format!("{lines} lines of {id} are not UTF-8 and are read as Latin-1")),
        }
    }

    /// The state as it is.
    pub fn mark(&self) -> Mark {
        Mark { rows: self.places.len(), notes: self.listing.notes.len(), counts: self.counts }
    }

    /// Forgets what came after `mark`: what a file had brought before it proved bad.
    pub fn back_to(&mut self, mark: Mark) {
        self.places.truncate(mark.rows);
        self.listing.entries.truncate(mark.rows);
        self.listing.notes.truncate(mark.notes);
        self.counts = mark.counts;
    }

    /// Appends a row, cleaned and cut; false if it says nothing, which the caller counts.
    ///
    /// # Errors
    /// If the temporary file cannot be written.
    pub fn push(&mut self, entry: Entry, text: &str, second: Option<&str>) -> Result<bool> {
        let first = self.cleaned(text);
        let second = second.map(|second| self.cleaned(second));
        if first.0.is_empty() || second.as_ref().is_some_and(|s| s.0.is_empty()) {
            return Ok(false);
        }
        self.counts.cut += usize::from(first.1) + usize::from(second.as_ref().is_some_and(|s| s.1));
        self.push_raw(entry, &Text { text: first.0, second: second.map(|s| s.0) })?;
        Ok(true)
    }

    /// Appends a row as it is.
    ///
    /// # Errors
    /// If the temporary file cannot be written.
    pub fn push_raw(&mut self, entry: Entry, text: &Text) -> Result<()> {
        let start = self.store.push(&text.text)?;
        if let Some(second) = &text.second {
            // Right behind the first, also where the memory was full between them.
            let at = self.store.push(second)?;
            debug_assert_eq!(at, start + text.text.len() as u64);
        }
        let length = |text: &String| u32::try_from(text.len()).unwrap_or(u32::MAX);
        let lengths = (length(&text.text), text.second.as_ref().map(length));
        self.places.push(Place { start, lengths, hash: hash(text) });
        // Of millions of rows even the names of their files would fill the memory; the ids begin with them.
        self.listing.entries.push(Entry { path: PathBuf::new(), ..entry });
        Ok(())
    }

    /// Without marks of control and white space at the ends, at most as long as may be; and whether it was cut.
    fn cleaned(&self, text: &str) -> (String, bool) {
        let text = text.trim_matches(|c: char| c.is_whitespace() || c.is_control() || c == '\u{feff}');
        let kept = first_chars(text, self.max_chars + MARGIN);
        let mut clean = String::with_capacity(kept.len());
        clean.extend(kept.chars().map(|c| if c.is_control() && c != '\n' && c != '\t' { ' ' } else { c }));
        if self.redact {
            clean = redact(&clean).into_owned();
        }
        let end = first_chars(&clean, self.max_chars).trim_end().len();
        let cut = first_chars(text, self.max_chars).len() < text.len();
        clean.truncate(end);
        (clean, cut)
    }

    /// The dataset, with remarks on what was left out and cut.
    ///
    /// # Errors
    /// If the temporary file cannot be written.
    pub fn finish(mut self) -> Result<TextSource> {
        for (remark, files) in std::mem::take(&mut self.remarks) {
            let (files, (one, several)) = (Vec::from_iter(files), remark.words());
            match files.as_slice() {
                [file] => self.note(format!("{file} {one}")),
                files => self.note(format!("{} files {several}: {}", files.len(), first_few(files))),
            }
        }
        for (count, (one, several)) in self.counts.left.into_iter().zip(LEFT) {
            match count {
                0 => {}
                1 => self.note(one),
                count => self.note(format!("{count} {several}")),
            }
        }
        match self.counts.cut {
            0 => {}
            1 => self.note(format!("1 text is longer than {} characters and is cut", self.max_chars)),
            cut => self.note(format!("{cut} texts are longer than {} characters and are cut", self.max_chars)),
        }
        if self.redact {
            self.note("e-mail addresses, phone and card numbers and the like are masked");
        }
        if self.store.spilled() > 0 {
            self.note(format!("{} MiB of text lie in a temporary file", self.store.spilled().div_ceil(1 << 20)));
        }
        Ok(TextSource::new(self.listing, self.places, self.store.finish()?))
    }
}

/// The first `count` characters.
fn first_chars(text: &str, count: usize) -> &str {
    if text.len() <= count {
        return text;
    }
    text.char_indices().nth(count).map_or(text, |(at, _)| &text[..at])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn corpus(max_chars: usize, redact: bool) -> Corpus {
        Corpus::new(&TextConfig { max_chars, redact, ..TextConfig::default() }, 1 << 20)
    }

    #[test]
    fn texts_are_cleaned_and_cut_at_characters() {
        let corpus = corpus(16, false);
        assert_eq!(corpus.cleaned(" a\u{1}b\tc\n\u{feff}"), ("a b\tc".into(), false));
        assert_eq!(corpus.cleaned(&"é".repeat(20)), ("é".repeat(16), true));
        assert_eq!(corpus.cleaned("\u{0} \n"), (String::new(), false));
    }

    #[test]
    fn what_is_cut_is_masked_first() {
        let text = "words, words jo@example.org and so on";
        assert_eq!(corpus(18, true).cleaned(text).0, "words, words [EMAI");
        assert!(!corpus(18, true).cleaned(text).0.contains("jo@"));
    }

    #[test]
    fn what_a_bad_file_brought_is_forgotten() {
        let mut corpus = corpus(100, false);
        assert!(corpus.push(Entry::new("a", "a"), "words", None).unwrap());
        let mark = corpus.mark();
        assert!(corpus.push(Entry::new("b", "b"), "other words", None).unwrap());
        assert!(!corpus.push(Entry::new("c", "c"), "one", Some(" ")).unwrap());
        corpus.leave(Left::Line);
        corpus.note("of the bad file");
        corpus.back_to(mark);
        corpus.leave(Left::Unscored);
        let source = corpus.finish().unwrap();
        assert_eq!(manabi_core::data::Source::notes(&source), ["1 pair without a score is skipped"]);
        assert_eq!(manabi_core::data::Source::len(&source), 1);
    }
}
