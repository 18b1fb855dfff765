//! The short way for plain English under BERT's rules: words are cut at spaces and punctuation, and each word's numbers
//! are remembered.
//!
//! It is taken where the tokeniser is a WordPiece with BERT's normaliser and pre-tokeniser, for texts of ASCII alone
//! without a bracket (which could begin a mark), and gives the library's numbers: a test holds it to them.

use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock},
};

use super::describe::Description;

/// Words that are remembered, at most.
const MOST_WORDS: usize = 1 << 18;
/// Longer words are unknown to BERT's tokeniser.
const LONGEST: usize = 100;

/// The numbers of words.
pub(super) struct WordCache {
    vocabulary: HashMap<String, u32>,
    lowercase: bool,
    unknown: u32,
    longest: usize,
    known: RwLock<HashMap<Box<str>, Box<[u32]>>>,
}

/// Calls `word` with each word of a text of ASCII: runs of what is neither space nor punctuation, and each mark of
/// punctuation alone; control characters are left out.
pub(super) fn split_plain<'a>(text: &'a str, mut word: impl FnMut(&'a str)) {
    let bytes = text.as_bytes();
    let mut start = None;
    for (at, byte) in bytes.iter().enumerate() {
        let (space, mark) = (byte.is_ascii_whitespace() || *byte == 0x0b, byte.is_ascii_punctuation());
        if !space && !mark {
            start.get_or_insert(at);
            continue;
        }
        if let Some(from) = start.take() {
            word(&text[from..at]);
        }
        if mark {
            word(&text[at..=at]);
        }
    }
    if let Some(from) = start {
        word(&text[from..]);
    }
}

/// True if [`split_plain`] says what BERT's rules say of `text`.
pub(super) fn is_plain(text: &str) -> bool {
    text.bytes().all(|b| matches!(b, b'\t' | b'\n' | b'\r' | 0x20..=0x7e))
}

impl WordCache {
    /// For the tokeniser with this file, if the short way is right for it.
    pub fn of(json: &[u8], inner: &tokenizers::Tokenizer, about: &Description) -> Option<Self> {
        let file: serde_json::Value = serde_json::from_slice(json).ok()?;
        let text = |path: &str| file.pointer(path).and_then(|v| v.as_str());
        let yes = |path: &str| file.pointer(path).and_then(serde_json::Value::as_bool);
        let bert = text("/normalizer/type") == Some("BertNormalizer")
            && text("/pre_tokenizer/type") == Some("BertPreTokenizer")
            && text("/model/continuing_subword_prefix") == Some("##")
            && file.pointer("/model/merges").is_none()
            && yes("/normalizer/clean_text") == Some(true);
        // Other words that are no marks could stand in any text.
        let added = inner.get_added_tokens_decoder();
        if !bert || added.iter().any(|(id, token)| !about.marks.is(*id) || !token.content.starts_with(['[', '<'])) {
            return None;
        }
        let unknown = inner.token_to_id(text("/model/unk_token")?)?;
        let longest = file.pointer("/model/max_input_chars_per_word").and_then(serde_json::Value::as_u64);
        Some(Self {
            vocabulary: inner.get_vocab(false),
            lowercase: yes("/normalizer/lowercase") == Some(true),
            unknown,
            longest: longest.and_then(|n| usize::try_from(n).ok()).unwrap_or(LONGEST),
            known: RwLock::default(),
        })
    }

    /// The numbers of `text`; `None` where the long way must be gone.
    pub fn ids(&self, text: &str) -> Option<Vec<u32>> {
        if !is_plain(text) || text.contains(['[', '<']) {
            return None;
        }
        let lower;
        let text = if self.lowercase && text.bytes().any(|b| b.is_ascii_uppercase()) {
            lower = text.to_ascii_lowercase();
            &lower
        } else {
            text
        };
        let mut ids = Vec::with_capacity(text.len() / 4 + 2);
        let mut missing: Vec<(usize, &str)> = Vec::new();
        {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            split_plain(text, |word| match known.get(word) {
                Some(found) => ids.extend_from_slice(found),
                None => missing.push((ids.len(), word)),
            });
        }
        if missing.is_empty() {
            return Some(ids);
        }
        // The new words between the old ones.
        let mut all = Vec::with_capacity(ids.len() + 4 * missing.len());
        let mut done = 0;
        let mut learnt = Vec::with_capacity(missing.len());
        for (at, word) in missing {
            all.extend_from_slice(&ids[done..at]);
            done = at;
            let pieces = self.pieces(word);
            all.extend_from_slice(&pieces);
            learnt.push((word, pieces));
        }
        all.extend_from_slice(&ids[done..]);
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() < MOST_WORDS {
            known.extend(learnt.into_iter().map(|(word, pieces)| (word.into(), pieces.into())));
        }
        Some(all)
    }

    /// WordPiece: the longest piece that the rest of the word begins with, again and again.
    fn pieces(&self, word: &str) -> Vec<u32> {
        if word.len() > self.longest {
            return vec![self.unknown];
        }
        let mut pieces = Vec::new();
        let mut key = String::with_capacity(word.len() + 2);
        let mut start = 0;
        while start < word.len() {
            let found = (start + 1..=word.len()).rev().find_map(|end| {
                key.clear();
                key.push_str(if start > 0 { "##" } else { "" });
                key.push_str(&word[start..end]);
                self.vocabulary.get(key.as_str()).map(|id| (end, *id))
            });
            let Some((end, id)) = found else { return vec![self.unknown] };
            pieces.push(id);
            start = end;
        }
        pieces
    }
}
