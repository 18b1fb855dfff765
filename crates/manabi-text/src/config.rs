//! The settings of text.

use std::path::PathBuf;

use manabi_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::{encoder, encoder::BertConfig, tokenizer::TokenizerConfig};

/// What a row of a text file without columns is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Lines; files of a folder of documents whole; paragraphs where most lines are cut at a fixed width.
    #[default]
    Auto,
    /// Each line that is not empty.
    Line,
    /// Lines up to an empty one.
    Paragraph,
    /// The whole file.
    File,
}

/// Settings of text. What is not given is taken from the data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TextConfig {
    /// What a row is, in files without columns.
    pub unit: Unit,
    /// Name of the column of texts; `text`, `sentence`, `content`, `body`, `review` or `title` if not given.
    pub text_column: Option<String>,
    /// Name of the column of the second text of a pair.
    pub second_column: Option<String>,
    /// Name of the column of labels; `label`, `class`, `category` or `target` if not given.
    pub label_column: Option<String>,
    /// Name of the column of scores of pairs.
    pub score_column: Option<String>,
    /// Name of the column of groups.
    pub group_column: Option<String>,
    /// Leave out the header of messages (news, mail), which names what the class is.
    pub strip_headers: bool,
    /// Put marks in the place of e-mail addresses, phone and card numbers and the like before anything else sees a text.
    pub redact: bool,
    /// Longer texts are cut, in characters.
    pub max_chars: usize,
    /// Most tokens of a text that an encoder sees; what comes after is left out. 128 if not given.
    pub max_tokens: Option<usize>,
    /// Name of the encoder; `pretrained` with `init_from`.
    pub encoder: String,
    /// Share of the words that a strong view leaves out; a half for static embeddings, whose views would else be equal,
    /// none for Transformers, whose views differ by dropout (SimCSE).
    pub delete: Option<f32>,
    /// How a tokeniser is trained, or where one lies.
    pub tokenizer: TokenizerConfig,
    /// A folder with a pre-trained encoder (`config.json`, `model.safetensors`, `tokenizer.json`) to start from.
    pub init_from: Option<PathBuf>,
    /// Where the weights were read from before they were trained on, for the report's row of the encoder as it was given.
    pub given: Option<PathBuf>,
    /// Sizes of the encoder, where they were read from a pre-trained one.
    pub layout: Option<BertConfig>,
    /// Largest number of words and pairs of words that the tf-idf baseline counts.
    pub raw_features: usize,
}

impl Default for TextConfig {
    fn default() -> Self {
        Self {
            unit: Unit::Auto,
            text_column: None,
            second_column: None,
            label_column: None,
            score_column: None,
            group_column: None,
            strip_headers: true,
            redact: false,
            max_chars: 20_000,
            max_tokens: None,
            encoder: "static".into(),
            delete: None,
            tokenizer: TokenizerConfig::default(),
            init_from: None,
            given: None,
            layout: None,
            raw_features: 8192,
        }
    }
}

impl TextConfig {
    /// True if the encoder did not start from chance.
    pub fn continues(&self) -> bool {
        self.init_from.is_some() || self.given.is_some()
    }

    /// An error that names the first setting that cannot be.
    pub fn validate(&self) -> Result<()> {
        let fail = |message: String| Err(Error::config(message));
        if !encoder::NAMES.contains(&self.encoder.as_str()) {
            return fail(format!("there is no encoder \"{}\"; known: {}", self.encoder, encoder::NAMES.join(", ")));
        }
        if !(16..=10_000_000).contains(&self.max_chars) {
            return fail(format!("max_chars = {} is not between 16 and 10000000", self.max_chars));
        }
        if let Some(most) = self.max_tokens.filter(|most| !(4..=4_096).contains(most)) {
            return fail(format!("max_tokens = {most} is not between 4 and 4096"));
        }
        if let Some(share) = self.delete.filter(|share| !(0.0..=0.9).contains(share)) {
            return fail(format!("delete = {share} is not between 0 and 0.9"));
        }
        if self.encoder == "pretrained" && self.init_from.is_none() && self.layout.is_none() {
            return fail("the encoder \"pretrained\" needs a folder to start from: --init-from DIR".into());
        }
        if !(16..=65_536).contains(&self.raw_features) {
            return fail(format!("raw_features = {} is not between 16 and 65536", self.raw_features));
        }
        self.tokenizer.validate()
    }
}
