//! Matrix products, alone and as a linear layer.

use criterion::Criterion;
use manabi::kernels::{
    Precision,
    activation::gelu,
    linear::{Activation, linear, linear_active},
    matmul::matmul,
};
use manabi_benches::{values, variable, work::Work};

use crate::{both_ways, group};

/// Forward alone: small, square, large, and the skinny ones of a ViT.
pub fn products(c: &mut Criterion) {
    for [m, k, n] in [[256, 512, 512], [1024, 1024, 1024], [2048, 2048, 2048], [8192, 192, 768], [8192, 768, 192]] {
        let (a, b) = (values(&[m, k]), values(&[k, n]));
        let mut group = group(c, format!("matmul/{m}x{k}x{n}"), Work::product(m, k, n));
        group.bench_function("manabi", |bench| bench.iter(|| matmul(&a, &b).unwrap()));
        group.bench_function("candle", |bench| bench.iter(|| a.matmul(&b).unwrap()));
        group.finish();
    }
}

/// The first half of a ViT's hidden layer.
pub fn linears(c: &mut Criterion) {
    let (rows, inputs, outputs) = (8192, 192, 768);
    let (x, w, b) = (variable(&[rows, inputs]), variable(&[outputs, inputs]), variable(&[outputs]));
    let mut group = group(c, "linear/8192x192x768", Work::linear(rows, inputs, outputs));
    both_ways(&mut group, "with bias", || linear(&x, &w, Some(&b)));
    both_ways(&mut group, "with bias, candle", || x.matmul(&w.t()?)?.broadcast_add(&b));
    both_ways(&mut group, "with bias, then GELU", || gelu(&linear(&x, &w, Some(&b))?));
    both_ways(&mut group, "with bias and GELU", || linear_active(&x, &w, &b, Activation::Gelu, Precision::F32));
    group.finish();
}
