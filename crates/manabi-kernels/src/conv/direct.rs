//! Direct convolution for few channels a group, depthwise above all, with any stride, padding and dilation.
//!
//! The padded maps of a group lie as lines that all taps read at fixed distances (see `lines`): y adds up w_t x[p + t],
//! gx adds up w_t gy[p − t], gw_t is the product of gy with x[· + t]. Tasks are groups times fixed ranges of images, and
//! weight gradients are added up over the ranges in order, so that no sum depends on the number of threads.

mod lines;
mod loops;

use std::ops::Range;

use rayon::prelude::*;

use super::geometry::Geometry;
use crate::memory::{Scratch, built};
use crate::storage::Shared;
use lines::{Lines, near};
use loops::{correlate, dots};

/// Elements of a task, about.
const TASK: usize = 1 << 15;

/// The most channels of a group, in or out, for which this is faster than the matrix of patches.
const FEW: usize = 8;

/// True if this is faster than the matrix of patches: a single group fills the tiles of a product, and where taps lie far
/// apart, the lines are long and empty.
pub(super) fn applies(g: &Geometry) -> bool {
    let (inputs, outputs) = g.per_group();
    g.groups > 1 && !g.pointwise() && inputs.max(outputs) <= FEW && near(g.down) && near(g.across)
}

/// Groups times ranges of images.
struct Tasks {
    n: usize,
    groups: usize,
    images: usize,
}

impl Tasks {
    fn new(g: &Geometry) -> Self {
        let (inputs, outputs) = g.per_group();
        let images = (TASK / (inputs * g.area()).max(outputs * g.positions())).clamp(1, g.n);
        Self { n: g.n, groups: g.groups, images }
    }

    fn ranges(&self) -> usize {
        self.n.div_ceil(self.images)
    }

    /// Calls `f` with every range's number, its images, and every group.
    fn run(&self, f: impl Fn(usize, Range<usize>, usize) + Sync) {
        (0..self.groups * self.ranges()).into_par_iter().for_each(|i| {
            let (range, group) = (i / self.groups, i % self.groups);
            f(range, range * self.images..((range + 1) * self.images).min(self.n), group);
        });
    }
}

/// The output, (N, Co, positions).
pub(super) fn forward(g: &Geometry, x: &[f32], w: &[f32], bias: Option<&[f32]>) -> Vec<f32> {
    let (lines, tasks) = (Lines::new(g), Tasks::new(g));
    let ((inputs, outputs), positions) = (g.per_group(), g.positions());
    let taps = lines.taps(inputs);
    let fill = |y: &mut [f32]| {
        let y = Shared::new(y);
        tasks.run(|_, images, group| {
            let mut space = Scratch::new(lines.space(inputs));
            let mut out = Scratch::new(outputs * lines.outputs());
            let channels = group * outputs..(group + 1) * outputs;
            let w = &w[channels.start * taps.len()..channels.end * taps.len()];
            let bias = bias.map(|b| &b[channels.clone()]);
            for image in images {
                let maps = &x[image * g.image() + group * inputs * g.area()..][..inputs * g.area()];
                lines.spread(maps, &mut space);
                correlate(&space, &taps, w, bias, lines.outputs(), &mut out);
                // SAFETY: the channels of this group in this image are this task's.
                let y = unsafe { y.at((image * g.co + channels.start) * positions, outputs * positions) };
                for (y, out) in y.chunks_exact_mut(positions).zip(out.chunks_exact(lines.outputs())) {
                    for (y, out) in y.chunks_exact_mut(g.across.positions).zip(out.chunks(lines.columns)) {
                        y.copy_from_slice(&out[..g.across.positions]);
                    }
                }
            }
        });
    };
    // SAFETY: the tasks cover all groups of all images.
    unsafe { built(g.n * g.output(), fill) }
}

/// The gradients of input and weights, where wanted.
pub(super) fn backward(
    g: &Geometry,
    x: &[f32],
    w: &[f32],
    grad: &[f32],
    wanted: (bool, bool),
) -> (Option<Vec<f32>>, Option<Vec<f32>>) {
    let (lines, tasks) = (Lines::new(g), Tasks::new(g));
    let mut partial = vec![0f32; if wanted.1 { tasks.ranges() * w.len() } else { 0 }];
    let mut run = |gx: &mut [f32]| {
        let (gx, gw) = (Shared::new(gx), Shared::new(&mut partial));
        let ((inputs, outputs), positions) = (g.per_group(), g.positions());
        let each = outputs * g.taps();
        tasks.run(|range, images, group| {
            let mut gy = Scratch::new(outputs * lines.gradient());
            let w = &w[group * each..(group + 1) * each];
            // SAFETY: each task has the weights of its own group, in the sums of its own range.
            let mut gw = wanted.1.then(|| unsafe { gw.at(range * g.weights() + group * each, each) });
            for image in images {
                let grad = &grad[(image * g.co + group * outputs) * positions..][..outputs * positions];
                lines.spread_gradient(grad, &mut gy);
                let maps = image * g.image() + group * inputs * g.area();
                if let Some(gw) = gw.as_deref_mut() {
                    weight_gradient(&lines, &x[maps..maps + inputs * g.area()], inputs, &gy, gw);
                }
                if wanted.0 {
                    // SAFETY: the channels of this group in this image are this task's.
                    let gx = unsafe { gx.at(maps, inputs * g.area()) };
                    input_gradient(&lines, w, &gy, outputs, gx);
                }
            }
        });
    };
    let gx = match wanted.0 {
        // SAFETY: the tasks cover all groups of all images, and `input_gradient` writes all elements of its maps.
        true => Some(unsafe { built(x.len(), &mut run) }),
        false => {
            run(&mut []);
            None
        }
    };
    (gx, wanted.1.then(|| super::im2col::total(partial, w.len())))
}

/// Adds one image's part to the gradient of the weights of a group.
fn weight_gradient(lines: &Lines, maps: &[f32], inputs: usize, gy: &[f32], gw: &mut [f32]) {
    let taps = lines.taps(inputs);
    let mut space = Scratch::new(lines.space(inputs));
    lines.spread(maps, &mut space);
    for (gy, gw) in gy.chunks_exact(lines.gradient()).zip(gw.chunks_exact_mut(taps.len())) {
        dots(&space, &taps, &gy[lines.margin..], lines.outputs(), gw);
    }
}

/// The gradient of the maps of a group in one image.
fn input_gradient(lines: &Lines, w: &[f32], gy: &[f32], outputs: usize, gx: &mut [f32]) {
    let area = lines.area();
    let inputs = gx.len() / area;
    let kernel = lines.offsets.len();
    if !lines.covers() {
        gx.fill(0.0);
    }
    let mut out = Scratch::new(inputs * lines.length());
    let (mut taps, mut weights) = (Vec::new(), Vec::new());
    for phase in 0..lines.phases() {
        taps.clear();
        weights.clear();
        let inside = || lines.offsets.iter().enumerate().filter(|(_, tap)| tap.phase == phase);
        for o in 0..outputs {
            taps.extend(inside().map(|(_, tap)| o * lines.gradient() + lines.margin - tap.offset));
        }
        for c in 0..inputs {
            for o in 0..outputs {
                weights.extend(inside().map(|(t, _)| w[(o * inputs + c) * kernel + t]));
            }
        }
        correlate(gy, &taps, &weights, None, lines.length(), &mut out);
        for (gx, out) in gx.chunks_exact_mut(area).zip(out.chunks_exact(lines.length())) {
            lines.collect(phase, out, gx);
        }
    }
}
