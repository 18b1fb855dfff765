//! Kernels beside plain candle: forward and backward, the shapes of small ResNets, ViTs, language and graph models.
//!
//! `cargo bench --bench kernels`; a figure is only worth something beside its neighbour of the same run. One file a
//! family of kernels, one group a kernel.
#![allow(clippy::unwrap_used, missing_docs)]

use candle_core::{Device, Tensor, Var};
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main, measurement::WallTime};

mod activation;
mod conv;
mod index;
mod loss;
mod norm;
mod pool;

fn values(shape: &[usize]) -> Var {
    let count: usize = shape.iter().product();
    let data: Vec<f32> = (0..count).map(|i| (i as f32 * 0.37).sin()).collect();
    Var::from_tensor(&Tensor::from_vec(data, shape, &Device::Cpu).unwrap()).unwrap()
}

/// Numbers below `count` without order, some of them much more frequent than others.
fn ids(n: usize, count: u32) -> Vec<u32> {
    let id = |i: u32| i.wrapping_mul(2_654_435_761) >> 8;
    (0..n as u32).map(|i| (u64::from(id(i) % count) * u64::from(id(i + 7) % count) / u64::from(count)) as u32).collect()
}

fn group<'a>(c: &'a mut Criterion, name: impl Into<String>) -> BenchmarkGroup<'a, WallTime> {
    manabi::kernels::memory::tune_allocator();
    let mut group = c.benchmark_group(name);
    group.sample_size(10);
    group
}

/// Times `f` and the way back to all variables it uses.
fn both_ways(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, f: impl Fn() -> candle_core::Result<Tensor>) {
    group.bench_function(name, |b| b.iter(|| f().unwrap().sum_all().unwrap().backward().unwrap()));
}

criterion_group!(
    kernels,
    conv::convolutions,
    conv::grouped,
    conv::lines,
    norm::norms,
    activation::gelus,
    loss::cross_entropies,
    index::embeddings,
    index::segments,
    pool::pools
);
criterion_main!(kernels);
