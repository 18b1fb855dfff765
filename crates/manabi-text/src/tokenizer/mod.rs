//! Texts to token numbers: `tokenizers`' models, trained on the corpus or read from a `tokenizer.json`.
//!
//! [`Tokenizer`] adds what an encoder needs beside the numbers: which of them are marks, which begin a word, and a short
//! way for plain English under WordPiece that gives the same numbers twenty times as fast ([`words`]).

mod config;
mod describe;
mod train;
mod words;

use std::path::Path;

use manabi_core::{Error, Result};

pub use config::{Kind, TokenizerConfig};
pub use describe::Marks;

use crate::sample::Tokens;
use describe::Description;
use words::WordCache;

/// The file that a tokeniser is kept in, beside the weights.
pub const FILE: &str = "tokenizer.json";
/// A text is cut to so many bytes a token before it is tokenised: tokens of natural language are a quarter as long.
const BYTES_A_TOKEN: usize = 24;
/// Larger files are refused.
const MAX_BYTES: u64 = 256 << 20;

/// A tokeniser.
pub struct Tokenizer {
    inner: tokenizers::Tokenizer,
    about: Description,
    words: Option<WordCache>,
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tokenizer({} tokens)", self.size())
    }
}

impl Tokenizer {
    /// Reads a `tokenizer.json`.
    ///
    /// # Errors
    /// If it cannot be read, is none, or has no marks for padding and the unknown.
    pub fn read(path: &Path) -> Result<Self> {
        let length = std::fs::metadata(path).map_err(|e| Error::io(path, e))?.len();
        if length > MAX_BYTES {
            return Err(Error::file(path, format!("{length} bytes; tokenisers of at most {MAX_BYTES} bytes are read")));
        }
        let bytes = std::fs::read(path).map_err(|e| Error::io(path, e))?;
        Self::from_json(&bytes).map_err(|reason| Error::file(path, reason))
    }

    /// From the content of a `tokenizer.json`; the error is the reason alone.
    pub fn from_json(bytes: &[u8]) -> std::result::Result<Self, String> {
        // The crate asserts some of what a damaged file says of itself.
        let parsed = std::panic::catch_unwind(|| tokenizers::Tokenizer::from_bytes(bytes))
            .map_err(|_| "is no tokenizer.json: it contradicts itself".to_string())?;
        let mut inner = parsed.map_err(|e| format!("is no tokenizer.json of the tokenizers library: {e}"))?;
        // How long texts may be and how batches are filled up is not the file's to say.
        inner.with_truncation(None).map_err(|e| e.to_string())?;
        inner.with_padding(None);
        let about = Description::of(&inner)?;
        let words = WordCache::of(bytes, &inner, &about);
        Ok(Self { inner, about, words })
    }

    /// Trains one on `texts`.
    ///
    /// # Errors
    /// If there is no word in them.
    pub fn train(config: &TokenizerConfig, size: usize, texts: impl Iterator<Item = String>) -> Result<Self> {
        let json = train::train(config, size, texts)?;
        Self::from_json(&json).map_err(|reason| Error::data(format!("the trained tokeniser {reason}")))
    }

    /// The content of its `tokenizer.json`.
    pub fn to_json(&self) -> Result<Vec<u8>> {
        let text =
            self.inner.to_string(false).map_err(|e| Error::data(format!("the tokeniser cannot be written: {e}")))?;
        Ok(text.into_bytes())
    }

    /// Tokens in the vocabulary: numbers are below this.
    pub fn size(&self) -> usize {
        self.about.begins.len()
    }

    /// The marks' numbers.
    pub fn marks(&self) -> &Marks {
        &self.about.marks
    }

    /// True if `id` begins a word; marks do.
    pub fn begins(&self, id: u32) -> bool {
        self.about.begins.get(id as usize).copied().unwrap_or(true)
    }

    /// The token of a number.
    pub fn token(&self, id: u32) -> String {
        self.inner.id_to_token(id).unwrap_or_default()
    }

    /// The numbers of `text` without marks, as many as there are.
    ///
    /// # Errors
    /// If the tokeniser's own rules fail on this text.
    pub fn ids(&self, text: &str) -> Result<Vec<u32>> {
        if let Some(words) = &self.words
            && let Some(ids) = words.ids(text)
        {
            return Ok(ids);
        }
        self.slow(text)
    }

    fn slow(&self, text: &str) -> Result<Vec<u32>> {
        let encoding = self.inner.encode_fast(text, false);
        Ok(encoding.map_err(|e| Error::data(format!("a text cannot be tokenised: {e}")))?.get_ids().to_vec())
    }

    /// The tokens of `text`, at most `most` of them with the marks before and after.
    ///
    /// # Errors
    /// As [`Tokenizer::ids`].
    pub fn encode(&self, text: &str, most: usize) -> Result<Tokens> {
        let marks = &self.about.marks;
        let room = most.saturating_sub(marks.before.len() + marks.after.len()).max(1);
        let mut ids = marks.before.clone();
        let mut found = self.ids(beginning(text, room.saturating_mul(BYTES_A_TOKEN)))?;
        found.truncate(room);
        ids.append(&mut found);
        ids.extend(&marks.after);
        let begins = ids.iter().map(|id| self.begins(*id)).collect();
        Ok(Tokens { ids, begins, dropout: None })
    }
}

/// At most `bytes` of `text`, whole characters, up to the end of a word where there is one.
fn beginning(text: &str, bytes: usize) -> &str {
    if text.len() <= bytes {
        return text;
    }
    let end = (0..=bytes).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let part = &text[..end];
    part.rfind(char::is_whitespace).map_or(part, |at| &part[..at])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXTS: [&str; 4] = [
        "The quick brown fox jumps over the lazy dog; the dog sleeps.",
        "Don't stop: it's 3.5 km to the town, isn't it?",
        "Cafés and naïve Ünïcode — 東京 tower",
        "unbelievable believers believe in unbelievably long beliefs",
    ];

    fn trained(kind: Kind, size: usize) -> Tokenizer {
        let config = TokenizerConfig { kind, ..TokenizerConfig::default() };
        let texts = (0..5).flat_map(|_| TEXTS).map(str::to_string);
        Tokenizer::train(&config, size, texts).unwrap()
    }

    #[test]
    fn every_kind_is_trained_the_same_way_twice_and_comes_back_from_its_file() {
        for kind in [Kind::Wordpiece, Kind::Bpe, Kind::Unigram] {
            let (a, b) = (trained(kind, 400), trained(kind, 400));
            let text = |t: &Tokenizer| String::from_utf8(t.to_json().unwrap()).unwrap();
            assert_eq!(text(&a), text(&b), "{kind:?}");
            let back = Tokenizer::from_json(&a.to_json().unwrap()).unwrap();
            for text in TEXTS {
                let tokens = a.encode(text, 128).unwrap();
                assert_eq!(tokens, back.encode(text, 128).unwrap());
                assert!(tokens.ids.len() > 8, "{kind:?}: {tokens:?}");
                assert!(tokens.ids.iter().all(|id| (*id as usize) < a.size()));
                let words = tokens.begins.iter().filter(|b| **b).count();
                assert!(words >= text.split_whitespace().count() && words <= tokens.ids.len(), "{kind:?}: {text}");
            }
        }
    }

    #[test]
    fn frequent_words_are_tokens_of_their_own_and_rare_ones_are_in_pieces() {
        for kind in [Kind::Wordpiece, Kind::Bpe, Kind::Unigram] {
            let tokenizer = trained(kind, 400);
            assert!(tokenizer.size() > 60, "{kind:?}: {}", tokenizer.size());
            let pieces = |text: &str| tokenizer.ids(text).unwrap().len();
            assert!(pieces("the dog") <= 4, "{kind:?}");
            // Unigram has few pieces of so few words.
            let (known, other) = (pieces("unbelievable believers"), pieces("qzxv"));
            assert!(kind == Kind::Unigram || (known < 10 && other >= 3), "{kind:?}: {known}, {other}");
        }
    }

    #[test]
    fn marks_stand_before_and_after_and_long_texts_are_cut() {
        let tokenizer = trained(Kind::Wordpiece, 300);
        let tokens = tokenizer.encode(&TEXTS[0].repeat(50), 12).unwrap();
        let marks = tokenizer.marks();
        assert_eq!((tokens.ids.len(), tokens.ids[0], tokens.ids[11]), (12, marks.before[0], marks.after[0]));
        assert_eq!(tokenizer.encode("", 12).unwrap().ids.len(), 2);
        assert!(marks.mask.is_some());
    }

    #[test]
    fn what_is_no_tokeniser_says_so() {
        assert!(Tokenizer::from_json(b"{}").unwrap_err().contains("is no tokenizer.json"));
        assert!(Tokenizer::from_json(b"\xff").is_err());
        let nothing = Tokenizer::train(&TokenizerConfig::default(), 100, std::iter::empty());
        assert!(nothing.unwrap_err().to_string().contains("no word"));
    }

    proptest! {
        #[test]
        fn the_short_way_gives_the_librarys_numbers(text in "[ -~\t\nA-Za-z .,'-]{0,60}") {
            let tokenizer = trained(Kind::Wordpiece, 300);
            prop_assert_eq!(tokenizer.ids(&text).unwrap(), tokenizer.slow(&text).unwrap());
        }

        #[test]
        fn any_text_is_tokenised(text in any::<String>(), most in 0usize..40) {
            let tokens = trained(Kind::Bpe, 300).encode(&text, most).unwrap();
            prop_assert!(tokens.ids.len() <= most.max(3) && tokens.ids.len() == tokens.begins.len());
        }
    }
}
