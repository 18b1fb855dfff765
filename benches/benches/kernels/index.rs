//! Rows by number and by segment.

use candle_core::{DType, Device, Tensor, Var};
use criterion::Criterion;
use manabi::kernels::{
    index::{TableRows, embedding, segment_max, segment_mean, segment_softmax, segment_sum},
    optim::{AdamWStep, Also, adamw_rows_step, adamw_step},
};

use crate::{both_ways, group, ids, values};

/// A step of AdamW on a table of 30 000 words, 2048 of which are looked up.
pub fn embeddings(c: &mut Criterion) {
    let (table, words) = (values(&[30_000, 256]), ids(2048, 30_000));
    let zeros = || Var::zeros(table.shape(), DType::F32, &Device::Cpu).unwrap();
    let (m, v) = (zeros(), zeros());
    let adamw = AdamWStep { lr: 1e-3, beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.01, step: 1 };
    let mut group = group(c, "embedding/30000x256");
    group.bench_function("dense gradient and step", |b| {
        b.iter(|| {
            let grads = embedding(&table, &words).unwrap().sum_all().unwrap().backward().unwrap();
            adamw_step(&table, grads.get(&table).unwrap(), &m, &v, adamw, Also::default()).unwrap();
        });
    });
    group.bench_function("rows alone", |b| {
        b.iter(|| {
            let rows = TableRows::new(&table, &words).unwrap();
            let mut grads = rows.embedding(&words).unwrap().sum_all().unwrap().backward().unwrap();
            let gradient = rows.into_gradient(&mut grads).unwrap().unwrap();
            adamw_rows_step(&table, &gradient, &m, &v, adamw).unwrap();
        });
    });
    group.finish();
}

/// The messages of a graph of 100 000 edges and 10 000 nodes.
pub fn segments(c: &mut Criterion) {
    let (edges, nodes) = (100_000, 10_000);
    let (x, scores, to) = (values(&[edges, 64]), values(&[edges, 4]), ids(edges, nodes as u32));
    let index = Tensor::new(&to[..], &Device::Cpu).unwrap();
    let zeros = Tensor::zeros((nodes, 64), DType::F32, &Device::Cpu).unwrap();
    let mut group = group(c, "segments/100000 edges");
    both_ways(&mut group, "sum", || segment_sum(&x, &to, nodes));
    both_ways(&mut group, "sum, candle", || zeros.index_add(&index, &x, 0));
    both_ways(&mut group, "mean", || segment_mean(&x, &to, nodes));
    both_ways(&mut group, "max", || segment_max(&x, &to, nodes));
    both_ways(&mut group, "softmax of 4 heads", || segment_softmax(&scores, &to, nodes));
    group.finish();
}
