//! Optimiser steps on the parameters of a ResNet-18.

use candle_core::{Tensor, Var};
use criterion::Criterion;
use manabi::kernels::optim::{
    AdamWStep, Also, LarsStep, SgdStep, adamw_step, ema_update, lars_step, scale_in_place, sgd_step, sum_of_squares,
};
use manabi_benches::{
    resnet18_shapes, values, variable,
    work::{ADAMW, SGD, Work},
};

use crate::group;

/// AdamW alone and with its moving average, LARS, SGD, the moving average alone, and clipping.
pub fn steps(c: &mut Criterion) {
    let shapes = resnet18_shapes();
    let count: [usize; 1] = [shapes.iter().map(|shape| shape.iter().product::<usize>()).sum()];
    let zeros = |shape: &Vec<usize>| Var::from_tensor(&(values(shape) * 0.0).unwrap()).unwrap();
    // Parameter, gradient, two means, and a follower.
    let tensors: Vec<(Var, Tensor, [Var; 3])> =
        shapes.iter().map(|s| (variable(s), values(s), [zeros(s), zeros(s), variable(s)])).collect();
    let adamw = AdamWStep { lr: 1e-3, beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 1e-2, step: 1 };
    let mut adamws = group(c, "adamw/11m", Work::passes(ADAMW, &count));
    adamws.bench_function("alone", |b| {
        b.iter(|| tensors.iter().for_each(|(p, g, [m, v, _])| adamw_step(p, g, m, v, adamw, Also::default()).unwrap()));
    });
    adamws.finish();
    let mut followed = group(c, "adamw with a moving average/11m", Work::passes(ADAMW + 2, &count));
    followed.bench_function("in the same pass", |b| {
        b.iter(|| {
            for (p, g, [m, v, follower]) in &tensors {
                let also = Also { follower: Some((follower, 0.99)), ..Also::default() };
                adamw_step(p, g, m, v, adamw, also).unwrap();
            }
        });
    });
    followed.bench_function("one after the other", |b| {
        b.iter(|| {
            for (p, g, [m, v, follower]) in &tensors {
                adamw_step(p, g, m, v, adamw, Also::default()).unwrap();
                ema_update(follower, p, 0.99).unwrap();
            }
        });
    });
    followed.finish();
    let mut sgds = group(c, "sgd/11m", Work::passes(SGD, &count));
    let sgd = SgdStep { lr: 1e-3, momentum: 0.9, nesterov: false, weight_decay: 1e-4 };
    sgds.bench_function("sgd", |b| {
        b.iter(|| tensors.iter().for_each(|(p, g, [m, ..])| sgd_step(p, g, m, sgd, Also::default()).unwrap()));
    });
    sgds.finish();
    // Both norms are read first.
    let mut larses = group(c, "lars/11m", Work::passes(SGD + 2, &count));
    let lars = LarsStep { lr: 1e-3, momentum: 0.9, weight_decay: 1e-4, eta: 1e-3 };
    larses.bench_function("lars", |b| {
        b.iter(|| tensors.iter().for_each(|(p, g, [m, ..])| lars_step(p, g, m, lars, Also::default()).unwrap()));
    });
    larses.finish();
    let mut norms = group(c, "clipping/11m", Work::passes(1 + 2, &count));
    norms.bench_function("norm, then scaled", |b| {
        b.iter(|| {
            let squares: f64 = tensors.iter().map(|(_, g, _)| sum_of_squares(g).unwrap()).sum();
            // A factor that leaves the gradients of the other benchmarks as they are.
            tensors.iter().for_each(|(_, g, _)| scale_in_place(g, if squares > 0.0 { 1.0 } else { 0.5 }).unwrap());
        });
    });
    norms.finish();
}
