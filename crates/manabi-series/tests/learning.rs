//! Methods learn from generated machines: the encoder beats one with random weights on machines that it has not seen.
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
use manabi_series::{
    Series, SeriesBatch, SeriesConfig, SeriesModality,
    synthetic::{Settings, dataset},
};

/// Rows to learn from, a tenth of them labelled for the probe; the others, of other machines, are tested.
const TRAIN: usize = 1200;
const LABELLED: usize = 120;
const TEST: usize = 600;

/// Test accuracy of a linear probe on the encoder's read-outs.
fn probe(modality: &SeriesModality, source: &dyn Source<Series>, encoder: &dyn Encoder<SeriesBatch>) -> f64 {
    // Every tenth row and its five neighbours: ten machines of all classes.
    let train: Vec<usize> = (0..TRAIN).filter(|row| row % (6 * TRAIN / LABELLED) < 6).collect();
    let test: Vec<usize> = (TRAIN..TRAIN + TEST).collect();
    let labels = |rows: &[usize]| rows.iter().map(|&r| source.records()[r].label.unwrap()).collect::<Vec<u32>>();
    let features = |rows: &[usize]| embed(modality, source, encoder, rows, &mut |_| {}).unwrap();
    let probe = LinearProbe::fit_select(&features(&train), &labels(&train), None, &ProbeOptions::default()).unwrap();
    accuracy(&labels(&test), &probe.predict(&features(&test)).unwrap()).unwrap()
}

fn learns(name: &str, encoder: &str, steps: u64, margin: f64) {
    let source = dataset(&Settings { seed: 3, train: TRAIN, test: TEST, anomalies: false }).unwrap();
    let rows: Vec<usize> = (0..TRAIN).collect();
    let config = SeriesConfig { encoder: encoder.into(), ..SeriesConfig::default() };
    let modality = SeriesModality::fit(&config, &source, &rows).unwrap();
    let random = modality.encoder(&Params::new(1, &Device::Cpu)).unwrap();
    let before = probe(&modality, &source, random.as_ref());
    let config =
        TrainConfig { steps: Some(steps), batch: Some(64), monitor_every: 0, seed: 1, ..TrainConfig::default() };
    let setup = Setup::new(&modality, &source, &rows, method::find::<SeriesModality>(name).unwrap(), config);
    let mut trainer = Trainer::new(setup).unwrap();
    trainer.run(&mut Quiet).unwrap();
    let after = probe(&modality, &source, trainer.encoder());
    println!("{name} with {encoder}: {before:.3} before, {after:.3} after {steps} steps");
    assert!(after > before + margin, "{name}: {before:.3} before, {after:.3} after");
}

#[test]
fn simclr_learns_from_series() {
    learns("simclr", "resnet1d", 100, 0.03);
}

/// Patches as tokens: a Transformer needs more steps than a test has for more than this.
#[test]
fn masked_prediction_learns_from_series() {
    learns("masked", "patch", 150, 0.01);
}

#[test]
fn transformation_recognition_learns_from_series() {
    learns("transformation", "resnet1d", 40, 0.03);
}

#[test]
fn supervised_training_learns_from_series() {
    learns("supervised", "resnet1d", 100, 0.05);
}
