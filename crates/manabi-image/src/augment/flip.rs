//! Mirror images.

/// Left becomes right, in each row of `width` values.
pub fn horizontal(values: &mut [f32], width: usize) {
    values.chunks_exact_mut(width).for_each(<[f32]>::reverse);
}

/// Top becomes bottom, in each plane of `height` rows of `width` values.
pub fn vertical(values: &mut [f32], width: usize, height: usize) {
    for plane in values.chunks_exact_mut(width * height) {
        for row in 0..height / 2 {
            let (top, bottom) = plane.split_at_mut((height - 1 - row) * width);
            top[row * width..][..width].swap_with_slice(&mut bottom[..width]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_flip_mirrors_its_axis_of_every_plane() {
        let original: Vec<f32> = (0..12).map(|i| i as f32).collect();
        let mut values = original.clone();
        horizontal(&mut values, 2);
        assert_eq!(values, [1., 0., 3., 2., 5., 4., 7., 6., 9., 8., 11., 10.]);
        let mut values = original;
        vertical(&mut values, 2, 3);
        assert_eq!(values, [4., 5., 2., 3., 0., 1., 10., 11., 8., 9., 6., 7.]);
    }
}
