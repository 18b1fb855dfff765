//! Methods learn from generated texts: the encoder beats one with random weights on texts that it has not seen.
#![allow(clippy::unwrap_used, missing_docs)]

use candle_core::Device;
use manabi_core::{
    data::Source,
    encoder::Encoder,
    eval::{
        embed,
        linear::{LinearProbe, ProbeOptions},
        metrics::accuracy,
    },
    method,
    modality::Modality,
    nn::Params,
    train::{Quiet, Setup, TrainConfig, Trainer},
};
use manabi_text::{
    Sample, TextBatch, TextConfig, TextModality,
    synthetic::{Settings, dataset},
};

/// Rows to learn from, few of them labelled for the probe; the others are tested.
const TRAIN: usize = 1500;
const LABELLED: usize = 50;
const TEST: usize = 500;

/// Test accuracy of a linear probe on the encoder's read-outs.
fn probe(modality: &TextModality, source: &dyn Source<Sample>, encoder: &dyn Encoder<TextBatch>) -> f64 {
    let train: Vec<usize> = (0..LABELLED).collect();
    let test: Vec<usize> = (TRAIN..TRAIN + TEST).collect();
    let labels = |rows: &[usize]| rows.iter().map(|&r| source.records()[r].label.unwrap()).collect::<Vec<u32>>();
    let features = |rows: &[usize]| embed(modality, source, encoder, rows, &mut |_| {}).unwrap();
    let probe = LinearProbe::fit_select(&features(&train), &labels(&train), None, &ProbeOptions::default()).unwrap();
    accuracy(&labels(&test), &probe.predict(&features(&test)).unwrap()).unwrap()
}

fn learns(name: &str, encoder: &str, steps: u64, margin: f64) {
    let source = dataset(&Settings { texts: TRAIN + TEST, ..Settings::default() }).unwrap();
    let rows: Vec<usize> = (0..TRAIN).collect();
    let config = TextConfig { encoder: encoder.into(), max_tokens: Some(48), ..TextConfig::default() };
    let modality = TextModality::fit(&config, &source, &rows).unwrap();
    let random = modality.encoder(&Params::new(1, &Device::Cpu)).unwrap();
    let before = probe(&modality, &source, random.as_ref());
    let config = TrainConfig { steps: Some(steps), monitor_every: 0, seed: 1, ..TrainConfig::default() };
    let setup = Setup::new(&modality, &source, &rows, method::find::<TextModality>(name).unwrap(), config);
    let mut trainer = Trainer::new(setup).unwrap();
    trainer.run(&mut Quiet).unwrap();
    let after = probe(&modality, &source, trainer.encoder());
    println!("{name} with {encoder}: {before:.3} before, {after:.3} after {steps} steps");
    assert!(after > before + margin, "{name}: {before:.3} before, {after:.3} after");
}

#[test]
fn skip_gram_learns_from_texts() {
    learns("skip-gram", "static", 120, 0.1);
}

#[test]
fn vicreg_learns_static_embeddings_from_texts() {
    learns("vicreg", "static", 100, 0.05);
}

#[test]
fn replaced_token_detection_learns_from_texts() {
    learns("electra", "bert-mini", 200, 0.05);
}
