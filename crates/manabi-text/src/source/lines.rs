//! Files without columns: a line a row (with a label in it, or not), a paragraph a row, or passages of several lines.

use manabi_core::{Result, data::Entry};

use super::{
    corpus::{Corpus, Left, Remark},
    document,
    label::Label,
    names::NamedFile,
    reader::Lines,
};
use crate::config::{TextConfig, Unit};

/// Lines that tell what a file is.
const LOOKED_AT: usize = 1_000;
/// Characters of a passage, about.
const PASSAGE: usize = 2_000;

/// True if the lines are cut at a fixed width, and paragraphs set apart by empty ones.
fn is_wrapped(lines: &[String]) -> bool {
    let written: Vec<usize> = lines.iter().map(|l| l.trim().chars().count()).filter(|count| *count > 0).collect();
    let full = written.iter().filter(|count| (50..=80).contains(*count)).count();
    let long = written.iter().filter(|count| **count > 100).count();
    // An empty line at the end sets nothing apart.
    let ends = lines.windows(2).filter(|pair| pair[0].trim().is_empty() && !pair[1].trim().is_empty()).count();
    written.len() >= 20 && 2 * full > written.len() && 20 * long <= written.len() && 50 * ends >= written.len()
}

/// Reads the rows of `file`.
///
/// # Errors
/// If it cannot be read, or is no text.
pub(super) fn read(file: &NamedFile, config: &TextConfig, corpus: &mut Corpus) -> Result<()> {
    if file.unit == Unit::File {
        return document::read(file, config, corpus);
    }
    let mut lines = Lines::open(&file.path)?;
    let first = lines.look(LOOKED_AT)?;
    if first.is_empty() {
        corpus.remark(Remark::Empty, &file.id);
        return Ok(());
    }
    let wrapped = file.unit == Unit::Auto && is_wrapped(first);
    let paragraphs = wrapped || file.unit == Unit::Paragraph;
    let label = if paragraphs { Label::Nowhere } else { Label::of(first) };
    if wrapped {
        corpus.remark(Remark::Wrapped, &file.id);
    }
    let gather = match label {
        Label::Nowhere if paragraphs => Gather::Paragraphs(document::most_bytes(config)),
        Label::Nowhere if file.passages => Gather::Passages,
        _ => Gather::Nothing,
    };
    let mut rows = Rows { file, label, gather, corpus, gathered: String::new(), start: 1 };
    while let Some((number, line)) = lines.line()? {
        rows.line(&line, number)?;
    }
    rows.end()?;
    corpus.foreign(&file.id, lines.foreign());
    Ok(())
}

/// What of the lines is put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gather {
    /// Each is a row.
    Nothing,
    /// Those up to an empty one are; of longer ones than so many bytes the rest is not kept.
    Paragraphs(usize),
    /// As many as are a passage are.
    Passages,
}

struct Rows<'a> {
    file: &'a NamedFile,
    label: Label,
    gather: Gather,
    corpus: &'a mut Corpus,
    /// What has been put together of the row under way, and the line where it begins.
    gathered: String,
    start: u64,
}

impl Rows<'_> {
    fn line(&mut self, line: &str, number: u64) -> Result<()> {
        let empty = line.trim().is_empty();
        match self.gather {
            Gather::Nothing if empty => self.corpus.leave(Left::Line),
            Gather::Nothing => return self.row(line, number),
            Gather::Paragraphs(_) if empty => return self.end(),
            Gather::Passages if empty => {}
            Gather::Paragraphs(most) => {
                if self.gathered.len() <= most {
                    self.add(line, ' ', number);
                }
            }
            Gather::Passages => {
                self.add(line, '\n', number);
                if self.gathered.len() >= PASSAGE {
                    return self.end();
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, line: &str, between: char, number: u64) {
        if self.gathered.is_empty() {
            self.start = number;
        } else {
            self.gathered.push(between);
        }
        self.gathered.push_str(line.trim());
    }

    /// Ends the row under way.
    fn end(&mut self) -> Result<()> {
        let gathered = std::mem::take(&mut self.gathered);
        if gathered.is_empty() {
            return Ok(());
        }
        let entry = self.file.entry(self.id(self.start));
        self.push(entry, &gathered)
    }

    fn row(&mut self, line: &str, number: u64) -> Result<()> {
        let mut entry = self.file.entry(self.id(number));
        let text = match self.label.split(line) {
            Some((label, text)) => {
                let (text, more) = self.label.without_more(text);
                if more {
                    self.corpus.remark(Remark::SeveralLabels, &self.file.id);
                }
                (entry.label, entry.group) = (Some(label.to_string()), None);
                text
            }
            None => {
                if self.label != Label::Nowhere {
                    self.corpus.remark(Remark::SomeUnlabelled, &self.file.id);
                }
                line
            }
        };
        self.push(entry, text)
    }

    fn id(&self, number: u64) -> String {
        format!("{}:{number}", self.file.id)
    }

    fn push(&mut self, entry: Entry, text: &str) -> Result<()> {
        if !self.corpus.push(entry, text, None)? {
            self.corpus.leave(Left::Line);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use manabi_core::data::Source;
    use proptest::prelude::*;

    use super::{super::dataset::TextSource, *};

    fn read_text(text: &[u8], change: impl FnOnce(&mut NamedFile)) -> Result<TextSource> {
        let written = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(written.path(), text).unwrap();
        let mut file = NamedFile::new("f", written.path());
        change(&mut file);
        let mut corpus = Corpus::new(&TextConfig::default(), 1 << 20);
        read(&file, &TextConfig::default(), &mut corpus)?;
        corpus.finish()
    }

    fn texts(source: &TextSource) -> Vec<(String, String)> {
        let text = |row: usize| source.load(row).unwrap().text().unwrap().text.clone();
        source.records().iter().enumerate().map(|(row, r)| (r.id.clone(), text(row))).collect()
    }

    fn wrapped() -> String {
        let line = format!("{}\r\n", "word ".repeat(13).trim());
        (0..30).map(|i| if i % 5 == 4 { "\r\n".to_string() } else { line.clone() }).collect()
    }

    #[test]
    fn lines_are_rows_and_empty_ones_are_counted() {
        let source = read_text(b"one line\n\n  \nanother line\n", |_| {}).unwrap();
        assert_eq!(texts(&source), [("f:1".into(), "one line".into()), ("f:4".into(), "another line".into())]);
        assert_eq!(source.notes(), ["2 empty lines are skipped"]);
        assert_eq!(read_text(b"", |_| {}).unwrap().notes(), ["f is empty"]);
    }

    #[test]
    fn hard_wrapped_lines_are_put_together_to_paragraphs() {
        let source = read_text(wrapped().as_bytes(), |_| {}).unwrap();
        assert_eq!((source.len(), source.records()[1].id.as_str()), (6, "f:6"));
        assert_eq!(texts(&source)[0].1.split(' ').count(), 52);
        assert!(source.notes()[0].contains("paragraphs"), "{:?}", source.notes());
        assert_eq!(read_text(wrapped().as_bytes(), |f| f.unit = Unit::Line).unwrap().len(), 24);
        assert_eq!(read_text(b"a\nb\n\nc\n", |f| f.unit = Unit::Paragraph).unwrap().len(), 2);
        assert!(!is_wrapped(&vec!["short".to_string(); 40]));
    }

    #[test]
    fn passages_are_of_several_lines_unless_these_have_labels() {
        let text = "some words of a line\n".repeat(400);
        let source = read_text(text.as_bytes(), |f| f.passages = true).unwrap();
        let rows = texts(&source);
        assert_eq!((rows.len(), rows[1].0.as_str()), (5, "f:97"));
        assert!((2_000..2_021).contains(&rows[0].1.len()));
        let labelled = "1 some words of a line\n0 other words\n".repeat(200);
        assert_eq!(read_text(labelled.as_bytes(), |f| f.passages = true).unwrap().len(), 400);
    }

    #[test]
    fn a_line_without_a_label_among_others_is_kept() {
        let text = format!("{}no label here\n1\n__label__", "1 good film\n0 bad film\n".repeat(600));
        let source = read_text(text.as_bytes(), |f| f.group = Some("f".into())).unwrap();
        assert_eq!((source.len(), source.classes()), (1_203, &["0".to_string(), "1".into()][..]));
        assert_eq!((source.labels()[1_200], source.records()[1_200].group.as_deref()), (None, Some("f")));
        assert_eq!((source.labels()[0], source.records()[0].group.as_deref()), (Some(1), None));
        assert_eq!(source.notes(), ["f has lines without a label before them"]);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), passages in any::<bool>()) {
            let _ = read_text(&bytes, |f| f.passages = passages);
            let _ = read_text(&bytes, |f| f.unit = Unit::Paragraph);
        }
    }
}
