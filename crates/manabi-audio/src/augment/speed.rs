//! Faster or slower by resampling: tempo and pitch change together, as with a tape.

/// `length` samples of `samples` played `factor` times as fast from `offset` on: `y[i] = x(offset + i·factor)`, by
/// Catmull and Rom's cubic between samples; the last sample goes on where there are no more.
pub fn resampled(samples: &[f32], offset: f64, factor: f64, length: usize) -> Vec<f32> {
    let last = samples.len().saturating_sub(1);
    let at = |i: isize| samples.get((i.max(0) as usize).min(last)).copied().unwrap_or(0.0);
    (0..length)
        .map(|i| {
            let place = offset + i as f64 * factor;
            let whole = place.floor();
            let (i, t) = (whole as isize, (place - whole) as f32);
            let (a, b, c, d) = (at(i - 1), at(i), at(i + 1), at(i + 2));
            b + 0.5 * t * (c - a + t * (2.0 * a - 5.0 * b + 4.0 * c - d + t * (3.0 * (b - c) + d - a)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_is_raised_by_the_factor() {
        let tone = |step: f32, n: usize| (0..n).map(|i| (i as f32 * step).sin()).collect::<Vec<_>>();
        let faster = resampled(&tone(0.1, 2_000), 0.0, 1.25, 1_500);
        let error = faster.iter().zip(tone(0.125, 1_500)).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(error < 1e-3, "{error}");
        assert_eq!(resampled(&tone(0.1, 50), 0.0, 1.0, 50), tone(0.1, 50));
    }

    #[test]
    fn no_samples_are_silence() {
        assert_eq!(resampled(&[], 0.0, 1.0, 3), [0.0; 3]);
        assert!(resampled(&[1.0, 2.0], 5.0, 3.0, 4).iter().all(|v| (v - 2.0).abs() < 1e-6));
    }
}
