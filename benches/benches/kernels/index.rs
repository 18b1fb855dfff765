//! Rows by number and by segment.

use candle_core::{DType, Device, Tensor, Var};
use criterion::Criterion;
use manabi::kernels::{
    index::{
        TableRows, embedding, gather_rows, scatter_add_rows, segment_max, segment_mean, segment_softmax, segment_sum,
    },
    optim::{AdamWStep, Also, adamw_rows_step, adamw_step},
};
use manabi_benches::{
    gradients, ids, values, variable,
    work::{ELEMENTWISE, Work},
};

use crate::{both_ways, group};

/// A step of AdamW on a table of 30 000 words, 2048 of which are looked up; the rate counts the rows of these alone.
pub fn embeddings(c: &mut Criterion) {
    let (table, words) = (variable(&[30_000, 256]), ids(2048, 30_000));
    let zeros = || Var::zeros(table.shape(), DType::F32, &Device::Cpu).unwrap();
    let (m, v) = (zeros(), zeros());
    let adamw = AdamWStep { lr: 1e-3, beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 0.01, step: 1 };
    let mut group = group(c, "embedding/30000x256", Work::passes(1, &[2048, 256]));
    group.bench_function("dense gradient and step", |b| {
        b.iter(|| {
            let grads = gradients(&embedding(&table, &words).unwrap());
            adamw_step(&table, grads.get(&table).unwrap(), &m, &v, adamw, Also::default()).unwrap();
        });
    });
    group.bench_function("rows alone", |b| {
        b.iter(|| {
            let rows = TableRows::new(&table, &words).unwrap();
            let mut grads = gradients(&rows.embedding(&words).unwrap());
            let gradient = rows.into_gradient(&mut grads).unwrap().unwrap();
            adamw_rows_step(&table, &gradient, &m, &v, adamw).unwrap();
        });
    });
    group.finish();
}

/// The messages of a graph of 100 000 edges and 10 000 nodes; rates count those, each read or written once both ways.
pub fn segments(c: &mut Criterion) {
    let (edges, nodes) = (100_000, 10_000);
    let (x, scores, to) = (variable(&[edges, 64]), variable(&[edges, 4]), ids(edges, nodes as u32));
    let index = Tensor::new(&to[..], &Device::Cpu).unwrap();
    let (features, zeros) = (variable(&[nodes, 64]), values(&[nodes, 64]).zeros_like().unwrap());
    let mut messages = group(c, "segments/100000 edges", Work::passes(2, x.dims()));
    both_ways(&mut messages, "gather", || gather_rows(&features, &to));
    both_ways(&mut messages, "gather, candle", || features.index_select(&index, 0));
    both_ways(&mut messages, "scatter", || scatter_add_rows(&zeros, &to, &x));
    both_ways(&mut messages, "sum", || segment_sum(&x, &to, nodes));
    both_ways(&mut messages, "sum, candle", || zeros.index_add(&index, &x, 0));
    both_ways(&mut messages, "mean", || segment_mean(&x, &to, nodes));
    both_ways(&mut messages, "max", || segment_max(&x, &to, nodes));
    messages.finish();
    let mut heads = group(c, "segment_softmax/100000 edges", Work::passes(ELEMENTWISE, scores.dims()));
    both_ways(&mut heads, "four heads", || segment_softmax(&scores, &to, nodes));
    heads.finish();
}
