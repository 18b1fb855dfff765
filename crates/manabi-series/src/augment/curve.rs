//! Smooth random curves: normal knots joined by a Catmull-Rom spline.

use manabi_core::rng::Rng;

/// `length` values of a smooth curve of mean 0 through `knots` normal values of deviation `sigma`.
pub fn smooth(length: usize, knots: usize, sigma: f32, rng: &mut Rng) -> Vec<f32> {
    let knots = knots.max(2);
    // One more at each end, for the spline's slopes there.
    let heights: Vec<f32> = (0..knots + 2).map(|_| sigma * rng.normal()).collect();
    let step = (knots - 1) as f32 / length.max(2).saturating_sub(1) as f32;
    (0..length)
        .map(|at| {
            let place = at as f32 * step;
            let from = (place as usize).min(knots - 2);
            let t = place - from as f32;
            let [a, b, c, d] = [heights[from], heights[from + 1], heights[from + 2], heights[from + 3]];
            0.5 * (2.0 * b
                + (c - a) * t
                + (2.0 * a - 5.0 * b + 4.0 * c - d) * t * t
                + (3.0 * (b - c) + d - a) * t * t * t)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{super::testing::rng, *};

    #[test]
    fn the_curve_is_smooth_and_of_the_asked_deviation() {
        let curves: Vec<Vec<f32>> = (0..500).map(|s| smooth(100, 4, 0.3, &mut rng(s))).collect();
        let ends: f32 = curves.iter().map(|c| c[0] * c[0] + c[99] * c[99]).sum();
        assert!(((ends / 1000.0).sqrt() - 0.3).abs() < 0.03);
        let jump = curves.iter().flat_map(|c| c.windows(2)).map(|w| (w[1] - w[0]).abs()).fold(0.0, f32::max);
        assert!(jump < 0.2, "{jump}");
        assert_eq!((smooth(1, 4, 0.3, &mut rng(0)).len(), smooth(0, 4, 0.3, &mut rng(0)).len()), (1, 0));
    }
}
