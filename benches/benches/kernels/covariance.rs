//! Covariances of columns.

use criterion::Criterion;
use manabi::kernels::covariance::column_covariances;
use manabi_benches::{variable, work::Work};

use crate::{both_ways, group};

/// VICReg's expander for small and for large encoders.
pub fn covariances(c: &mut Criterion) {
    for (rows, width) in [(256, 512), (512, 2048)] {
        let x = variable(&[rows, width]);
        let mut group = group(c, format!("covariance/{rows}x{width}"), Work::covariances(1, rows, width));
        both_ways(&mut group, "manabi", || Ok(column_covariances(&x)?.1));
        both_ways(&mut group, "candle", || {
            let centred = x.broadcast_sub(&x.mean_keepdim(0)?)?;
            let matrix = (centred.t()?.matmul(&centred)? / (rows - 1) as f64)?;
            matrix.sqr()?.sum_all()
        });
        group.finish();
    }
}
