//! Convolutions.

use criterion::Criterion;
use manabi::kernels::conv::{Conv1dParams, Conv2dParams, conv1d, conv2d};
use manabi_benches::{variable, work::Work};

use crate::{both_ways, group};

/// 3 x 3, from the maps of a stem to those of a last stage; then other kernels, strides and groups.
pub fn convolutions(c: &mut Criterion) {
    for (channels, side) in [(32, 28), (64, 14), (128, 7), (64, 32), (128, 16), (256, 8), (512, 4), (512, 2)] {
        let name = format!("conv3x3/{channels}@{side}");
        conv(c, name, [128, channels, side, side], [channels, channels, 3, 3], 1, 1, 1);
    }
    conv(c, "conv3x3 stem/3@32", [128, 3, 32, 32], [64, 3, 3, 3], 1, 1, 1);
    conv(c, "conv3x3/2/64@32", [128, 64, 32, 32], [128, 64, 3, 3], 1, 2, 1);
    conv(c, "conv1x1/256@14", [64, 256, 14, 14], [256, 256, 1, 1], 0, 1, 1);
    conv(c, "depthwise3x3/128@32", [64, 128, 32, 32], [128, 1, 3, 3], 1, 1, 128);
    conv(c, "depthwise7x7/96@56", [16, 96, 56, 56], [96, 1, 7, 7], 3, 1, 96);
}

fn conv(
    c: &mut Criterion,
    name: impl Into<String>,
    x: [usize; 4],
    w: [usize; 4],
    padding: usize,
    stride: usize,
    groups: usize,
) {
    let positions = |size: usize| (size + 2 * padding - w[2]) / stride + 1;
    let work = Work::conv(&[x[0], w[0], positions(x[2]), positions(x[3])], &w);
    let (x, w) = (variable(&x), variable(&w));
    let params = Conv2dParams { padding, stride, groups, ..Conv2dParams::default() };
    let mut group = group(c, name, work);
    both_ways(&mut group, "manabi", || conv2d(&x, &w, &params));
    both_ways(&mut group, "candle", || x.conv2d(&w, padding, stride, 1, groups));
    group.finish();
}

/// Depthwise, and few channels a group: the middle of MobileNet and ResNeXt blocks.
pub fn grouped(c: &mut Criterion) {
    for (channels, each, side, stride) in [(64, 1, 32, 1), (128, 1, 16, 2), (256, 1, 8, 1), (128, 4, 16, 1)] {
        let name = format!("conv3x3-by-{each}/{channels}@{side}/{stride}");
        conv(c, name, [32, channels, side, side], [channels, each, 3, 3], 1, stride, channels / each);
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
        let padding = dilation * (taps / 2);
        let positions = (length + 2 * padding - dilation * (taps - 1) - 1) / stride + 1;
        let (x, w) = ([16, channels, length], [channels, channels / groups, taps]);
        let work = Work::conv(&[16, channels, positions], &w);
        let (x, w) = (variable(&x), variable(&w));
        let params = Conv1dParams { stride, padding, dilation, groups, ..Conv1dParams::default() };
        let mut group = group(c, format!("conv1d/{channels}x{length}k{taps}s{stride}d{dilation}g{groups}"), work);
        both_ways(&mut group, "manabi", || conv1d(&x, &w, None, &params));
        both_ways(&mut group, "candle", || x.conv1d(&w, padding, stride, dilation, groups));
        group.finish();
    }
}
