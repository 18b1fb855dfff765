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
        // Enlarging, only the first two of three pixels under the filter have a weight.
        let taps = if scale <= 1.0 { 2 } else { (2.0 * support).ceil() as usize + 1 }.min(input);
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

fn planes<T: Copy + Into<f32>>(
    v: &[T],
    image: &Image,
    region: Region,
    width: usize,
    height: usize,
    scale: f32,
) -> Vec<f32> {
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
fn down<'a, T: Copy + Into<f32> + 'a>(
    axis: &Axis,
    i: usize,
    to: &mut [f32],
    row: impl Fn(usize) -> &'a [T],
    scale: f32,
) {
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
    match axis.taps {
        2 => across_fixed::<2>(from, axis, to),
        3 => across_fixed::<3>(from, axis, to),
        4 => across_fixed::<4>(from, axis, to),
        5 => across_fixed::<5>(from, axis, to),
        _ => across_any(from, axis, to),
    }
}

/// The same with a number of taps that is known to the compiler, several times as fast.
fn across_fixed<const TAPS: usize>(from: &[f32], axis: &Axis, to: &mut [f32]) {
    let (weights, _) = axis.weights.as_chunks::<TAPS>();
    for ((to, start), weights) in to.iter_mut().zip(&axis.starts).zip(weights) {
        if let Some(window) = from.get(*start..).and_then(|w| w.first_chunk::<TAPS>()) {
            let mut sum = 0.0;
            for tap in 0..TAPS {
                sum += window[tap] * weights[tap];
            }
            *to = sum;
        }
    }
}

fn across_any(from: &[f32], axis: &Axis, to: &mut [f32]) {
    for ((to, start), weights) in to.iter_mut().zip(&axis.starts).zip(axis.weights.chunks_exact(axis.taps)) {
        let window = &from[*start..*start + axis.taps];
        *to = window.iter().zip(weights).map(|(v, w)| v * w).sum();
    }
}

#[cfg(test)]
mod tests {
    use super::{super::reference::*, *};

    fn image(height: usize, width: usize) -> Image {
        Image::from_f32(width, height, 1, pattern(1, height, width)).unwrap()
    }

    #[test]
    fn resizing_is_torchvisions_with_antialias() {
        // resize(pattern(1, 9, 11), [h, w], antialias=True)
        let resized = |h, w| resample(&image(9, 11), Region::whole(&image(9, 11)), w, h);
        let expected = [0.457081, 0.545022, 0.428052, 0.508225, 0.448237, 0.55274, 0.480783, 0.564745];
        assert_starts(&resized(4, 5), &expected, 10.08445);
        assert_starts(&resized(9, 11), &pattern(1, 9, 11), 50.22727);
        let expected = [0.0, 0.169034, 0.387784, 0.606534, 0.825284, 0.75, 0.25, 0.43608];
        assert_starts(&resized(14, 16), &expected, 113.29367);
        let expected = [0.494318, 0.524503, 0.506392, 0.365767, 0.535511, 0.607244, 0.466619, 0.411754];
        assert_starts(&resized(3, 16), &expected, 24.31248);
        let expected = [0.36532, 0.586364, 0.504546, 0.435185, 0.446905, 0.480303, 0.482925, 0.485496];
        assert_starts(&resized(13, 4), &expected, 26.19356);
    }

    #[test]
    fn a_crop_sees_nothing_outside_its_rectangle() {
        // resized_crop(pattern(1, 9, 11), top 2, left 3, height 5, width 6, [4, 4], antialias=True)
        let values = resample(&image(9, 11), Region { x: 3, y: 2, width: 6, height: 5 }, 4, 4);
        let expected = [0.598011, 0.525253, 0.520202, 0.414773, 0.527936, 0.634259, 0.474327, 0.5625];
        assert_starts(&values, &expected, 8.09028);
    }

    #[test]
    fn eight_and_sixteen_bits_give_what_floats_give() {
        let floats = Image::from_f32(6, 5, 3, (0..90).map(|i| (i * 7 % 256) as f32 / 255.0).collect()).unwrap();
        let bytes = Image::new(6, 5, 3, Pixels::U8((0..90u32).map(|i| (i * 7 % 256) as u8).collect())).unwrap();
        let words = Image::new(6, 5, 3, Pixels::U16((0..90u32).map(|i| (i * 7 % 256) as u16 * 257).collect())).unwrap();
        for (w, h) in [(6, 5), (3, 9), (9, 2)] {
            let expected = resample(&floats, Region::whole(&floats), w, h);
            for image in [&bytes, &words] {
                let found = resample(image, Region::whole(image), w, h);
                assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-6));
            }
        }
    }

    #[test]
    fn any_size_becomes_any_size_and_a_flat_image_stays_flat() {
        for (h, w) in [(1, 1), (1, 7), (2, 2), (50, 3), (33, 17)] {
            let flat = Image::from_f32(w, h, 1, vec![0.3; w * h]).unwrap();
            for (oh, ow) in [(1, 1), (2, 5), (31, 8), (64, 64)] {
                let values = resample(&flat, Region::whole(&flat), ow, oh);
                assert_eq!(values.len(), oh * ow);
                assert!(values.iter().all(|v| (v - 0.3).abs() < 1e-5));
            }
        }
    }
}
