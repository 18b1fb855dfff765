//! Activations.

use criterion::Criterion;
use manabi::kernels::activation::{gelu, gelu_tanh};

use crate::{both_ways, group, values};

/// The hidden layer of a ViT's blocks.
pub fn gelus(c: &mut Criterion) {
    let x = values(&[128, 65, 768]);
    let mut group = group(c, "gelu");
    both_ways(&mut group, "erf", || gelu(&x));
    both_ways(&mut group, "erf, candle", || x.gelu_erf());
    both_ways(&mut group, "tanh", || gelu_tanh(&x));
    both_ways(&mut group, "tanh, candle", || x.gelu());
    group.finish();
}
