//! Which tokeniser.

use std::path::PathBuf;

use manabi_core::{Error, Result};
use serde::{Deserialize, Serialize};

/// How words are cut into tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Longest pieces first (BERT's): Schuster & Nakajima 2012.
    #[default]
    Wordpiece,
    /// Byte-pair encoding over bytes (GPT-2's, RoBERTa's): Sennrich et al., arXiv:1508.07909.
    Bpe,
    /// The most probable pieces: Kudo, arXiv:1804.10959.
    Unigram,
}

/// Settings of the tokeniser.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TokenizerConfig {
    /// How words are cut.
    pub kind: Kind,
    /// Tokens in the vocabulary, at most. 8 192 for Transformers and 32 768 for static embeddings if not given.
    pub size: Option<usize>,
    /// A token must occur so often.
    pub min_count: u64,
    /// Take capitals for small letters, and leave accents out (WordPiece).
    pub lowercase: bool,
    /// A `tokenizer.json` to be used instead of training one.
    pub path: Option<PathBuf>,
}

impl Default for TokenizerConfig {
    fn default() -> Self {
        Self { kind: Kind::Wordpiece, size: None, min_count: 2, lowercase: true, path: None }
    }
}

impl TokenizerConfig {
    /// An error that names the first setting that cannot be.
    pub fn validate(&self) -> Result<()> {
        if let Some(size) = self.size.filter(|size| !(8..=1_000_000).contains(size)) {
            return Err(Error::config(format!("tokenizer.size = {size} is not between 8 and 1000000")));
        }
        if self.min_count == 0 {
            return Err(Error::config("tokenizer.min_count must be at least 1, not 0"));
        }
        Ok(())
    }
}
