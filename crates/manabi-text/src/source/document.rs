//! A file that is a row as a whole.

use manabi_core::Result;

use super::{
    corpus::{Corpus, Left, Remark},
    message,
    names::NamedFile,
    reader::Lines,
};
use crate::config::TextConfig;

/// Bytes of a header that may stand before what is kept of a document.
const HEADER: usize = 1 << 16;

/// Of a longer text, in bytes, the rest need not be read: it is cut in any case.
pub(super) fn most_bytes(config: &TextConfig) -> usize {
    4 * (config.max_chars + 1_024)
}

/// Reads the one row of `file`.
///
/// # Errors
/// If it cannot be read, or is no text.
pub(super) fn read(file: &NamedFile, config: &TextConfig, corpus: &mut Corpus) -> Result<()> {
    let mut lines = Lines::open(&file.path)?;
    let mut text = String::new();
    while text.len() < most_bytes(config) + HEADER
        && let Some((_, line)) = lines.line()?
    {
        text.push_str(&line);
        text.push('\n');
    }
    corpus.foreign(&file.id, lines.foreign());
    if text.trim().is_empty() {
        corpus.remark(Remark::Empty, &file.id);
        return Ok(());
    }
    let own = if config.strip_headers { message::body(&text) } else { text };
    if !corpus.push(file.entry(file.id.clone()), &own, None)? {
        corpus.leave(Left::Document);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use manabi_core::data::Source;

    use super::{super::dataset::TextSource, *};

    const MESSAGE: &str = "From: a@b.c\nSubject: Re: pumps\nLines: 3\n\nNew words.\n\nMore words.\n";

    fn read_text(text: &str, config: &TextConfig) -> TextSource {
        let written = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(written.path(), text).unwrap();
        let mut corpus = Corpus::new(config, 1 << 20);
        read(&NamedFile::new("sci.med/1", written.path()), config, &mut corpus).unwrap();
        corpus.finish().unwrap()
    }

    #[test]
    fn a_message_is_a_row_without_its_header() {
        let source = read_text(MESSAGE, &TextConfig::default());
        assert_eq!(source.records()[0].id, "sci.med/1");
        assert_eq!(source.load(0).unwrap().text().unwrap().text, "New words.\n\nMore words.");
        let source = read_text(MESSAGE, &TextConfig { strip_headers: false, ..TextConfig::default() });
        assert!(source.load(0).unwrap().text().unwrap().text.starts_with("From: a@b.c"));
    }

    #[test]
    fn what_is_empty_is_counted_and_what_is_long_is_cut() {
        let source = read_text("From: a\nTo: b\n\n> quoted\n", &TextConfig::default());
        assert_eq!((source.len(), source.notes()[0].as_str()), (0, "1 document is empty and is skipped"));
        assert_eq!(read_text(" \n", &TextConfig::default()).notes(), ["sci.med/1 is empty"]);
        let config = TextConfig { max_chars: 16, ..TextConfig::default() };
        let source = read_text(&"words and words\n".repeat(20_000), &config);
        assert_eq!(source.load(0).unwrap().text().unwrap().text, "words and words");
        assert_eq!(source.notes(), ["1 text is longer than 16 characters and is cut"]);
    }
}
