//! Activations.

use candle_core::D;
use criterion::Criterion;
use manabi::kernels::activation::{add_relu, gelu, gelu_tanh, log_softmax_last, relu, softmax_last};
use manabi_benches::{
    variable,
    work::{ADD_RELU, ELEMENTWISE, Work},
};

use crate::{both_ways, group};

/// The hidden layer of a ViT's blocks, the maps of a ResNet, and scores over prototypes.
pub fn activations(c: &mut Criterion) {
    let x = variable(&[128, 65, 768]);
    let mut gelus = group(c, "gelu", Work::passes(ELEMENTWISE, x.dims()));
    both_ways(&mut gelus, "erf", || gelu(&x));
    both_ways(&mut gelus, "erf, candle", || x.gelu_erf());
    both_ways(&mut gelus, "tanh", || gelu_tanh(&x));
    both_ways(&mut gelus, "tanh, candle", || x.gelu());
    gelus.finish();
    let (a, b) = (variable(&[128, 64, 32, 32]), variable(&[128, 64, 32, 32]));
    let mut maps = group(c, "relu/64@32", Work::passes(ELEMENTWISE, a.dims()));
    both_ways(&mut maps, "relu", || relu(&a));
    both_ways(&mut maps, "relu, candle", || a.relu());
    maps.finish();
    let mut sums = group(c, "add_relu/64@32", Work::passes(ADD_RELU, a.dims()));
    both_ways(&mut sums, "add_relu", || add_relu(&a, &b));
    both_ways(&mut sums, "add_relu, candle", || (a.as_tensor() + b.as_tensor())?.relu());
    sums.finish();
    let scores = variable(&[2048, 3000]);
    let mut softmaxes = group(c, "softmax/2048x3000", Work::passes(ELEMENTWISE, scores.dims()));
    both_ways(&mut softmaxes, "softmax", || softmax_last(&scores));
    both_ways(&mut softmaxes, "log-softmax", || log_softmax_last(&scores));
    both_ways(&mut softmaxes, "log-softmax, candle", || {
        let shifted = scores.broadcast_sub(&scores.max_keepdim(D::Minus1)?.detach())?;
        shifted.broadcast_sub(&shifted.exp()?.sum_keepdim(D::Minus1)?.log()?)
    });
    softmaxes.finish();
}
