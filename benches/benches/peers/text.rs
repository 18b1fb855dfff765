//! Texts of unequal lengths, those of `benches/peers/text.py`: a step of masked language modelling as `manabi pretrain` runs
//! it, and embeddings of a model of MiniLM's size.

use std::sync::Arc;

use candle_core::Device;
use manabi::{
    core::{
        encoder::{Encoder, EncoderFactory, Mode},
        method::{BuildContext, DatasetFacts, Overrides, Step},
        nn::Params,
        optim::{Gradients, Groups, Optimizer, OptimizerConfig},
    },
    text::{
        TextBatch,
        encoder::{Bert, BertConfig, Pooling},
        method::mlm,
        tokenizer::Marks,
    },
};

use crate::Run;

/// The case of this name.
pub fn case(name: &str) -> Option<Run> {
    match name {
        "text/mlm-step" => Some(step()),
        "text/minilm-embed" => Some(embed()),
        _ => None,
    }
}

/// Tokens of each text: 20 to 83, 52 as a mean, as the other side has them.
fn lengths(count: usize) -> Vec<usize> {
    (0..count).map(|i| 20 + (64.0 * (i as f64 * 0.618_033_988_7).fract()) as usize).collect()
}

fn batch(lengths: &[usize], tokens: u32) -> TextBatch {
    let total = lengths.iter().sum();
    let marks = Marks { mask: Some(4), all: (0..5).collect(), ..Marks::default() };
    TextBatch {
        ids: (0..total as u32).map(|i| 5 + i.wrapping_mul(2_654_435_761) % (tokens - 5)).collect(),
        lengths: lengths.to_vec(),
        begins: vec![true; total],
        dropout: Vec::new(),
        marks: Arc::new(marks),
        device: Device::Cpu,
    }
}

fn step() -> Run {
    let config = BertConfig { positions: 512, ..BertConfig::scratch(8192, 512, 4, 256, 4) };
    let params = Params::new(0, &Device::Cpu);
    let student = params.pp("encoder");
    let encoder = Bert::new(&student, config).unwrap();
    let factory: EncoderFactory<TextBatch> = Arc::new(move |params| Ok(Box::new(Bert::new(params, config)?)));
    let facts = DatasetFacts { samples: 64, classes: 0, transformations: 0, batch: 64, steps: 100, dim: 256 };
    let entry = mlm::entry();
    let overrides = Overrides::default();
    let context = BuildContext {
        name: entry.name,
        tasks: &[],
        heads: &params.pp("head"),
        encoder: &encoder,
        student: &student,
        factory: &factory,
        facts,
        overrides: &overrides,
    };
    let mut method = (entry.build)(&context).unwrap();
    let batch = batch(&lengths(64), 8192);
    let adamw = OptimizerConfig::Adamw { lr: 1e-3, beta1: 0.9, beta2: 0.98, eps: 1e-8, weight_decay: 1e-2 };
    let mut optimizer = Optimizer::new(adamw, &params, &Groups::default()).unwrap();
    Box::new(move || {
        let samples: Vec<usize> = (0..64).collect();
        let step = Step { index: 1, total: 100, epoch: 0, seed: 0, samples: &samples, labels: &[] };
        let loss = method.loss(&encoder, std::slice::from_ref(&batch), &step).unwrap();
        let mut store = loss.value.backward().unwrap();
        let gradients = Gradients::collect(&params.trainable(), &mut store).unwrap();
        optimizer.step(&gradients, 1.0).unwrap();
    })
}

fn embed() -> Run {
    let config = BertConfig {
        intermediate: 1536,
        pooling: Pooling::Mean,
        normalize: true,
        ..BertConfig::scratch(30_522, 512, 6, 384, 12)
    };
    let encoder = Bert::new(&Params::new(0, &Device::Cpu), config).unwrap();
    // Nothing is filled up, so that texts need no order; batches as evaluation makes them.
    let batches: Vec<TextBatch> = lengths(512).chunks(256).map(|lengths| batch(lengths, 30_522)).collect();
    Box::new(move || {
        for batch in &batches {
            encoder.readout(batch, Mode::Eval).unwrap();
        }
    })
}
