//! Normalisations.

use candle_core::D;
use criterion::Criterion;
use manabi::kernels::norm::{batch_norm, batch_norm_eval, group_norm, l2_normalize, layer_norm, rms_norm};
use manabi_benches::{
    variable,
    work::{BATCH_NORM, ELEMENTWISE, Work},
};

use crate::{both_ways, group};

/// Over the maps of a ResNet, over the tokens of a ViT, and over projections.
pub fn norms(c: &mut Criterion) {
    let (x, gamma, beta) = (variable(&[256, 64, 32, 32]), variable(&[64]), variable(&[64]));
    let mut batches = group(c, "batch norm/64@32", Work::passes(BATCH_NORM, x.dims()));
    both_ways(&mut batches, "batch_norm", || Ok(batch_norm(&x, &gamma, &beta, 1e-5, false)?.0));
    both_ways(&mut batches, "batch_norm+relu", || Ok(batch_norm(&x, &gamma, &beta, 1e-5, true)?.0));
    batches.finish();
    let mut maps = group(c, "norm/64@32", Work::passes(ELEMENTWISE, x.dims()));
    let (mean, var) = (gamma.zeros_like().unwrap(), gamma.ones_like().unwrap());
    both_ways(&mut maps, "batch_norm_eval", || batch_norm_eval(&x, &mean, &var, &gamma, &beta, 1e-5, false));
    both_ways(&mut maps, "group_norm", || group_norm(&x, 8, &gamma, &beta, 1e-5));
    maps.finish();
    let (x, gamma, beta) = (variable(&[128, 65, 192]), variable(&[192]), variable(&[192]));
    let mut tokens = group(c, "norm/tokens of 192", Work::passes(ELEMENTWISE, x.dims()));
    both_ways(&mut tokens, "layer_norm", || layer_norm(&x, &gamma, &beta, 1e-6));
    both_ways(&mut tokens, "rms_norm", || rms_norm(&x, &gamma, 1e-6));
    both_ways(&mut tokens, "rms_norm, candle", || {
        let root = (x.sqr()?.mean_keepdim(D::Minus1)? + 1e-6)?.sqrt()?;
        x.broadcast_div(&root)?.broadcast_mul(&gamma)
    });
    tokens.finish();
    let x = variable(&[8192, 128]);
    let mut rows = group(c, "norm/rows of 128", Work::passes(ELEMENTWISE, x.dims()));
    both_ways(&mut rows, "l2_normalize", || l2_normalize(&x, 1e-12));
    both_ways(&mut rows, "l2_normalize, candle", || x.broadcast_div(&x.sqr()?.sum_keepdim(D::Minus1)?.sqrt()?));
    rows.finish();
}
