//! Sums of exponentials over all pairs of rows.

use candle_core::D;
use criterion::Criterion;
use manabi::kernels::{
    activation::log_softmax_last,
    logsumexp::{log_sum_exp_gram, log_sum_exp_products},
    norm::l2_normalize,
};
use manabi_benches::{variable, work::Work};

use crate::{both_ways, group};

/// The candidates of NT-Xent for 256 and 2048 pairs, and of InfoNCE against a queue as large.
pub fn pairs(c: &mut Criterion) {
    for rows in [512, 4096] {
        let x = variable(&[rows, 128]);
        let mut group = group(c, format!("log_sum_exp/{rows}x128"), Work::pairs(rows, 128));
        both_ways(&mut group, "among themselves", || log_sum_exp_gram(&l2_normalize(&x, 1e-12)?, 10.0));
        // Twice the operations that the rate counts: these products are not symmetric.
        let queue = l2_normalize(&variable(&[rows, 128]), 1e-12).unwrap().detach();
        both_ways(&mut group, "against a queue", || {
            log_sum_exp_products(&l2_normalize(&x, 1e-12)?, &queue, 10.0, None)
        });
        both_ways(&mut group, "matrix of products", || {
            let z = l2_normalize(&x, 1e-12)?;
            log_softmax_last(&(z.matmul(&z.t()?)? * 10.0)?)?.sum(D::Minus1)
        });
        group.finish();
    }
}
