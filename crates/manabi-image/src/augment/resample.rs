//! A rectangle of an image resized to another size: bilinear, area-true when shrinking.
//!
//! The filter is the triangle that PIL and torchvision (`antialias=True`) use: as wide as
//! the shrinking factor, two taps when enlarging, cut at the rectangle's edge.

use crate::image::{Image, Pixels};

/// A rectangle in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// First column.
    pub x: usize,
    /// First row.
    pub y: usize,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

impl Region {
    /// The whole of `image`.
    pub fn whole(image: &Image) -> Self {
        Self { x: 0, y: 0, width: image.width, height: image.height }
    }
}

/// Filter weights of one axis: `taps` a output position, zero where there are fewer.
struct Axis {
    taps: usize,
    starts: Vec<usize>,
    weights: Vec<f32>,
}

impl Axis {
    fn new(input: usize, output: usize) -> Self {
        let scale = input as f32 / output as f32;
        let support = scale.max(1.0);
        let taps = ((2.0 * support).ceil() as usize + 1).min(input);
        let (mut starts, mut weights) = (Vec::with_capacity(output), vec![0.0; output * taps]);
        for (i, row) in weights.chunks_exact_mut(taps).enumerate() {
            let centre = (i as f32 + 0.5) * scale;
            let first = (centre - support + 0.5).max(0.0) as usize;
            let end = ((centre + support + 0.5) as usize).min(input).min(first + taps);
            // Weights are kept at `start .. start + taps`, inside the input.
            let start = first.min(input - taps);
            let mut sum = 0.0;
            for j in first..end {
                let weight = (1.0 - ((j as f32 + 0.5 - centre) / support).abs()).max(0.0);
                row[j - start] = weight;
                sum += weight;
            }
            row.iter_mut().for_each(|w| *w /= sum);
            starts.push(start);
        }
        Self { taps, starts, weights }
    }
}

/// `region` of `image` as planar values in `[0, 1]` of `width × height`.
pub fn resample(image: &Image, region: Region, width: usize, height: usize) -> Vec<f32> {
    let mut out = match &image.pixels {
        Pixels::U8(v) => planes(v, image, region, width, height, 1.0 / 255.0),
        Pixels::U16(v) => planes(v, image, region, width, height, 1.0 / 65_535.0),
        Pixels::F32(v) => planes(v, image, region, width, height, 1.0),
    };
    // Rounding may leave the range by an ulp.
    out.iter_mut().for_each(|v| *v = if *v > 1.0 { 1.0 } else { *v });
    out
}

fn planes<T: Copy + Into<f32>>(v: &[T], image: &Image, region: Region, width: usize, height: usize, scale: f32) -> Vec<f32> {
    let Region { x, y, width: w, height: h } = region;
    let plane = image.width * image.height;
    let mut out = vec![0.0f32; image.channels * width * height];
    let same = (w, h) == (width, height);
    let (columns, rows) = (Axis::new(w, width), Axis::new(h, height));
    let mut line = vec![0.0f32; w];
    let mut half = vec![0.0f32; if same { 0 } else { (h * width).max(height * w) }];
    for (source, target) in v.chunks_exact(plane).zip(out.chunks_exact_mut(width * height)) {
        let row = |r: usize| &source[(y + r) * image.width + x..][..w];
        if same {
            for (r, target) in target.chunks_exact_mut(w).enumerate() {
                convert(row(r), target, scale);
            }
        } else if h <= height {
            // Enlarging rows: across first, so that fewer rows are gathered.
            for (r, half) in half.chunks_exact_mut(width).take(h).enumerate() {
                convert(row(r), &mut line, scale);
                across(&line, &columns, half);
            }
            for (i, target) in target.chunks_exact_mut(width).enumerate() {
                down(&rows, i, target, |r| &half[r * width..][..width], 1.0);
            }
        } else {
            for (i, target) in target.chunks_exact_mut(width).enumerate() {
                let sum = &mut line[..];
                down(&rows, i, sum, row, scale);
                across(sum, &columns, target);
            }
        }
    }
    out
}

fn convert<T: Copy + Into<f32>>(from: &[T], to: &mut [f32], scale: f32) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = (*from).into() * scale;
    }
}

/// The weighted sum of the rows that output row `i` sees.
fn down<'a, T: Copy + Into<f32> + 'a>(axis: &Axis, i: usize, to: &mut [f32], row: impl Fn(usize) -> &'a [T], scale: f32) {
    let weights = &axis.weights[i * axis.taps..][..axis.taps];
    to.fill(0.0);
    for (k, weight) in weights.iter().enumerate().filter(|(_, w)| **w != 0.0) {
        let weight = weight * scale;
        for (to, from) in to.iter_mut().zip(row(axis.starts[i] + k)) {
            *to += (*from).into() * weight;
        }
    }
}

/// One row, filtered along its columns.
fn across(from: &[f32], axis: &Axis, to: &mut [f32]) {
    for ((to, start), weights) in to.iter_mut().zip(&axis.starts).zip(axis.weights.chunks_exact(axis.taps)) {
        let window = &from[*start..*start + axis.taps];
        *to = window.iter().zip(weights).map(|(v, w)| v * w).sum();
    }
}
