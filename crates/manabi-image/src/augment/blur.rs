//! Gaussian blur, separable, with mirrored edges (torchvision's `gaussian_blur`).

use manabi_kernels::wide;

/// Taps whose weight is a smaller share of the centre's than this are left out: all of them together move no value by
/// more than `f32` rounds it.
const NEGLIGIBLE: f32 = 1e-7;

/// Blurs every plane of `width × height` with standard deviation `sigma` (pixels) and an odd
/// `kernel` width, which is cut to what the image can mirror.
pub fn gaussian(values: &mut [f32], width: usize, height: usize, kernel: usize, sigma: f32) {
    let reach = (kernel / 2).min(width.min(height).saturating_sub(1));
    if reach == 0 || sigma <= 0.0 {
        return;
    }
    let weight = |distance: usize| (-0.5 * (distance as f32 / sigma).powi(2)).exp();
    let mut weights: Vec<f32> = (0..=reach).map(weight).take_while(|w| *w >= NEGLIGIBLE).collect();
    let sum: f32 = weights.iter().sum::<f32>() * 2.0 - 1.0;
    weights.iter_mut().for_each(|w| *w /= sum);
    if weights.len() > 1 {
        planes(values, width, height, &weights);
    }
}

wide! {
    /// `weights` are those of the centre, of its neighbours, of theirs, …
    fn planes(values: &mut [f32], width: usize, height: usize, weights: &[f32]) {
        let reach = weights.len() - 1;
        let mut line = vec![0.0; width + 2 * reach];
        let mut half = vec![0.0; width * height];
        for plane in values.chunks_exact_mut(width * height) {
            for (row, half) in plane.chunks_exact(width).zip(half.chunks_exact_mut(width)) {
                for i in 0..reach {
                    line[i] = row[reach - i];
                    line[reach + width + i] = row[width - 2 - i];
                }
                line[reach..reach + width].copy_from_slice(row);
                weighted(half, weights, |tap| &line[tap..tap + width]);
            }
            for (y, row) in plane.chunks_exact_mut(width).enumerate() {
                weighted(row, weights, |tap| &half[mirror(y + tap, reach, height) * width..][..width]);
            }
        }
    }
}

/// Position `at - reach` in `0..n`, mirrored at the edges without repeating them.
fn mirror(at: usize, reach: usize, n: usize) -> usize {
    let at = at.abs_diff(reach);
    if at < n { at } else { 2 * (n - 1) - at }
}

/// The weighted sum of the lines that `tap` gives, `2 · reach + 1` of them, symmetric about the middle one.
#[inline(always)]
fn weighted<'a>(to: &mut [f32], weights: &[f32], tap: impl Fn(usize) -> &'a [f32]) {
    match to.len() {
        32.. => blocks::<32>(to, weights, tap),
        8.. => blocks::<8>(to, weights, tap),
        _ => blocks::<1>(to, weights, tap),
    }
}

/// In blocks whose sums stay in registers; the last one overlaps the one before it.
#[inline(always)]
fn blocks<'a, const N: usize>(to: &mut [f32], weights: &[f32], tap: impl Fn(usize) -> &'a [f32]) {
    let reach = weights.len() - 1;
    for block in 0..to.len().div_ceil(N) {
        let from = (block * N).min(to.len() - N);
        let mut sums = [0.0; N];
        for (k, weight) in weights.iter().enumerate() {
            let (left, right) = (&tap(reach - k)[from..from + N], &tap(reach + k)[from..from + N]);
            // The centre is its own mirror image.
            let weight = if k == 0 { 0.5 * weight } else { *weight };
            for ((sum, left), right) in sums.iter_mut().zip(left).zip(right) {
                *sum += (left + right) * weight;
            }
        }
        to[from..from + N].copy_from_slice(&sums);
    }
}

#[cfg(test)]
mod tests {
    use super::{super::reference::*, *};

    #[test]
    fn blur_is_torchvisions() {
        // gaussian_blur(t, [3, 3], [0.8, 0.8])
        let mut values = pattern(3, 4, 5);
        gaussian(&mut values, 5, 4, 3, 0.8);
        let expected = [0.391082, 0.471195, 0.528805, 0.52773, 0.53952, 0.5, 0.379496, 0.44861, 0.471195, 0.518009];
        assert_figures(&values, expected, 30.22995);
        // gaussian_blur(pattern(1, 7, 6), [5, 5], [1.5, 1.5])
        let mut values = pattern(1, 7, 6);
        gaussian(&mut values, 6, 7, 5, 1.5);
        let expected = [0.480516, 0.503187, 0.506732, 0.491533, 0.456404, 0.457555, 0.489477, 0.504858];
        assert_starts(&values, &expected, 20.65856);
    }

    #[test]
    fn taps_that_are_left_out_move_no_value() {
        // A kernel of 23 taps with a deviation of 0.7 keeps four on each side.
        let (width, height) = (40, 33);
        let original = pattern(1, height, width);
        let mut values = original.clone();
        gaussian(&mut values, width, height, 23, 0.7);
        let weights: Vec<f64> = (-11..=11).map(|d| (-0.5 * (f64::from(d) / 0.7f64).powi(2)).exp()).collect();
        let sum: f64 = weights.iter().sum();
        let at = |y: usize, x: usize| -> f64 {
            let tap = |i: usize, k: usize| weights[i] / sum * weights[k] / sum;
            let place = |a: usize, i: usize, n: usize| mirror(a + i, 11, n);
            (0..23)
                .flat_map(|i| (0..23).map(move |k| (i, k)))
                .map(|(i, k)| tap(i, k) * f64::from(original[place(y, i, height) * width + place(x, k, width)]))
                .sum()
        };
        for (y, x) in [(0, 0), (5, 39), (16, 20), (32, 1)] {
            assert!((f64::from(values[y * width + x]) - at(y, x)).abs() < 5e-7);
        }
    }

    #[test]
    fn tiny_images_and_a_flat_one_survive() {
        for side in 1..4 {
            let mut values = vec![0.25; side * side];
            gaussian(&mut values, side, side, 9, 2.0);
            assert!(values.iter().all(|v| (v - 0.25).abs() < 1e-6));
        }
    }
}
