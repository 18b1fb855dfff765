//! Methods learn from generated sounds: the encoder beats one with random weights.
#![allow(clippy::unwrap_used, missing_docs)]

use candle_core::{Device, Tensor};
use manabi_audio::{
    AudioConfig, AudioModality, Clip,
    synthetic::{Settings, dataset},
};
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

/// Clips to learn from; the first `LABELLED` are labelled for the probe, the others are tested.
const TRAIN: usize = 800;
const LABELLED: usize = 160;
const TEST: usize = 400;

/// Test accuracy of a linear probe on the encoder's read-outs.
fn probe(modality: &AudioModality, source: &dyn Source<Clip>, encoder: &dyn Encoder<Tensor>) -> f64 {
    let train: Vec<usize> = (0..LABELLED).collect();
    let test: Vec<usize> = (TRAIN..TRAIN + TEST).collect();
    let labels = |rows: &[usize]| rows.iter().map(|&r| source.records()[r].label.unwrap()).collect::<Vec<u32>>();
    let features = |rows: &[usize]| embed(modality, source, encoder, rows, &mut |_| {}).unwrap();
    let probe = LinearProbe::fit_select(&features(&train), &labels(&train), None, &ProbeOptions::default()).unwrap();
    accuracy(&labels(&test), &probe.predict(&features(&test)).unwrap()).unwrap()
}

/// The probe on a random encoder, and on one that `steps` steps of the method have trained.
fn before_and_after(name: &str, encoder: &str, steps: u64) -> (f64, f64) {
    let source = dataset(&Settings { seed: 3, train: TRAIN, test: TEST }).unwrap();
    let rows: Vec<usize> = (0..TRAIN).collect();
    let config = AudioConfig { encoder: encoder.into(), ..AudioConfig::default() };
    let modality = AudioModality::fit(&config, &source, &rows).unwrap();
    let random = modality.encoder(&Params::new(1, &Device::Cpu)).unwrap();
    let before = probe(&modality, &source, random.as_ref());
    let config =
        TrainConfig { steps: Some(steps), batch: Some(64), monitor_every: 0, seed: 1, ..TrainConfig::default() };
    let setup = Setup::new(&modality, &source, &rows, method::find::<AudioModality>(name).unwrap(), config);
    let mut trainer = Trainer::new(setup).unwrap();
    trainer.run(&mut Quiet).unwrap();
    let after = probe(&modality, &source, trainer.encoder());
    println!("{name} with {encoder}: {before:.3} before, {after:.3} after {steps} steps");
    (before, after)
}

fn learns(name: &str, encoder: &str, steps: u64, margin: f64) {
    let (before, after) = before_and_after(name, encoder, steps);
    assert!(after > before + margin, "{name}: {before:.3} before, {after:.3} after");
}

#[test]
fn simclr_learns_from_sounds() {
    learns("simclr", "small", 150, 0.05);
}

#[test]
fn byol_learns_from_sounds() {
    learns("byol", "small", 300, 0.03);
}

#[test]
fn transformation_prediction_learns_from_sounds() {
    learns("transformation", "small", 60, 0.02);
}

#[test]
fn masked_prediction_learns_from_sounds() {
    learns("masked", "vit-tiny", 150, 0.02);
}

#[test]
fn supervised_training_learns_from_sounds() {
    learns("supervised", "small", 100, 0.10);
}
