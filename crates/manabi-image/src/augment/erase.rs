//! Random erasing, arXiv:1708.04896: one rectangle filled with the image's mean.

use manabi_core::rng::Rng;

/// Fills a random rectangle (2 % to 33 % of the area, sides between 3:10 and 10:3) of every
/// plane with that plane's mean.
pub fn erase(values: &mut [f32], width: usize, height: usize, rng: &mut Rng) {
    let bound = (10.0f32 / 3.0).ln();
    for _ in 0..10 {
        let area = (width * height) as f32 * rng.range(0.02, 0.33);
        let ratio = rng.range(-bound, bound).exp();
        let (w, h) = ((area * ratio).sqrt().round() as usize, (area / ratio).sqrt().round() as usize);
        if w == 0 || h == 0 || w > width || h > height {
            continue;
        }
        let (x, y) = (rng.below(width - w + 1), rng.below(height - h + 1));
        for plane in values.chunks_exact_mut(width * height) {
            let mean = plane.iter().sum::<f32>() / plane.len() as f32;
            for row in plane.chunks_exact_mut(width).skip(y).take(h) {
                row[x..x + w].fill(mean);
            }
        }
        return;
    }
}

#[cfg(test)]
mod tests {
    use manabi_core::rng::{Key, Purpose};

    use super::*;

    #[test]
    fn one_rectangle_of_every_plane_is_filled_with_its_mean() {
        let mut rng = Key::new(5, Purpose::Augment).rng();
        for _ in 0..50 {
            let before: Vec<f32> = (0..3 * 400).map(|i| (i % 7) as f32 / 7.0).collect();
            let mut values = before.clone();
            erase(&mut values, 20, 20, &mut rng);
            for (old, new) in before.chunks(400).zip(values.chunks(400)) {
                let mean = old.iter().sum::<f32>() / 400.0;
                let changed = old.iter().zip(new).filter(|(a, b)| a != b).count();
                assert!((4..=150).contains(&changed), "{changed}");
                assert!(old.iter().zip(new).all(|(a, b)| a == b || (b - mean).abs() < 1e-6));
            }
        }
    }
}
