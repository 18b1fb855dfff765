//! Pooling.

use criterion::Criterion;
use manabi::kernels::pool::{avg_pool1d, avg_pool2d, global_avg_pool, max_pool1d, max_pool2d};
use manabi_benches::{variable, work::Work};

use crate::{both_ways, group};

/// The stem of a ResNet for ImageNet, and a second of sound in 64 channels. Rates count the input, which is read once,
/// and its gradient, which is written once.
pub fn pools(c: &mut Criterion) {
    let (maps, series) = (variable(&[16, 64, 112, 112]), variable(&[16, 64, 16_000]));
    let mut of_maps = group(c, "pool/maps", Work::passes(2, maps.dims()));
    both_ways(&mut of_maps, "max 3/2", || max_pool2d(&maps, 3, 2, 1));
    both_ways(&mut of_maps, "mean 2/2", || avg_pool2d(&maps, 2, 2));
    both_ways(&mut of_maps, "mean 2/2, candle", || maps.avg_pool2d(2));
    both_ways(&mut of_maps, "mean of whole maps", || global_avg_pool(&maps));
    of_maps.finish();
    let mut of_series = group(c, "pool/series", Work::passes(2, series.dims()));
    both_ways(&mut of_series, "max 4/4", || max_pool1d(&series, 4, 4, 0));
    both_ways(&mut of_series, "mean 4/4", || avg_pool1d(&series, 4, 4));
    of_series.finish();
}
