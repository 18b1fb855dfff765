//! Convolutions.

use criterion::Criterion;
use manabi::kernels::conv::{Conv2dParams, conv2d};

use crate::{both_ways, group, values};

/// 3 x 3, from the maps of a stem to those of a last stage.
pub fn convolutions(c: &mut Criterion) {
    for (channels, side) in [(32, 28), (64, 14), (128, 7), (64, 32), (128, 16), (256, 8), (512, 4)] {
        let (x, w) = (values(&[128, channels, side, side]), values(&[channels, channels, 3, 3]));
        let params = Conv2dParams { padding: 1, ..Conv2dParams::default() };
        let mut group = group(c, format!("conv3x3/{channels}@{side}"));
        both_ways(&mut group, "manabi", || conv2d(&x, &w, &params)?.sqr());
        both_ways(&mut group, "candle", || x.conv2d(&w, 1, 1, 1, 1)?.sqr());
        group.finish();
    }
}
