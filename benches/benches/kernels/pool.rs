//! Pooling.

use criterion::Criterion;
use manabi::kernels::pool::{avg_pool1d, avg_pool2d, global_avg_pool, max_pool1d, max_pool2d};

use crate::{both_ways, group, values};

/// The stem of a ResNet for ImageNet, and a second of sound in 64 channels.
pub fn pools(c: &mut Criterion) {
    let (maps, series) = (values(&[16, 64, 112, 112]), values(&[16, 64, 16_000]));
    let mut group = group(c, "pool");
    both_ways(&mut group, "max 3/2 of maps", || max_pool2d(&maps, 3, 2, 1));
    both_ways(&mut group, "mean 2/2 of maps", || avg_pool2d(&maps, 2, 2));
    both_ways(&mut group, "mean 2/2 of maps, candle", || maps.avg_pool2d(2));
    both_ways(&mut group, "mean of whole maps", || global_avg_pool(&maps));
    both_ways(&mut group, "max 4/4 of series", || max_pool1d(&series, 4, 4, 0));
    both_ways(&mut group, "mean 4/4 of series", || avg_pool1d(&series, 4, 4));
    group.finish();
}
