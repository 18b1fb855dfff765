//! Random resized crop: a rectangle of random area and shape.

use manabi_core::rng::Rng;

use super::resample::Region;

/// A random rectangle of an image of `width × height` pixels.
///
/// Its area is a share of the image's drawn from `scale`; its shape is drawn log-uniformly
/// between 3:4 and 4:3 (torchvision's `RandomResizedCrop`). For an image that is itself
/// longer than that the range reaches to the image's own shape: what evaluation sees (the
/// whole image, squeezed into a square) is then among what training sees.
pub fn random_region(width: usize, height: usize, scale: (f32, f32), rng: &mut Rng) -> Region {
    let (w, h) = (width as f32, height as f32);
    let own = (w / h).ln();
    let bound = (4.0f32 / 3.0).ln();
    let (low, high) = (own.min(-bound), own.max(bound));
    // Ten tries, as torchvision does; nearly always the first ones fit.
    for _ in 0..10 {
        let area = w * h * rng.range(scale.0, scale.1);
        let ratio = rng.range(low, high).exp();
        let (cw, ch) = ((area * ratio).sqrt().round() as usize, (area / ratio).sqrt().round() as usize);
        if (1..=width).contains(&cw) && (1..=height).contains(&ch) {
            return Region { x: rng.below(width - cw + 1), y: rng.below(height - ch + 1), width: cw, height: ch };
        }
    }
    Region { x: 0, y: 0, width, height }
}

#[cfg(test)]
mod tests {
    use manabi_core::rng::{Key, Purpose};

    use super::*;

    #[test]
    fn crops_lie_inside_and_their_area_is_in_the_range() {
        let mut rng = Key::new(1, Purpose::Augment).rng();
        for (w, h) in [(32, 32), (28, 28), (100, 30), (30, 100), (1, 1), (2, 300)] {
            for _ in 0..500 {
                let r = random_region(w, h, (0.2, 1.0), &mut rng);
                assert!(r.width >= 1 && r.height >= 1 && r.x + r.width <= w && r.y + r.height <= h);
                if w.min(h) >= 28 {
                    let share = (r.width * r.height) as f32 / (w * h) as f32;
                    assert!((0.17..=1.0).contains(&share), "{share}");
                }
            }
        }
    }

    #[test]
    fn crops_of_a_long_image_reach_its_own_shape() {
        let mut rng = Key::new(1, Purpose::Augment).rng();
        let ratios: Vec<f32> = (0..500)
            .map(|_| random_region(300, 100, (0.2, 1.0), &mut rng))
            .map(|r| r.width as f32 / r.height as f32)
            .collect();
        assert!(ratios.iter().any(|r| *r > 2.6) && ratios.iter().any(|r| *r < 1.0));
        assert!(ratios.iter().all(|r| (0.7..3.2).contains(r)));
    }
}
