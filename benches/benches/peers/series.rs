//! Whole training steps on time series, those of `benches/peers/series.py`: the method as `manabi pretrain` runs it.

use candle_core::Device;
use manabi::{
    core::{
        encoder::EncoderFactory,
        method::{BuildContext, DatasetFacts, Overrides, Step},
        nn::Params,
        optim::{Gradients, Groups, Optimizer, OptimizerConfig},
    },
    series::{
        batch::SeriesBatch,
        encoder::{Dilated, DilatedConfig},
        method::ts2vec,
    },
};
use manabi_benches::values;

use crate::Run;

/// The case of this name.
pub fn case(name: &str) -> Option<Run> {
    (name == "series/ts2vec-step").then(step)
}

fn step() -> Run {
    let params = Params::new(0, &Device::Cpu);
    let student = params.pp("encoder");
    // The paper's depth, whatever the length.
    let encoder = Dilated::new(&student, DilatedConfig { depth: 10, ..DilatedConfig::new(1, 140) }).unwrap();
    let factory: EncoderFactory<SeriesBatch> =
        std::sync::Arc::new(|params| Ok(Box::new(Dilated::new(params, DilatedConfig::new(1, 140))?)));
    let facts = DatasetFacts { samples: 8, classes: 0, transformations: 0, batch: 8, steps: 100, dim: 320 };
    let entry = ts2vec::entry();
    // Averaged weights are one more pass over the parameters, which the other side leaves out too.
    let overrides = Overrides([("average".to_string(), false.into())].into_iter().collect());
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
    let batch = SeriesBatch::new(values(&[8, 1, 140]), None).unwrap();
    let adamw = OptimizerConfig::Adamw { lr: 1e-3, beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 1e-2 };
    let mut optimizer = Optimizer::new(adamw, &params, &Groups::default()).unwrap();
    Box::new(move || {
        // The second step of seed 0 draws crops of 114 and 86 time stamps that overlap in 67.
        let samples: Vec<usize> = (0..8).collect();
        let step = Step { index: 1, total: 100, epoch: 0, seed: 0, samples: &samples, labels: &[] };
        let loss = method.loss(&encoder, std::slice::from_ref(&batch), &step).unwrap();
        let mut store = loss.value.backward().unwrap();
        let gradients = Gradients::collect(&params.trainable(), &mut store).unwrap();
        assert_eq!(gradients.len(), params.trainable().len());
        optimizer.step(&gradients, 1.0).unwrap();
    })
}
