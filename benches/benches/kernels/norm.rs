//! Normalisations.

use candle_core::D;
use criterion::Criterion;
use manabi::kernels::norm::{batch_norm, group_norm, layer_norm, rms_norm};

use crate::{both_ways, group, values};

/// Over the maps of a ResNet, and over the tokens of a ViT.
pub fn norms(c: &mut Criterion) {
    let (x, gamma, beta) = (values(&[256, 64, 32, 32]), values(&[64]), values(&[64]));
    let mut maps = group(c, "norm/64@32");
    both_ways(&mut maps, "batch_norm+relu", || Ok(batch_norm(&x, &gamma, &beta, 1e-5, true)?.0));
    both_ways(&mut maps, "group_norm", || group_norm(&x, 8, &gamma, &beta, 1e-5));
    maps.finish();
    let (x, gamma, beta) = (values(&[128, 65, 192]), values(&[192]), values(&[192]));
    let mut tokens = group(c, "norm/tokens of 192");
    both_ways(&mut tokens, "layer_norm", || layer_norm(&x, &gamma, &beta, 1e-6));
    both_ways(&mut tokens, "rms_norm", || rms_norm(&x, &gamma, 1e-6));
    both_ways(&mut tokens, "rms_norm, candle", || {
        let root = (x.sqr()?.mean_keepdim(D::Minus1)? + 1e-6)?.sqrt()?;
        x.broadcast_div(&root)?.broadcast_mul(&gamma)
    });
    tokens.finish();
}
