//! Sinkhorn's scaling.

use criterion::Criterion;
use manabi::kernels::sinkhorn::sinkhorn;
use manabi_benches::{
    values,
    work::{self, Work},
};

use crate::group;

/// SwAV's codes: three rounds over few prototypes, and over the paper's 3000.
pub fn codes(c: &mut Criterion) {
    for (rows, prototypes) in [(1024, 512), (4096, 3000)] {
        let scores = values(&[rows, prototypes]);
        let work = Work::passes(work::sinkhorn(3), scores.dims());
        let mut group = group(c, format!("sinkhorn/{rows}x{prototypes}"), work);
        group.bench_function("three rounds", |b| b.iter(|| sinkhorn(&scores, 0.05, 3).unwrap()));
        group.finish();
    }
}
