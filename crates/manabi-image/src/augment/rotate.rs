//! Rotation by a small angle.

/// Every plane turned by `degrees` anticlockwise about its centre, bilinear; what comes from
/// outside repeats the edge.
pub fn rotate(values: &mut [f32], width: usize, height: usize, degrees: f32) {
    let (sin, cos) = degrees.to_radians().sin_cos();
    let (cx, cy) = ((width as f32 - 1.0) / 2.0, (height as f32 - 1.0) / 2.0);
    let mut source = vec![0.0; width * height];
    for plane in values.chunks_exact_mut(width * height) {
        source.copy_from_slice(plane);
        for (y, row) in plane.chunks_exact_mut(width).enumerate() {
            let dy = y as f32 - cy;
            for (x, value) in row.iter_mut().enumerate() {
                let dx = x as f32 - cx;
                let sx = (cx + cos * dx - sin * dy).clamp(0.0, width as f32 - 1.0);
                let sy = (cy + sin * dx + cos * dy).clamp(0.0, height as f32 - 1.0);
                let (x0, y0) = (sx as usize, sy as usize);
                let (x1, y1) = ((x0 + 1).min(width - 1), (y0 + 1).min(height - 1));
                let (fx, fy) = (sx - x0 as f32, sy - y0 as f32);
                let top = source[y0 * width + x0] * (1.0 - fx) + source[y0 * width + x1] * fx;
                let bottom = source[y1 * width + x0] * (1.0 - fx) + source[y1 * width + x1] * fx;
                *value = top * (1.0 - fy) + bottom * fy;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_angle_changes_nothing_and_a_quarter_turn_is_exact() {
        let original: Vec<f32> = (0..9).map(|i| i as f32 / 9.0).collect();
        let mut values = original.clone();
        rotate(&mut values, 3, 3, 0.0);
        assert_eq!(values, original);
        rotate(&mut values, 3, 3, 90.0);
        let turned = [2, 5, 8, 1, 4, 7, 0, 3, 6].map(|i| i as f32 / 9.0);
        assert!(values.iter().zip(turned).all(|(a, b)| (a - b).abs() < 1e-5), "{values:?}");
    }
}
