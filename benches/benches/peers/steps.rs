//! Whole training steps on a batch that is there already: forward, loss, backward, AdamW; the networks of
//! `benches/peers/steps.py`, layer by layer, out of the parts that `manabi pretrain` uses.

use candle_core::{Device, Tensor};
use manabi::{
    core::{
        encoder::{Encoder, Mode},
        loss::{cross_entropy, nt_xent},
        nn::{Compute, Init, Linear, Mlp, MlpConfig, Params, Precision, Role, Transformer, TransformerConfig},
        optim::{Gradients, Groups, Optimizer, OptimizerConfig},
    },
    image::encoder::{ResNet, ResNetConfig, Stem, Vit, VitConfig},
    kernels::index::{embedding, gather_rows},
};

use crate::{Run, values};

/// The case of this name; with `-bf16` behind it products are of bfloat16, with `-recompute` blocks are computed again in
/// the backward pass.
pub fn case(name: &str) -> Option<Run> {
    let (name, recompute) = name.strip_suffix("-recompute").map_or((name, false), |name| (name, true));
    let (name, precision) = name.strip_suffix("-bf16").map_or((name, Precision::F32), |name| (name, Precision::Bf16));
    let params = Params::new(0, &Device::Cpu).with_compute(Compute { precision, recompute });
    match name {
        "step/simclr-resnet18" => Some(simclr(params)),
        "step/vit-tiny" => Some(vit_tiny(params)),
        "step/bert-4x256" => Some(bert(params)),
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

fn simclr(params: Params) -> Run {
    let encoder = ResNet::new(&params.pp("encoder"), ResNetConfig::resnet18(3, Stem::Cifar)).unwrap();
    let config = MlpConfig { widths: vec![512, 512, 128], last_norm: false };
    let projector = Mlp::new(&params.pp("head"), &config).unwrap();
    let views = [values(&[128, 3, 32, 32]), (values(&[128, 3, 32, 32]) * -0.5).unwrap()];
    step(params, 0, move || {
        let project = |view| projector.forward(&encoder.features(view, Mode::Train).unwrap(), Mode::Train).unwrap();
        nt_xent(&project(&views[0]), &project(&views[1]), 0.1).unwrap()
    })
}

fn vit_tiny(params: Params) -> Run {
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

/// Masked tokens: 32 sequences of 128 out of 8192 words, of which every seventh is to be predicted.
fn bert(params: Params) -> Run {
    const SHAPE: (usize, usize, usize) = (32, 128, 256);
    let ((n, t, dim), words) = (SHAPE, 8192);
    let normal = Init::Normal(0.02);
    let table = params.get("tokens", (words, dim), normal, Role::Weight).unwrap();
    let positions = params.get("positions", (1, t, dim), normal, Role::NoDecay).unwrap();
    let blocks = TransformerConfig { depth: 4, dim, heads: 4 };
    let encoder = Transformer::new(&params.pp("encoder"), &blocks).unwrap();
    let head = Linear::new(&params.pp("head"), dim, words).unwrap();
    let ids: Vec<u32> = (0..n * t).map(|i| (i * 7919 % words) as u32).collect();
    let masked: Vec<u32> = (0..n * t).step_by(7).map(|i| i as u32).collect();
    let labels: Vec<u32> = masked.iter().map(|i| ids[*i as usize]).collect();
    step(params, 0, move || {
        let x = embedding(&table, &ids).unwrap().reshape(SHAPE).unwrap().broadcast_add(&positions).unwrap();
        let y = encoder.forward(&x, None).unwrap().reshape((n * t, dim)).unwrap();
        cross_entropy(&head.forward(&gather_rows(&y, &masked).unwrap()).unwrap(), &labels, 0.0).unwrap()
    })
}
