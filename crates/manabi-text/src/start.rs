//! What is fitted to the training texts, or read from a pre-trained encoder, before anything is trained.

use std::{collections::BTreeMap, sync::Arc};

use candle_core::Tensor;
use manabi_core::{Error, Result, data::Source};

use crate::{
    config::TextConfig,
    encoder::{BertConfig, Shape, hub, token_weights, weights},
    raw::TfIdf,
    sample::Sample,
    tokenizer::{self, Marks, Tokenizer},
};

/// Most tokens of a text that are seen where nothing else is said.
const MOST_TOKENS: usize = 128;
/// The same for encoders of others, which say more where they know.
const MOST_PRETRAINED: usize = 256;
/// Texts that a tokeniser is trained on, at most, evenly spread.
const TOKENIZER_TEXTS: usize = 500_000;
/// Texts that words are counted in.
const COUNTED: usize = 20_000;
/// Tokens of a Transformer's vocabulary, and of a table of static embeddings.
const TOKENS: (usize, usize) = (8_192, 32_768);
/// A vocabulary may have so many numbers less than the weights have rows: some are filled up to a round number.
const ROUNDED: usize = 256;

/// What was fitted.
#[derive(Debug)]
pub struct Fitted {
    /// The tokeniser.
    pub tokenizer: Tokenizer,
    /// Its marks, as batches carry them.
    pub marks: Arc<Marks>,
    /// The encoder's sizes.
    pub shape: Shape,
    /// Most tokens of a text that are seen.
    pub most: usize,
    /// Tokens of the median text, for planning.
    pub typical: usize,
    /// Weights of tokens in a new static encoder.
    pub weights: Vec<f32>,
    /// The baseline.
    pub tfidf: TfIdf,
    /// Weights that the encoder starts from.
    pub start: Option<BTreeMap<String, Tensor>>,
}

/// Up to `limit` of `rows`, evenly spread.
fn spread(rows: &[usize], limit: usize) -> impl Iterator<Item = usize> + '_ {
    let count = rows.len().min(limit);
    (0..count).map(move |i| rows[i * rows.len() / count])
}

/// Fits what `config` leaves open to the rows `train`.
///
/// # Errors
/// If there is no text to fit to, or what was pre-trained does not fit together.
pub fn fit(config: &TextConfig, source: &dyn Source<Sample>, train: &[usize]) -> Result<Fitted> {
    let texts =
        |limit: usize| spread(train, limit).filter_map(|row| Some(source.load(row).ok()?.text().ok()?.text.clone()));
    let layout = match (&config.layout, &config.init_from) {
        (_, Some(folder)) => Some(hub::read(folder)?),
        (Some(layout), None) => Some(*layout),
        (None, None) => None,
    };
    let tokenizer = match (&config.tokenizer.path, &config.init_from) {
        (Some(path), _) => Tokenizer::read(path)?,
        (None, Some(folder)) => Tokenizer::read(&folder.join(tokenizer::FILE))?,
        (None, None) => {
            let usual = if config.encoder == "static" { TOKENS.1 } else { TOKENS.0 };
            let size = config.tokenizer.size.unwrap_or(usual);
            Tokenizer::train(&config.tokenizer, size, texts(TOKENIZER_TEXTS))?
        }
    };
    let most = most_tokens(config, layout.as_ref())?;
    let shape = match layout {
        Some(layout) => {
            fits(&tokenizer, &layout)?;
            Shape::Bert(layout)
        }
        None => Shape::named(&config.encoder, tokenizer.size(), most)
            .ok_or_else(|| Error::config(format!("there is no encoder \"{}\"", config.encoder)))?,
    };
    let (mut counts, mut lengths) = (vec![0u64; tokenizer.size()], Vec::new());
    for text in texts(COUNTED) {
        let tokens = tokenizer.encode(&text, most)?;
        tokens.ids.iter().for_each(|id| counts[*id as usize] += 1);
        lengths.push(tokens.ids.len());
    }
    lengths.sort_unstable();
    let start = match (&config.init_from, &config.given, layout) {
        (Some(folder), _, Some(layout)) => Some(weights::read(folder, &layout)?),
        // A row of the report, no more: without the folder there is none.
        (None, Some(folder), Some(layout)) => weights::read(folder, &layout).ok(),
        _ => None,
    };
    Ok(Fitted {
        weights: token_weights(&counts, &tokenizer.marks().all),
        typical: lengths.get(lengths.len() / 2).copied().unwrap_or(most),
        tfidf: TfIdf::fit(texts(COUNTED), config.raw_features),
        marks: Arc::new(tokenizer.marks().clone()),
        tokenizer,
        shape,
        most,
        start,
    })
}

/// Most tokens of a text that are seen: what is asked for, what the encoder's makers say, or the usual.
fn most_tokens(config: &TextConfig, layout: Option<&BertConfig>) -> Result<usize> {
    let longest = layout.map_or(usize::MAX, BertConfig::longest);
    let said = config.init_from.as_deref().and_then(hub::max_tokens);
    let usual = if layout.is_some() { said.unwrap_or(MOST_PRETRAINED) } else { MOST_TOKENS };
    match config.max_tokens {
        Some(asked) if asked > longest => {
            Err(Error::config(format!("max_tokens = {asked}, but the encoder was made for at most {longest} tokens")))
        }
        Some(asked) => Ok(asked),
        None => Ok(usual.min(longest)),
    }
}

/// An error if numbers of the tokeniser are no rows of the encoder's table, or far from all of them.
fn fits(tokenizer: &Tokenizer, layout: &BertConfig) -> Result<()> {
    let (size, rows) = (tokenizer.size(), layout.tokens);
    if size > rows || size + ROUNDED < rows {
        return Err(Error::config(format!(
            "the tokeniser has {size} tokens, but the encoder's config.json says {rows}: they do not belong together; \
             take tokenizer.json and model.safetensors from the same model"
        )));
    }
    Ok(())
}
