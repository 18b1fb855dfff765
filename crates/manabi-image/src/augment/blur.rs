//! Gaussian blur, separable, with mirrored edges (torchvision's `gaussian_blur`).

/// Blurs every plane of `width × height` with standard deviation `sigma` (pixels) and an odd
/// `kernel` width, which is cut to what the image can mirror.
pub fn gaussian(values: &mut [f32], width: usize, height: usize, kernel: usize, sigma: f32) {
    let reach = (kernel / 2).min(width.min(height).saturating_sub(1));
    if reach == 0 || sigma <= 0.0 {
        return;
    }
    let mut weights: Vec<f32> =
        (0..=2 * reach).map(|i| (-0.5 * ((i as f32 - reach as f32) / sigma).powi(2)).exp()).collect();
    let sum: f32 = weights.iter().sum();
    weights.iter_mut().for_each(|w| *w /= sum);
    let mut line = vec![0.0; width + 2 * reach];
    let mut half = vec![0.0; width * height];
    for plane in values.chunks_exact_mut(width * height) {
        for (row, half) in plane.chunks_exact(width).zip(half.chunks_exact_mut(width)) {
            for i in 0..reach {
                line[i] = row[reach - i];
                line[reach + width + i] = row[width - 2 - i];
            }
            line[reach..reach + width].copy_from_slice(row);
            half.fill(0.0);
            for (k, weight) in weights.iter().enumerate() {
                add(half, &line[k..k + width], *weight);
            }
        }
        for (y, row) in plane.chunks_exact_mut(width).enumerate() {
            row.fill(0.0);
            for (k, weight) in weights.iter().enumerate() {
                let from = mirror(y + k, reach, height);
                add(row, &half[from * width..][..width], *weight);
            }
        }
    }
}

/// Position `at - reach` in `0..n`, mirrored at the edges without repeating them.
fn mirror(at: usize, reach: usize, n: usize) -> usize {
    let at = at.abs_diff(reach);
    if at < n { at } else { 2 * (n - 1) - at }
}

fn add(to: &mut [f32], from: &[f32], weight: f32) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += from * weight;
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
    fn tiny_images_and_a_flat_one_survive() {
        for side in 1..4 {
            let mut values = vec![0.25; side * side];
            gaussian(&mut values, side, side, 9, 2.0);
            assert!(values.iter().all(|v| (v - 0.25).abs() < 1e-6));
        }
    }
}
