//! Whole training steps on a batch that is there already: forward, loss, backward, AdamW; the networks of
//! `benches/peers/steps.py`, layer by layer, out of the parts that `manabi pretrain` uses.

use candle_core::{Device, Tensor};
use manabi::{
    core::{
        encoder::{Encoder, Mode},
        loss::{cross_entropy, nt_xent},
        nn::{Linear, Mlp, MlpConfig, Params, TransformerConfig},
        optim::{Gradients, Groups, Optimizer, OptimizerConfig},
    },
    image::encoder::{ResNet, ResNetConfig, Stem, Vit, VitConfig},
};

use crate::{Run, values};

/// The case of this name.
pub fn case(name: &str) -> Option<Run> {
    match name {
        "step/simclr-resnet18" => Some(simclr()),
        "step/vit-tiny" => Some(vit_tiny()),
        _ => None,
    }
}

/// Loss, gradients and AdamW, over and over; `idle` parameters take no part.
fn step(params: Params, idle: usize, loss: impl Fn() -> Tensor + 'static) -> Run {
    let adamw = OptimizerConfig::Adamw { lr: 1e-3, beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 1e-2 };
    let mut optimizer = Optimizer::new(adamw, &params, &Groups::default()).unwrap();
    Box::new(move || {
        let mut store = loss().backward().unwrap();
        let gradients = Gradients::collect(&params.trainable(), &mut store).unwrap();
        assert_eq!(gradients.len() + idle, params.trainable().len());
        optimizer.step(&gradients, 1.0).unwrap();
    })
}

fn simclr() -> Run {
    let params = Params::new(0, &Device::Cpu);
    let encoder = ResNet::new(&params.pp("encoder"), ResNetConfig::resnet18(3, Stem::Cifar)).unwrap();
    let config = MlpConfig { widths: vec![512, 512, 128], last_norm: false };
    let projector = Mlp::new(&params.pp("head"), &config).unwrap();
    let views = [values(&[128, 3, 32, 32]), (values(&[128, 3, 32, 32]) * -0.5).unwrap()];
    step(params, 0, move || {
        let project = |view| projector.forward(&encoder.features(view, Mode::Train).unwrap(), Mode::Train).unwrap();
        nt_xent(&project(&views[0]), &project(&views[1]), 0.1).unwrap()
    })
}

fn vit_tiny() -> Run {
    let params = Params::new(0, &Device::Cpu);
    let blocks = TransformerConfig { depth: 12, dim: 192, heads: 3 };
    let encoder = Vit::new(&params.pp("encoder"), VitConfig { patch: 4, blocks, ..VitConfig::tiny(3, 32) }).unwrap();
    let head = Linear::new(&params.pp("head"), 192, 10).unwrap();
    let x = values(&[128, 3, 32, 32]);
    let labels: Vec<u32> = (0..128).map(|i| i % 10).collect();
    // Idle: the mask token.
    step(params, 1, move || {
        let logits = head.forward(&encoder.features(&x, Mode::Train).unwrap()).unwrap();
        cross_entropy(&logits, &labels, 0.0).unwrap()
    })
}
