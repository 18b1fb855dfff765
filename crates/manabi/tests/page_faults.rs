//! Training steps in their steady state: the memory of one step serves the next.
//!
//! A file of its own, with one test, because page faults are counted by process.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use candle_core::{Device, Tensor};
use manabi::{
    core::{
        encoder::{Encoder, Mode},
        loss::nt_xent,
        nn::Params,
        optim::{Gradients, Groups, Optimizer, OptimizerConfig},
    },
    image::encoder::{ResNet, ResNetConfig, Vit, VitConfig},
    kernels::memory::tune_allocator,
    pilot::study::page_faults,
};

/// Pages that a step may fault: a hundredth of what one does whose memory is given back each time.
const BOUND: u64 = 200;

/// SimCLR's step on an encoder of 28 × 28 pictures.
fn step(build: impl Fn(&Params) -> Box<dyn Encoder<Tensor>>) -> impl FnMut() {
    let params = Params::new(0, &Device::Cpu);
    let encoder = build(&params);
    let adamw = OptimizerConfig::Adamw { lr: 1e-3, beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 1e-2 };
    let mut optimizer = Optimizer::new(adamw, &params, &Groups::default()).unwrap();
    let pictures = |shift: f32| {
        let values: Vec<f32> = (0..64 * 28 * 28).map(|i| (i as f32 * 0.37 + shift).sin()).collect();
        Tensor::from_vec(values, (64, 1, 28, 28), &Device::Cpu).unwrap()
    };
    let views = [pictures(0.0), pictures(0.5)];
    move || {
        let features = |view| encoder.features(view, Mode::Train).unwrap();
        let loss = nt_xent(&features(&views[0]), &features(&views[1]), 0.5).unwrap();
        let gradients = Gradients::collect(&params.trainable(), &mut loss.backward().unwrap()).unwrap();
        optimizer.step(&gradients, 1.0).unwrap();
    }
}

#[test]
fn a_step_in_the_steady_state_needs_no_fresh_pages() {
    if !tune_allocator() || page_faults().is_none() {
        return eprintln!("skipped: neither the allocator nor the faults are known here");
    }
    let resnet = step(|params| Box::new(ResNet::new(params, ResNetConfig::small(1)).unwrap()));
    let vit = step(|params| Box::new(Vit::new(params, VitConfig::tiny(1, 28)).unwrap()));
    for (name, run) in [("ResNet", Box::new(resnet) as Box<dyn FnMut()>), ("ViT", Box::new(vit))] {
        let mut run = run;
        let faults: Vec<u64> = (0..8)
            .map(|_| {
                let before = page_faults().unwrap();
                run();
                page_faults().unwrap() - before
            })
            .collect();
        // The first steps map what all others use; which of these a thread's own buffer is new in is left to chance.
        let steady = faults[2..].iter().min().unwrap();
        assert!(*steady <= BOUND, "{name}: page faults by step {faults:?}");
        assert!(faults[0] > BOUND, "{name}: the count does not move: {faults:?}");
    }
}
