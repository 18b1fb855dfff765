//! Single operations, forward and backward, with the shapes of `benches/peers/kernels.py`.

use candle_core::{Result, Tensor, Var};
use manabi::kernels::{
    Precision,
    activation::{add_relu, gelu, relu},
    attention::attention,
    conv::{Conv1dParams, Conv2dParams, conv1d, conv2d},
    linear::{Activation, linear_active},
    matmul::matmul,
    norm::{batch_norm, group_norm, layer_norm, rms_norm},
    optim::{AdamWStep, Also, SgdStep, adamw_step, sgd_step},
    pool::max_pool2d,
};
use manabi_benches::{
    gradients, resnet18_shapes, values, variable,
    work::{self, Work},
};

use crate::Case;

/// The maps of a first stage.
const MAPS: [usize; 4] = [128, 64, 32, 32];
/// The tokens of 128 pictures in a ViT-Tiny.
const TOKENS: [usize; 2] = [8192, 192];

/// The case of this name.
pub fn case(name: &str) -> Option<Case> {
    let (kind, shape) = name.split_once('/')?;
    match kind {
        "conv" => convolution(shape),
        "matmul" => {
            let sizes: Vec<usize> = shape.split('x').map(|size| size.parse().ok()).collect::<Option<_>>()?;
            Some(product(sizes.try_into().ok()?))
        }
        "attention" => Some(heads(32, shape.strip_prefix("32x")?.parse().ok()?)),
        "linear" => (shape == "gelu-8192x192x768").then(|| {
            let work = Work::linear(8192, 192, 768);
            let shapes: [&[usize]; 3] = [&[8192, 192], &[768, 192], &[768]];
            both_ways(work, shapes, |[x, w, b]| linear_active(x, w, b, Activation::Gelu, Precision::F32))
        }),
        "norm" => norm(shape),
        "activation" => activation(shape),
        "pool" => (shape == "max-3s2-64@112").then(|| {
            // x and its gradient are four times as large as y and the gradient of that.
            let work = Work::passes(2 * 4 + 2, &[16, 64, 56, 56]);
            both_ways(work, [&[16, 64, 112, 112]], |[x]| max_pool2d(x, 3, 2, 1))
        }),
        "optim" => optimizer(shape),
        _ => None,
    }
}

/// `forward` on variables of these shapes, and the gradients of all of them.
fn both_ways<const N: usize>(
    work: Work,
    shapes: [&[usize]; N],
    forward: impl Fn([&Tensor; N]) -> Result<Tensor> + 'static,
) -> Case {
    let leaves = shapes.map(variable);
    Case::new(work, move || {
        let store = gradients(&forward(leaves.each_ref().map(Var::as_tensor)).unwrap());
        assert!(leaves.iter().all(|leaf| store.get(leaf).is_some()));
    })
}

fn convolution(shape: &str) -> Option<Case> {
    let params = |padding, stride, groups| Conv2dParams { padding, stride, groups, ..Conv2dParams::default() };
    let conv = |y: [usize; 4], x: [usize; 4], w: [usize; 4], params: Conv2dParams| {
        (Work::conv(&y, &w), move |work| both_ways(work, [&x, &w], move |[x, w]| conv2d(x, w, &params)))
    };
    if let Some(shape) = shape.strip_prefix("1d-") {
        return lines(shape);
    }
    let (work, case) = match shape {
        "3x3s2-64@32" => conv([128, 128, 16, 16], MAPS, [128, 64, 3, 3], params(1, 2, 1)),
        "1x1-256@14" => conv([64, 256, 14, 14], [64, 256, 14, 14], [256, 256, 1, 1], params(0, 1, 1)),
        "depthwise-3x3-128@32" => conv([64, 128, 32, 32], [64, 128, 32, 32], [128, 1, 3, 3], params(1, 1, 128)),
        "depthwise-7x7-96@56" => conv([16, 96, 56, 56], [16, 96, 56, 56], [96, 1, 7, 7], params(3, 1, 96)),
        _ => {
            let (channels, side) = shape.strip_prefix("3x3-")?.split_once('@')?;
            let (c, s) = (channels.parse().ok()?, side.parse().ok()?);
            let (work, case) = conv([128, c, s, s], [128, c, s, s], [c, c, 3, 3], params(1, 1, 1));
            (work.by_winograd(), case)
        }
    };
    Some(case(work))
}

/// Kernels over lines: small, dilated, and the strided ones of an encoder of recordings.
fn lines(shape: &str) -> Option<Case> {
    let base = Conv1dParams::default();
    let (y, x, w, params) = match shape {
        "3-64@4096" => ([32, 64, 4096], [32, 64, 4096], [64, 64, 3], Conv1dParams { padding: 1, ..base }),
        "3d8-64@4096" => {
            ([32, 64, 4096], [32, 64, 4096], [64, 64, 3], Conv1dParams { padding: 8, dilation: 8, ..base })
        }
        "8s4-64@16000" => ([16, 128, 3999], [16, 64, 16000], [128, 64, 8], Conv1dParams { stride: 4, ..base }),
        _ => return None,
    };
    Some(both_ways(Work::conv(&y, &w), [&x, &w], move |[x, w]| conv1d(x, w, None, &params)))
}

fn product([m, k, n]: [usize; 3]) -> Case {
    let (a, b) = (values(&[m, k]), values(&[k, n]));
    Case::new(Work::product(m, k, n), move || drop(matmul(&a, &b).unwrap()))
}

/// Four heads of 64.
fn heads(batch: usize, tokens: usize) -> Case {
    both_ways(Work::attention(batch, tokens, 256), [&[batch, tokens, 768]], |[qkv]| attention(qkv, 4, None))
}

fn norm(shape: &str) -> Option<Case> {
    let (maps, tokens) = (Work::passes(work::BATCH_NORM, &MAPS), Work::passes(work::ELEMENTWISE, &TOKENS));
    match shape {
        "batch-relu-64@32" => Some(both_ways(maps, [&MAPS, &[64], &[64]], |[x, gamma, beta]| {
            Ok(batch_norm(x, gamma, beta, 1e-5, true)?.0)
        })),
        // A group of one picture stays in a cache between its statistics and their use.
        "group-64@32" => {
            Some(both_ways(Work::passes(work::ELEMENTWISE, &MAPS), [&MAPS, &[64], &[64]], |[x, gamma, beta]| {
                group_norm(x, 8, gamma, beta, 1e-5)
            }))
        }
        "layer-8192x192" => {
            Some(both_ways(tokens, [&TOKENS, &[192], &[192]], |[x, gamma, beta]| layer_norm(x, gamma, beta, 1e-6)))
        }
        "rms-8192x192" => Some(both_ways(tokens, [&TOKENS, &[192]], |[x, gamma]| rms_norm(x, gamma, 1e-6))),
        _ => None,
    }
}

fn activation(shape: &str) -> Option<Case> {
    match shape {
        "relu-64@32" => Some(both_ways(Work::passes(work::ELEMENTWISE, &MAPS), [&MAPS], |[x]| relu(x))),
        "add-relu-64@32" => {
            Some(both_ways(Work::passes(work::ADD_RELU, &MAPS), [&MAPS, &MAPS], |[a, b]| add_relu(a, b)))
        }
        "gelu-8192x768" => {
            let hidden = [8192, 768];
            Some(both_ways(Work::passes(work::ELEMENTWISE, &hidden), [&hidden], |[x]| gelu(x)))
        }
        _ => None,
    }
}

/// A step on gradients that are there already.
fn optimizer(shape: &str) -> Option<Case> {
    let shapes = resnet18_shapes();
    let count = [shapes.iter().map(|shape| shape.iter().product::<usize>()).sum()];
    let zeros = |shape: &Vec<usize>| Var::from_tensor(&(values(shape) * 0.0).unwrap()).unwrap();
    let tensors: Vec<_> = shapes.iter().map(|s| (variable(s), values(s), zeros(s), zeros(s))).collect();
    match shape {
        "adamw-11m" => {
            let (lr, beta1, beta2, eps) = (1e-3, 0.9, 0.999, 1e-8);
            let mut step = AdamWStep { lr, beta1, beta2, eps, weight_decay: 1e-2, step: 0 };
            Some(Case::new(Work::passes(work::ADAMW, &count), move || {
                step.step += 1;
                for (param, grad, m, v) in &tensors {
                    adamw_step(param, grad, m, v, step, Also::default()).unwrap();
                }
            }))
        }
        "sgd-11m" => {
            let step = SgdStep { lr: 1e-3, momentum: 0.9, nesterov: false, weight_decay: 0.0 };
            Some(Case::new(Work::passes(work::SGD, &count), move || {
                for (param, grad, momentum, _) in &tensors {
                    sgd_step(param, grad, momentum, step, Also::default()).unwrap();
                }
            }))
        }
        _ => None,
    }
}
