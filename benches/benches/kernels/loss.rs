//! Losses.

use candle_core::{D, Device, Tensor};
use criterion::Criterion;
use manabi::kernels::{
    activation::log_softmax_last,
    loss::{SKIP, cross_entropy},
};
use manabi_benches::{
    ids, variable,
    work::{CROSS_ENTROPY, Work},
};

use crate::{both_ways, group};

/// Few classes for many rows, and a vocabulary of which most rows are skipped.
pub fn cross_entropies(c: &mut Criterion) {
    for (rows, classes) in [(4096, 10), (2048, 8000)] {
        let z = variable(&[rows, classes]);
        let all = ids(rows, classes as u32);
        let some: Vec<u32> = all.iter().enumerate().map(|(i, id)| if i % 7 == 0 { *id } else { SKIP }).collect();
        let index = Tensor::new(&all[..], &Device::Cpu).unwrap().unsqueeze(D::Minus1).unwrap();
        let work = Work::passes(CROSS_ENTROPY, z.dims());
        let mut group = group(c, format!("cross_entropy/{rows}x{classes}"), work);
        both_ways(&mut group, "all rows", || cross_entropy(&z, &all, 0.1));
        // The gradient of the others is written all the same.
        both_ways(&mut group, "one row in seven", || cross_entropy(&z, &some, 0.1));
        both_ways(&mut group, "through log-softmax", || log_softmax_last(&z)?.gather(&index, 1)?.mean_all());
        group.finish();
    }
}
