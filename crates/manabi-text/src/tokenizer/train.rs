//! Tokenisers trained on a corpus, as the content of their `tokenizer.json`.
//!
//! The library's trainers walk hash maps whose order is another one in each process. So words are counted here, letters are
//! given to the trainer beforehand and Unigram's words in order: the same texts give the same file.

use std::collections::BTreeMap;

use manabi_core::{Error, Result};
use serde_json::{Value, json};
use tokenizers::{
    AddedToken, NormalizedString, Normalizer, OffsetReferential, OffsetType, PreTokenizedString, PreTokenizer,
    models::{bpe::BPE, bpe::BpeTrainer, unigram::Unigram, unigram::UnigramTrainer},
    normalizers::BertNormalizer,
    pre_tokenizers::{bert::BertPreTokenizer, byte_level::ByteLevel, metaspace::Metaspace},
};

use super::{Kind, TokenizerConfig, words};

/// The marks, in BERT's order.
const MARKS: [&str; 5] = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
/// Letters beyond so many, the rarest ones, are unknown.
const ALPHABET: usize = 1_000;
/// Bytes of text that are looked at.
const MOST_BYTES: usize = 64 << 20;

fn broken(error: impl std::fmt::Display) -> Error {
    Error::data(format!("the tokeniser cannot be trained: {error}"))
}

/// The file of a tokeniser of at most `size` tokens.
///
/// # Errors
/// If there is no word in `texts`.
pub(super) fn train(config: &TokenizerConfig, size: usize, texts: impl Iterator<Item = String>) -> Result<Vec<u8>> {
    let counts = count(config, texts)?;
    if counts.is_empty() {
        return Err(Error::data("there is no word in the training texts to make a tokeniser of"));
    }
    let model = match config.kind {
        Kind::Wordpiece => wordpiece(&counts, size, config.min_count)?,
        Kind::Bpe => bpe(&counts, size, config.min_count)?,
        Kind::Unigram => unigram(&counts, size)?,
    };
    let file = file(config, model);
    serde_json::to_vec(&file).map_err(broken)
}

/// How often each word occurs.
fn count(config: &TokenizerConfig, texts: impl Iterator<Item = String>) -> Result<BTreeMap<String, u64>> {
    let normalizer = BertNormalizer::new(true, true, None, config.lowercase);
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    let mut add = |word: &str| match counts.get_mut(word) {
        Some(count) => *count += 1,
        None => {
            counts.insert(word.to_string(), 1);
        }
    };
    let mut bytes = 0;
    for text in texts {
        if config.kind == Kind::Wordpiece && words::is_plain(&text) {
            let text = if config.lowercase { text.to_ascii_lowercase() } else { text.clone() };
            words::split_plain(&text, &mut add);
        } else {
            let mut pieces = PreTokenizedString::from(text.as_str());
            match config.kind {
                Kind::Wordpiece => {
                    let mut normal = NormalizedString::from(text.as_str());
                    normalizer.normalize(&mut normal).map_err(broken)?;
                    pieces = PreTokenizedString::from(normal.get());
                    BertPreTokenizer.pre_tokenize(&mut pieces).map_err(broken)?;
                }
                Kind::Bpe => ByteLevel::new(true, true, true).pre_tokenize(&mut pieces).map_err(broken)?,
                Kind::Unigram => Metaspace::default().pre_tokenize(&mut pieces).map_err(broken)?,
            }
            let splits = pieces.get_splits(OffsetReferential::Normalized, OffsetType::Byte);
            splits.into_iter().for_each(|(word, ..)| add(word));
        }
        bytes += text.len();
        if bytes > MOST_BYTES {
            break;
        }
    }
    Ok(counts)
}

/// The letters that are common enough, in order.
fn alphabet(counts: &BTreeMap<String, u64>) -> Vec<char> {
    let mut letters: BTreeMap<char, u64> = BTreeMap::new();
    for (word, count) in counts {
        word.chars().for_each(|c| *letters.entry(c).or_default() += count);
    }
    let mut letters: Vec<(char, u64)> = letters.into_iter().collect();
    letters.sort_by_key(|(c, count)| (std::cmp::Reverse(*count), *c));
    letters.truncate(ALPHABET);
    let mut letters: Vec<char> = letters.into_iter().map(|(c, _)| c).collect();
    letters.sort_unstable();
    letters
}

/// The words that are made of `letters` alone.
fn whole<'a>(counts: &'a BTreeMap<String, u64>, letters: &'a [char]) -> impl Iterator<Item = (&'a str, u64)> {
    let known = |word: &str| word.chars().all(|c| letters.binary_search(&c).is_ok());
    counts.iter().map(|(word, count)| (word.as_str(), *count)).filter(move |(word, _)| known(word))
}

fn added(tokens: impl IntoIterator<Item = String>) -> Vec<AddedToken> {
    tokens.into_iter().map(|token| AddedToken::from(token, true)).collect()
}

fn wordpiece(counts: &BTreeMap<String, u64>, size: usize, least: u64) -> Result<Value> {
    let letters = alphabet(counts);
    // Letters inside of words are tokens of their own, whose numbers would else depend on a hash map's order.
    let inner: std::collections::BTreeSet<char> = counts.keys().flat_map(|word| word.chars().skip(1)).collect();
    let inner = inner.into_iter().filter(|c| letters.binary_search(c).is_ok()).map(|c| format!("##{c}"));
    let first = MARKS.iter().map(|m| (*m).to_string()).chain(letters.iter().map(char::to_string)).chain(inner);
    let trainer = BpeTrainer::builder()
        .show_progress(false)
        .vocab_size(size)
        .min_frequency(least)
        .continuing_subword_prefix("##".into())
        .special_tokens(added(first))
        .build();
    let mut model = BPE::default();
    let words = whole(counts, &letters).map(|(word, count)| (word.into(), count)).collect();
    trainer.do_train(&words, &mut model).map_err(broken)?;
    let vocabulary: BTreeMap<String, u32> = model.get_vocab().into_iter().collect();
    Ok(json!({
        "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
        "max_input_chars_per_word": 100, "vocab": vocabulary,
    }))
}

fn bpe(counts: &BTreeMap<String, u64>, size: usize, least: u64) -> Result<Value> {
    let bytes: std::collections::BTreeSet<char> = ByteLevel::alphabet().into_iter().collect();
    let letters: Vec<char> = bytes.iter().copied().collect();
    let first = MARKS.iter().map(|m| (*m).to_string()).chain(letters.iter().map(char::to_string));
    let trainer = BpeTrainer::builder()
        .show_progress(false)
        .vocab_size(size)
        .min_frequency(least)
        .special_tokens(added(first))
        .build();
    let mut model = BPE::default();
    let words = whole(counts, &letters).map(|(word, count)| (word.into(), count)).collect();
    trainer.do_train(&words, &mut model).map_err(broken)?;
    let mut model = serde_json::to_value(&model).map_err(broken)?;
    // In the order of their names, as the file of a WordPiece has it.
    let vocabulary: BTreeMap<String, Value> = match model.get("vocab").and_then(Value::as_object) {
        Some(found) => found.iter().map(|(token, id)| (token.clone(), id.clone())).collect(),
        None => return Err(broken("its model has no vocabulary")),
    };
    model["vocab"] = json!(vocabulary);
    Ok(model)
}

fn unigram(counts: &BTreeMap<String, u64>, size: usize) -> Result<Value> {
    let letters = alphabet(counts);
    let mut trainer = UnigramTrainer::default();
    trainer.show_progress = false;
    // Every letter is a token.
    trainer.vocab_size = u32::try_from(size.max(letters.len() + MARKS.len() + 1)).map_err(broken)?;
    trainer.special_tokens = added(MARKS.iter().map(|m| (*m).to_string()));
    trainer.unk_token = Some(MARKS[1].into());
    let mut model = Unigram::default();
    let count = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
    let words = whole(counts, &letters).map(|(word, n)| (word.to_string(), count(n))).collect();
    trainer.do_train(words, &mut model).map_err(broken)?;
    let mut model = serde_json::to_value(&model).map_err(broken)?;
    let Some(pieces) = model.get_mut("vocab").and_then(Value::as_array_mut) else {
        return Err(broken("its model has no vocabulary"));
    };
    // Pieces of equal probability come in the order of a hash map; and sums over it differ in their last bits.
    for piece in pieces.iter_mut() {
        if let Some(score) = piece.get(1).and_then(Value::as_f64) {
            piece[1] = json!((score * 1e6).round() / 1e6);
        }
    }
    let mut rest = pieces.split_off(MARKS.len().min(pieces.len()));
    order_letters(&mut rest);
    let key = |v: &Value| (v[1].as_f64().unwrap_or(0.0), v[0].as_str().unwrap_or("").to_string());
    rest.sort_by(|a, b| {
        let (a, b) = (key(a), key(b));
        b.0.total_cmp(&a.0).then(a.1.cmp(&b.1))
    });
    pieces.append(&mut rest);
    Ok(model)
}

/// Letters that are no piece for their own sake come with scores below all pieces, in the order of a hash map: the same
/// scores, in the order of the letters.
fn order_letters(pieces: &mut [Value]) {
    let score = |v: &Value| v[1].as_f64().unwrap_or(0.0);
    let letter = |v: &Value| v[0].as_str().is_some_and(|piece| piece.chars().nth(1).is_none());
    let lowest = pieces.iter().filter(|v| !letter(v)).map(score).fold(f64::INFINITY, f64::min);
    let mut last: Vec<&mut Value> =
        pieces.iter_mut().filter(|v| letter(v) && lowest.is_finite() && score(v) < lowest).collect();
    let mut scores: Vec<f64> = last.iter().map(|v| score(v)).collect();
    scores.sort_by(|a, b| b.total_cmp(a));
    last.sort_by_key(|v| v[0].as_str().unwrap_or("").to_string());
    last.iter_mut().zip(scores).for_each(|(v, score)| v[1] = json!(score));
}

/// The whole file around a model.
fn file(config: &TokenizerConfig, model: Value) -> Value {
    let marks: Vec<Value> = MARKS
        .iter()
        .enumerate()
        .map(|(id, content)| {
            json!({
                "id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
                "normalized": false, "special": true,
            })
        })
        .collect();
    let mark = |id: &str| json!({ "SpecialToken": { "id": id, "type_id": 0 } });
    let text = |id: &str| json!({ "Sequence": { "id": id, "type_id": 0 } });
    let named = |id: usize| json!({ "id": MARKS[id], "ids": [id], "tokens": [MARKS[id]] });
    let (normalizer, pre_tokenizer, decoder) = match config.kind {
        Kind::Wordpiece => (
            json!({
                "type": "BertNormalizer", "clean_text": true, "handle_chinese_chars": true, "strip_accents": null,
                "lowercase": config.lowercase,
            }),
            json!({ "type": "BertPreTokenizer" }),
            json!({ "type": "WordPiece", "prefix": "##", "cleanup": true }),
        ),
        Kind::Bpe => {
            let byte_level = json!({
                "type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true,
            });
            (Value::Null, byte_level.clone(), byte_level)
        }
        Kind::Unigram => {
            let space = json!({ "type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true });
            (Value::Null, space.clone(), space)
        }
    };
    json!({
        "version": "1.0",
        "truncation": null,
        "padding": null,
        "added_tokens": marks,
        "normalizer": normalizer,
        "pre_tokenizer": pre_tokenizer,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [mark("[CLS]"), text("A"), mark("[SEP]")],
            "pair": [mark("[CLS]"), text("A"), mark("[SEP]"), text("B"), mark("[SEP]")],
            "special_tokens": { "[CLS]": named(2), "[SEP]": named(3) },
        },
        "decoder": decoder,
        "model": model,
    })
}
