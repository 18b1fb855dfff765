//! Kernels beside plain candle: forward and backward, the shapes of small ResNets and ViTs.
//!
//! `cargo bench --bench kernels`; a figure is only worth something beside its neighbour of the same run.
#![allow(clippy::unwrap_used, missing_docs)]

use candle_core::{Device, Tensor, Var};
use criterion::{Criterion, criterion_group, criterion_main};
use manabi::kernels::{
    activation::gelu,
    conv::{Conv2dParams, conv2d},
    norm::{batch_norm, layer_norm},
};

fn values(shape: &[usize]) -> Var {
    let count: usize = shape.iter().product();
    let data: Vec<f32> = (0..count).map(|i| (i as f32 * 0.37).sin()).collect();
    Var::from_tensor(&Tensor::from_vec(data, shape, &Device::Cpu).unwrap()).unwrap()
}

fn convolutions(c: &mut Criterion) {
    manabi::kernels::memory::tune_allocator();
    for (channels, side) in [(32, 28), (64, 14), (128, 7), (64, 32), (128, 16), (256, 8), (512, 4)] {
        let (x, w) = (values(&[128, channels, side, side]), values(&[channels, channels, 3, 3]));
        let params = Conv2dParams { padding: 1, ..Conv2dParams::default() };
        let mut group = c.benchmark_group(format!("conv3x3/{channels}@{side}"));
        group.sample_size(10);
        group.bench_function("manabi", |b| {
            b.iter(|| conv2d(&x, &w, &params).unwrap().sqr().unwrap().sum_all().unwrap().backward().unwrap());
        });
        group.bench_function("candle", |b| {
            b.iter(|| x.conv2d(&w, 1, 1, 1, 1).unwrap().sqr().unwrap().sum_all().unwrap().backward().unwrap());
        });
        group.finish();
    }
}

fn others(c: &mut Criterion) {
    let mut group = c.benchmark_group("others");
    group.sample_size(10);
    let (x, g, b0) = (values(&[256, 64, 32, 32]), values(&[64]), values(&[64]));
    group.bench_function("batch_norm+relu", |b| {
        b.iter(|| batch_norm(&x, &g, &b0, 1e-5, true).unwrap().0.sum_all().unwrap().backward().unwrap());
    });
    let (t, g, b0) = (values(&[128, 65, 192]), values(&[192]), values(&[192]));
    group.bench_function("layer_norm", |b| {
        b.iter(|| layer_norm(&t, &g, &b0, 1e-6).unwrap().sum_all().unwrap().backward().unwrap());
    });
    let x = values(&[128, 65, 768]);
    group.bench_function("gelu", |b| b.iter(|| gelu(&x).unwrap().sum_all().unwrap().backward().unwrap()));
    group.bench_function("gelu, candle", |b| b.iter(|| x.gelu_erf().unwrap().sum_all().unwrap().backward().unwrap()));
    group.finish();
}

criterion_group!(kernels, convolutions, others);
criterion_main!(kernels);
