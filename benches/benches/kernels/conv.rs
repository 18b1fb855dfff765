//! Convolutions.

use criterion::Criterion;
use manabi::kernels::conv::{Conv1dParams, Conv2dParams, conv1d, conv2d};

use crate::{both_ways, group, values};

/// 3 x 3, from the maps of a stem to those of a last stage.
pub fn convolutions(c: &mut Criterion) {
    for (channels, side) in [(32, 28), (64, 14), (128, 7), (64, 32), (128, 16), (256, 8), (512, 4), (512, 2)] {
        let (x, w) = (values(&[128, channels, side, side]), values(&[channels, channels, 3, 3]));
        let params = Conv2dParams { padding: 1, ..Conv2dParams::default() };
        let mut group = group(c, format!("conv3x3/{channels}@{side}"));
        both_ways(&mut group, "manabi", || conv2d(&x, &w, &params)?.sqr());
        both_ways(&mut group, "candle", || x.conv2d(&w, 1, 1, 1, 1)?.sqr());
        group.finish();
    }
}

/// Depthwise, and few channels a group: the middle of MobileNet and ResNeXt blocks.
pub fn grouped(c: &mut Criterion) {
    for (channels, per_group, side, stride) in [(64, 1, 32, 1), (128, 1, 16, 2), (256, 1, 8, 1), (128, 4, 16, 1)] {
        let (x, w) = (values(&[32, channels, side, side]), values(&[channels, per_group, 3, 3]));
        let groups = channels / per_group;
        let params = Conv2dParams { padding: 1, stride, groups, ..Conv2dParams::default() };
        let mut group = group(c, format!("conv3x3-by-{per_group}/{channels}@{side}/{stride}"));
        both_ways(&mut group, "manabi", || conv2d(&x, &w, &params)?.sqr());
        both_ways(&mut group, "candle", || x.conv2d(&w, 1, stride, 1, groups)?.sqr());
        group.finish();
    }
}

/// Lines: encoders of recordings and of sensors, dilated and depthwise ones too.
pub fn lines(c: &mut Criterion) {
    for (channels, taps, length, stride, dilation, groups) in [
        (64, 3, 1000, 1, 1, 1),
        (128, 8, 500, 4, 1, 1),
        (256, 3, 200, 1, 4, 1),
        (512, 15, 100, 1, 1, 1),
        (256, 15, 200, 1, 1, 256),
    ] {
        let (x, w) = (values(&[16, channels, length]), values(&[channels, channels / groups, taps]));
        let padding = dilation * (taps / 2);
        let params = Conv1dParams { stride, padding, dilation, groups, ..Conv1dParams::default() };
        let mut group = group(c, format!("conv1d/{channels}x{length}k{taps}s{stride}d{dilation}g{groups}"));
        both_ways(&mut group, "manabi", || conv1d(&x, &w, None, &params)?.sqr());
        both_ways(&mut group, "candle", || x.conv1d(&w, padding, stride, dilation, groups)?.sqr());
        group.finish();
    }
}
