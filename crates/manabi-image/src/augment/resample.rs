//! A rectangle of an image resized to another size: bilinear, area-true when shrinking.
//!
//! Two passes with the weights of [`Axis`]. Down is a sum of whole rows, which vectorises as it stands. Across would
//! gather single values, so it takes eight rows at once, column by column: one vector holds a column of the eight.

use manabi_kernels::wide;

use super::axis::Axis;
use crate::image::{Image, Pixels};

/// Rows that go across together.
const ROWS: usize = 8;
/// Any number of taps.
const ANY: usize = 0;

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

/// `region` of `image` as planar values in `[0, 1]` of `width × height`.
pub fn resample(image: &Image, region: Region, width: usize, height: usize) -> Vec<f32> {
    let (from, to) = ((image.width, image.height), (width, height));
    match &image.pixels {
        Pixels::U8(v) => planes(v, from, region, to, 1.0 / 255.0),
        Pixels::U16(v) => planes(v, from, region, to, 1.0 / 65_535.0),
        Pixels::F32(v) => planes(v, from, region, to, 1.0),
    }
}

wide! {
    fn planes<T: Copy + Into<f32>>(
        values: &[T],
        (stride, rows): (usize, usize),
        region: Region,
        (width, height): (usize, usize),
        scale: f32,
    ) -> Vec<f32> {
        let Region { x, y, width: w, height: h } = region;
        let sources = values.chunks_exact(stride * rows);
        let mut out = Vec::with_capacity(sources.len() * width * height);
        if (w, h) == (width, height) {
            for source in sources {
                for row in source.chunks_exact(stride).skip(y).take(h) {
                    out.extend(row[x..x + w].iter().map(|v| cut((*v).into() * scale)));
                }
            }
            return out;
        }
        // The scale goes into the weights of the first pass.
        let rows_first = h > height;
        let columns = Axis::new(w, width, if rows_first { 1.0 } else { scale });
        let rows = Axis::new(h, height, if rows_first { scale } else { 1.0 });
        let (mut strip, mut turned) = (vec![[0.0; ROWS]; w], vec![[0.0; ROWS]; width]);
        let mut half = vec![0.0; if rows_first { ROWS * w } else { h.next_multiple_of(ROWS) * width }];
        let mut done = vec![0.0; ROWS * width];
        for source in sources {
            let row = |r: usize| &source[(y + r) * stride + x..][..w];
            if rows_first {
                for first in (0..height).step_by(ROWS) {
                    let count = ROWS.min(height - first);
                    for (i, to) in half.chunks_exact_mut(w).take(count).enumerate() {
                        down(&rows, first + i, to, row);
                    }
                    transpose(&mut strip, |r| &half[r.min(count - 1) * w..][..w]);
                    across(&strip, &columns, &mut turned, &mut done);
                    out.extend(done[..count * width].iter().map(|v| cut(*v)));
                }
            } else {
                // Enlarging rows: across first, so that fewer rows go across.
                for (strip_number, to) in half.chunks_exact_mut(ROWS * width).enumerate() {
                    transpose(&mut strip, |r| row((strip_number * ROWS + r).min(h - 1)));
                    across(&strip, &columns, &mut turned, to);
                }
                let line = &mut done[..width];
                for i in 0..height {
                    down(&rows, i, line, |r| &half[r * width..][..width]);
                    out.extend(line.iter().map(|v| cut(*v)));
                }
            }
        }
        out
    }
}

/// Rounding may leave the range by an ulp.
#[inline(always)]
fn cut(v: f32) -> f32 {
    if v > 1.0 { 1.0 } else { v }
}

/// The weighted sum of the rows that output row `i` sees.
#[inline(always)]
fn down<'a, T: Copy + Into<f32> + 'a>(axis: &Axis, i: usize, to: &mut [f32], row: impl Fn(usize) -> &'a [T]) {
    match to.len() {
        32.. => down_blocks::<T, 32>(axis, i, to, row),
        8.. => down_blocks::<T, 8>(axis, i, to, row),
        _ => down_blocks::<T, 1>(axis, i, to, row),
    }
}

/// In blocks whose sums stay in registers; the last one overlaps the one before it.
#[inline(always)]
fn down_blocks<'a, T: Copy + Into<f32> + 'a, const N: usize>(
    axis: &Axis,
    i: usize,
    to: &mut [f32],
    row: impl Fn(usize) -> &'a [T],
) {
    let (start, weights) = axis.window(i);
    for block in 0..to.len().div_ceil(N) {
        let from = (block * N).min(to.len() - N);
        let mut sums = [0.0; N];
        for (k, weight) in weights.iter().enumerate() {
            for (sum, v) in sums.iter_mut().zip(&row(start + k)[from..from + N]) {
                *sum += (*v).into() * weight;
            }
        }
        to[from..from + N].copy_from_slice(&sums);
    }
}

/// Eight rows as columns of eight.
#[inline(always)]
fn transpose<'a, T: Copy + Into<f32> + 'a>(strip: &mut [[f32; ROWS]], row: impl Fn(usize) -> &'a [T]) {
    let rows = [0, 1, 2, 3, 4, 5, 6, 7].map(|r| &row(r)[..strip.len()]);
    for (x, column) in strip.iter_mut().enumerate() {
        for (value, row) in column.iter_mut().zip(rows) {
            *value = row[x].into();
        }
    }
}

/// A strip of eight rows, filtered along its columns; eight rows of `to`.
#[inline(always)]
fn across(strip: &[[f32; ROWS]], axis: &Axis, turned: &mut [[f32; ROWS]], to: &mut [f32]) {
    // The usual numbers of taps are known to the compiler.
    match axis.taps() {
        2 => across_taps::<2>(strip, axis, turned),
        3 => across_taps::<3>(strip, axis, turned),
        4 => across_taps::<4>(strip, axis, turned),
        _ => across_taps::<ANY>(strip, axis, turned),
    }
    for (r, row) in to.chunks_exact_mut(turned.len()).enumerate() {
        for (value, column) in row.iter_mut().zip(&*turned) {
            *value = column[r];
        }
    }
}

#[inline(always)]
fn across_taps<const TAPS: usize>(strip: &[[f32; ROWS]], axis: &Axis, to: &mut [[f32; ROWS]]) {
    for (to, (start, weights)) in to.iter_mut().zip(axis.windows()) {
        let taps = if TAPS == ANY { weights.len() } else { TAPS };
        let (window, weights) = (&strip[start..start + taps], &weights[..taps]);
        let mut sums = [0.0; ROWS];
        for tap in 0..taps {
            let (column, weight) = (window[tap], weights[tap]);
            for lane in 0..ROWS {
                sums[lane] += column[lane] * weight;
            }
        }
        *to = sums;
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
