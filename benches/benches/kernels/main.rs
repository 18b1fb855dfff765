//! Kernels beside plain candle: forward and backward, the shapes of small ResNets, ViTs, language and graph models.
//!
//! `cargo bench --bench kernels`; a figure is only worth something beside its neighbour of the same run. One file a
//! family of kernels, one group a kernel. criterion prints operations a second as `Gelem/s` for products, convolutions
//! and attention, bytes a second for the rest, both counted by `benches/src/work.rs`.
#![allow(clippy::unwrap_used, missing_docs)]

use candle_core::Tensor;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime};
use manabi_benches::{gradients, work::Work};

mod activation;
mod attention;
mod conv;
mod covariance;
mod index;
mod logsumexp;
mod loss;
mod norm;
mod optim;
mod pool;
mod product;
mod sinkhorn;

/// A group whose members all have this much to do.
fn group<'a>(c: &'a mut Criterion, name: impl Into<String>, work: Work) -> BenchmarkGroup<'a, WallTime> {
    manabi::kernels::memory::tune_allocator();
    let mut group = c.benchmark_group(name);
    group.sample_size(10);
    match work {
        Work::Operations { nominal, .. } => drop(group.throughput(Throughput::Elements(nominal as u64))),
        Work::Bytes(bytes) => drop(group.throughput(Throughput::Bytes(bytes as u64))),
        Work::Mixed => {}
    }
    group
}

/// Times `f` and the way back to all variables it uses.
fn both_ways(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, f: impl Fn() -> candle_core::Result<Tensor>) {
    group.bench_function(name, |b| b.iter(|| gradients(&f().unwrap())));
}

criterion_group!(
    kernels,
    conv::convolutions,
    conv::grouped,
    conv::lines,
    product::products,
    product::linears,
    attention::heads,
    norm::norms,
    activation::activations,
    loss::cross_entropies,
    logsumexp::pairs,
    covariance::covariances,
    sinkhorn::codes,
    index::embeddings,
    index::segments,
    pool::pools,
    optim::steps
);
criterion_main!(kernels);
