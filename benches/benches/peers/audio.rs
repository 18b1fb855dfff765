//! Log-mel maps of one-second clips at 16 kHz, BYOL-A's settings; the operations of `benches/peers/audio.py`.
//!
//! 64 ms periodic Hann windows every 10 ms, FFT of 1 024, 64 mel filters from 60 to 7 800 Hz (Slaney's scale and norm),
//! logarithm of the power plus `f32`'s epsilon.
//!
//! And BYOL-A's training step: 32 clips of 64 × 96, two views, the published network with projector and predictor of
//! 4 096 and 256, AdamW, the moving average.

use std::sync::Arc;

use candle_core::{Device, Tensor};
use manabi::{
    audio::{
        FrontEnd, FrontEndConfig,
        encoder::{Byola, ByolaConfig},
    },
    core::{
        encoder::EncoderFactory,
        method::{self, BuildContext, DatasetFacts, Overrides, Step},
        nn::Params,
        optim::{Gradients, Groups, Optimizer, OptimizerConfig, ema::Followers},
    },
};
use manabi_benches::values;
use rayon::prelude::*;

use crate::Run;

/// Clips of a run.
const CLIPS: usize = 256;
/// Samples of a clip, a second.
const SAMPLES: usize = 16_000;

/// The case of this name.
pub fn case(name: &str) -> Option<Run> {
    match name {
        "audio/log-mel" => Some(log_mel()),
        "audio/byol-a-step" => Some(byola_step()),
        _ => None,
    }
}

fn byola_step() -> Run {
    let params = Params::new(0, &Device::Cpu);
    let student = params.pp("encoder");
    let encoder = Byola::new(&student, ByolaConfig::published(64)).unwrap();
    let factory: EncoderFactory<Tensor> =
        Arc::new(|params| Ok(Box::new(Byola::new(params, ByolaConfig::published(64))?)));
    let facts = DatasetFacts { samples: 32, classes: 0, transformations: 0, batch: 32, steps: 15_000, dim: 3072 };
    let entry = method::find::<manabi::audio::AudioModality>("byol").unwrap();
    let context = BuildContext {
        name: entry.name,
        tasks: &[],
        heads: &params.pp("head"),
        encoder: &encoder,
        student: &student,
        factory: &factory,
        facts,
        overrides: &Overrides::default(),
    };
    let mut method = (entry.build)(&context).unwrap();
    let views = [values(&[32, 1, 64, 96]), values(&[32, 1, 64, 96])];
    let adamw = OptimizerConfig::Adamw { lr: 3e-4, beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 1e-2 };
    let mut optimizer = Optimizer::new(adamw, &params, &Groups::default()).unwrap();
    Box::new(move || {
        let samples: Vec<usize> = (0..32).collect();
        let step = Step { index: 1, total: 15_000, epoch: 0, seed: 0, samples: &samples, labels: &[] };
        let loss = method.loss(&encoder, &views, &step).unwrap();
        let mut store = loss.value.backward().unwrap();
        let gradients = Gradients::collect(&params.trainable(), &mut store).unwrap();
        assert_eq!(gradients.len(), params.trainable().len());
        let followers = Followers::new(&method.followers(&params, &step)).unwrap();
        optimizer.step_with(&gradients, 1.0, &followers).unwrap();
        followers.copy_buffers().unwrap();
    })
}

fn log_mel() -> Run {
    let front = FrontEnd::new(&FrontEndConfig::default(), SAMPLES as u32).unwrap();
    let clips: Vec<Vec<f32>> =
        (0..CLIPS).map(|c| (0..SAMPLES).map(|i| 0.5 * (i as f32 * (0.01 + c as f32 * 1e-3)).sin()).collect()).collect();
    Box::new(move || {
        let maps: Vec<_> = clips.par_iter().map(|clip| front.log_mel(clip).unwrap()).collect();
        assert!(maps.iter().all(|map| (map.bins, map.frames) == (64, 101)));
    })
}
