//! The loops of batch normalisation over a tensor seen as (N, C, S), S being the size of a map.
//!
//! Each task owns whole channels, so that statistics and output come out of one task while the channel is in the
//! cache, and every sum has one order whatever the number of threads. Where maps are large, a task takes one channel
//! and its inner loop runs over a map; where they are small (and for (N, C)), it takes a block of channels and its
//! inner loop runs along a row of the block. Sums are kept in `f32` over a large map or several small ones, and in `f64`
//! beyond.

use rayon::prelude::*;

use crate::storage::Shared;
use crate::vector::{Sums, prefetch};

/// A batch of N samples with C channels of S positions.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dims {
    pub(super) n: usize,
    pub(super) c: usize,
    pub(super) s: usize,
}

/// Maps smaller than this go by blocks of channels.
const SMALL: usize = 8;

/// Positions in a block of channels.
const BLOCK: usize = 64;

/// Values that are added up in `f32`.
const TOGETHER: usize = 4096;

/// Elements of a map below which the processor does not see by itself which map comes next.
const SCATTERED: usize = 512;

/// Maps that are asked for ahead of their turn.
const AHEAD: usize = 6;

/// What both passes need to know.
#[derive(Clone, Copy)]
pub(super) struct Setting<'a> {
    pub(super) dims: Dims,
    pub(super) gamma: &'a [f32],
    pub(super) beta: &'a [f32],
    pub(super) eps: f64,
    pub(super) relu: bool,
    /// Mean and variance that are constants; none: those of the batch.
    pub(super) fixed: Option<(&'a [f32], &'a [f32])>,
}

/// The part of a tensor that a task owns: `width` positions from `start` on in every sample.
#[derive(Clone, Copy)]
struct Part {
    start: usize,
    width: usize,
    stride: usize,
    n: usize,
}

impl Part {
    /// Two sums over the part; `add` adds one map, which is at the start of what it is given. In `f32` over about as many
    /// values as a large map has, in `f64` beyond.
    #[inline(always)]
    fn sums<const R: usize>(self, tensors: [&[f32]; R], add: impl Fn(&mut Sums<2>, [&[f32]; R])) -> (f64, f64) {
        let maps = (TOGETHER / self.width.max(1)).max(1);
        let (mut first, mut second) = (0f64, 0f64);
        for q in (0..self.n).step_by(maps) {
            let mut sums = Sums::new();
            for q in q..(q + maps).min(self.n) {
                let start = q * self.stride + self.start;
                if self.width <= SCATTERED {
                    for tensor in tensors {
                        prefetch(tensor, start + AHEAD * self.stride, self.width);
                    }
                }
                add(&mut sums, tensors.map(|tensor| &tensor[start..]));
            }
            let [a, b] = sums.total();
            first += f64::from(a);
            second += f64::from(b);
        }
        (first, second)
    }
}

impl Dims {
    /// Channels a task takes at once.
    fn channels(self) -> usize {
        if self.s < SMALL { (BLOCK / self.s.max(1)).max(1) } else { 1 }
    }

    fn part(self, task: usize) -> (std::ops::Range<usize>, Part) {
        let first = task * self.channels();
        let last = (first + self.channels()).min(self.c);
        let part = Part { start: first * self.s, width: (last - first) * self.s, stride: self.c * self.s, n: self.n };
        (first..last, part)
    }

    fn tasks(self) -> usize {
        self.c.div_ceil(self.channels())
    }
}

/// Writes the normalised batch to `y` and returns mean and biased variance of each channel.
pub(super) fn forward(x: &[f32], setting: Setting<'_>, y: &mut [f32]) -> (Vec<f32>, Vec<f32>) {
    let Dims { n, s, .. } = setting.dims;
    let out = Shared::new(y);
    let per_task = |task: usize| {
        let (channels, part) = setting.dims.part(task);
        let stats: Vec<(f32, f32)> = match setting.fixed {
            Some((mean, var)) => channels.clone().map(|c| (mean[c], var[c])).collect(),
            None => moments(x, part, channels.len(), n * s),
        };
        let coefficient = |i: usize, (mean, var): (f32, f32)| {
            let c = channels.start + i;
            let a = (f64::from(setting.gamma[c]) / (f64::from(var) + setting.eps).sqrt()) as f32;
            (mean, a, setting.beta[c])
        };
        let affine: Vec<_> = stats.iter().enumerate().map(|(i, &st)| coefficient(i, st)).collect();
        if channels.len() == 1 && s >= SMALL {
            apply_map(x, part, affine[0], setting.relu, out);
        } else {
            apply_block(x, part, &spread(&affine, s), setting.relu, out);
        }
        stats
    };
    (0..setting.dims.tasks()).into_par_iter().flat_map_iter(per_task).unzip()
}

/// Writes the gradient of x to `gx`, if it is wanted, and returns those of gamma and beta; `y` is the output.
///
/// Without `sums`, which constant statistics do not need, the latter are zero.
pub(super) fn backward(
    (x, y, grad): (&[f32], &[f32], &[f32]),
    (mean, var): (&[f32], &[f32]),
    setting: Setting<'_>,
    sums: bool,
    gx: Option<&mut [f32]>,
) -> (Vec<f32>, Vec<f32>) {
    let Dims { n, s, .. } = setting.dims;
    let count = (n * s) as f64;
    let out = gx.map(Shared::new);
    let per_task = |task: usize| {
        let (channels, part) = setting.dims.part(task);
        let means: Vec<f32> = channels.clone().map(|c| mean[c]).collect();
        let by_map = channels.len() == 1 && s >= SMALL;
        let sums = if !sums {
            vec![(0.0, 0.0); channels.len()]
        } else if by_map {
            vec![sums_map((x, y, grad), part, means[0], setting.relu)]
        } else {
            gather(&sums_block((x, y, grad), part, &spread(&means, s), setting.relu), s, channels.len())
        };
        let mut grads = Vec::with_capacity(channels.len());
        let mut terms = Vec::with_capacity(channels.len());
        for (c, (sum, product)) in channels.zip(sums) {
            let scale = 1.0 / (f64::from(var[c]) + setting.eps).sqrt();
            let k = f64::from(setting.gamma[c]) * scale;
            // Constants have no share in the gradient of x.
            let (through_mean, through_var) = match setting.fixed {
                Some(_) => (0.0, 0.0),
                None => (sum / count, product * scale * scale / count),
            };
            terms.push((mean[c], k as f32, through_mean as f32, through_var as f32));
            grads.push(((product * scale) as f32, sum as f32));
        }
        match out {
            Some(out) if by_map => gradient_map((x, y, grad), part, terms[0], setting.relu, out),
            Some(out) => gradient_block((x, y, grad), part, &spread(&terms, s), setting.relu, out),
            None => (),
        }
        grads
    };
    (0..setting.dims.tasks()).into_par_iter().flat_map_iter(per_task).unzip()
}

/// Repeats each channel's value for its `s` positions.
fn spread<T: Copy>(values: &[T], s: usize) -> Vec<T> {
    values.iter().flat_map(|&v| std::iter::repeat_n(v, s)).collect()
}

/// Adds the `s` positions of each channel.
fn gather(values: &[(f64, f64)], s: usize, channels: usize) -> Vec<(f64, f64)> {
    let add = |a: (f64, f64), b: &(f64, f64)| (a.0 + b.0, a.1 + b.1);
    (0..channels).map(|c| values[c * s..(c + 1) * s].iter().fold((0.0, 0.0), add)).collect()
}

/// Mean and biased variance of each channel of a part.
///
/// One pass over x − a, a being the mean of the first sample: its distance from the mean of N samples is at most √N
/// standard deviations, so that the subtraction costs at most a factor N of a rounding error in `f64`.
fn moments(x: &[f32], part: Part, channels: usize, count: usize) -> Vec<(f32, f32)> {
    let s = part.width / channels.max(1);
    let shift: Vec<f32> = x[part.start..part.start + part.width]
        .chunks_exact(s.max(1))
        .map(|map| map.iter().sum::<f32>() / s as f32)
        .collect();
    let sums = if channels == 1 && s >= SMALL {
        vec![moments_map(x, part, shift[0])]
    } else {
        gather(&moments_block(x, part, &spread(&shift, s)), s, channels)
    };
    let finish = |(&shift, (sum, squares)): (&f32, (f64, f64))| {
        let mean = sum / count as f64;
        let variance = squares / count as f64 - mean * mean;
        // Not `max`, behind which NaN would be 0.
        ((f64::from(shift) + mean) as f32, if variance < 0.0 { 0.0 } else { variance as f32 })
    };
    shift.iter().zip(sums).map(finish).collect()
}

/// The gradient behind the ReLU, which is closed where its output is not positive.
#[inline(always)]
fn open(relu: bool, y: f32, g: f32) -> f32 {
    if relu && y <= 0.0 { 0.0 } else { g }
}

/// ReLU, through which NaN passes.
#[inline(always)]
fn rectify(relu: bool, v: f32) -> f32 {
    if relu && v <= 0.0 { 0.0 } else { v }
}

wide! {
    fn moments_map(x: &[f32], part: Part, shift: f32) -> (f64, f64) {
        part.sums([x], |sums, map| sums.add_first(part.width, map, |[v]| [v - shift, (v - shift) * (v - shift)]))
    }

    fn moments_block(x: &[f32], part: Part, shift: &[f32]) -> Vec<(f64, f64)> {
        let mut sums = vec![(0f64, 0f64); part.width];
        for q in 0..part.n {
            let row = &x[q * part.stride + part.start..][..part.width];
            for ((total, v), shift) in sums.iter_mut().zip(row).zip(shift) {
                let v = f64::from(v - shift);
                total.0 += v;
                total.1 += v * v;
            }
        }
        sums
    }

    fn apply_map(x: &[f32], part: Part, (mean, a, b): (f32, f32, f32), relu: bool, out: Shared) {
        for q in 0..part.n {
            let start = q * part.stride + part.start;
            // SAFETY: the parts of different tasks are disjoint, and lie inside the output, which is as long as x.
            let y = unsafe { out.at(start, part.width) };
            for (y, v) in y.iter_mut().zip(&x[start..start + part.width]) {
                *y = rectify(relu, (v - mean) * a + b);
            }
        }
    }

    fn apply_block(x: &[f32], part: Part, affine: &[(f32, f32, f32)], relu: bool, out: Shared) {
        for q in 0..part.n {
            let start = q * part.stride + part.start;
            // SAFETY: as in `apply_map`.
            let y = unsafe { out.at(start, part.width) };
            for ((y, v), (mean, a, b)) in y.iter_mut().zip(&x[start..start + part.width]).zip(affine) {
                *y = rectify(relu, (v - mean) * a + b);
            }
        }
    }

    fn sums_map((x, y, grad): (&[f32], &[f32], &[f32]), part: Part, mean: f32, relu: bool) -> (f64, f64) {
        part.sums([x, y, grad], |sums, maps| {
            sums.add_first(part.width, maps, |[x, y, g]| {
                let g = open(relu, y, g);
                [g, g * (x - mean)]
            });
        })
    }

    fn sums_block((x, y, grad): (&[f32], &[f32], &[f32]), part: Part, mean: &[f32], relu: bool) -> Vec<(f64, f64)> {
        let mut sums = vec![(0f64, 0f64); part.width];
        for q in 0..part.n {
            let start = q * part.stride + part.start;
            let end = start + part.width;
            let (x, y, g) = (&x[start..end], &y[start..end], &grad[start..end]);
            for i in 0..part.width {
                let g = f64::from(open(relu, y[i], g[i]));
                sums[i].0 += g;
                sums[i].1 += g * f64::from(x[i] - mean[i]);
            }
        }
        sums
    }

    fn gradient_map(
        (x, y, grad): (&[f32], &[f32], &[f32]),
        part: Part,
        (mean, k, first, second): (f32, f32, f32, f32),
        relu: bool,
        out: Shared,
    ) {
        for q in 0..part.n {
            let start = q * part.stride + part.start;
            let end = start + part.width;
            let (x, y, g) = (&x[start..end], &y[start..end], &grad[start..end]);
            // SAFETY: as in `apply_map`.
            let gx = unsafe { out.at(start, part.width) };
            for i in 0..part.width {
                gx[i] = k * (open(relu, y[i], g[i]) - first - (x[i] - mean) * second);
            }
        }
    }

    fn gradient_block(
        (x, y, grad): (&[f32], &[f32], &[f32]),
        part: Part,
        terms: &[(f32, f32, f32, f32)],
        relu: bool,
        out: Shared,
    ) {
        for q in 0..part.n {
            let start = q * part.stride + part.start;
            let end = start + part.width;
            let (x, y, g) = (&x[start..end], &y[start..end], &grad[start..end]);
            // SAFETY: as in `apply_map`.
            let gx = unsafe { out.at(start, part.width) };
            for (i, &(mean, k, first, second)) in terms.iter().enumerate() {
                gx[i] = k * (open(relu, y[i], g[i]) - first - (x[i] - mean) * second);
            }
        }
    }
}
