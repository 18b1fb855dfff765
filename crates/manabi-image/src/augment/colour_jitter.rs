//! Brightness, contrast, saturation and hue by chance, in an order by chance: torchvision's `ColorJitter`.

use manabi_core::rng::Rng;

use super::colours::Change;

/// Largest changes; 0 switches one off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Jitter {
    /// Factor from `1 − b` (at least 0) to `1 + b`.
    pub brightness: f32,
    /// Factor about the mean.
    pub contrast: f32,
    /// Factor about the luma.
    pub saturation: f32,
    /// Turn of the colour circle, from `−h` to `h` (0.5 is half a circle).
    pub hue: f32,
}

impl Jitter {
    /// All changes scaled by `factor`.
    pub fn scaled(self, factor: f32) -> Self {
        Self {
            brightness: self.brightness * factor,
            contrast: self.contrast * factor,
            saturation: self.saturation * factor,
            hue: self.hue * factor,
        }
    }

    /// Draws the factors and an order of the changes that are not switched off.
    pub fn draw(self, rng: &mut Rng) -> impl Iterator<Item = Change> {
        let mut order = [0, 1, 2, 3];
        rng.shuffle(&mut order);
        let mut factor = |limit: f32| rng.range((1.0 - limit).max(0.0), 1.0 + limit);
        let (b, c, s) = (factor(self.brightness), factor(self.contrast), factor(self.saturation));
        let h = rng.range(-self.hue, self.hue);
        order.into_iter().filter_map(move |change| match change {
            0 => (self.brightness > 0.0).then_some(Change::Brightness(b)),
            1 => (self.contrast > 0.0).then_some(Change::Contrast(c)),
            2 => (self.saturation > 0.0).then_some(Change::Saturation(s)),
            _ => (self.hue > 0.0).then_some(Change::Hue(h)),
        })
    }
}

#[cfg(test)]
mod tests {
    use manabi_core::rng::{Key, Purpose};

    use super::{super::colours, super::reference::*, *};

    fn applied(jitter: Jitter, mut values: Vec<f32>, rng: &mut Rng) -> Vec<f32> {
        colours::apply(&mut values, 3, &jitter.draw(rng).collect::<Vec<_>>());
        values
    }

    #[test]
    fn jitter_of_nothing_changes_nothing_and_grey_images_keep_no_colour() {
        let mut rng = Key::new(0, Purpose::Augment).rng();
        let none = Jitter { brightness: 0.0, contrast: 0.0, saturation: 0.0, hue: 0.0 };
        assert_eq!(applied(none, pattern(3, 4, 5), &mut rng.clone()), pattern(3, 4, 5));
        let all = Jitter { brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.5 };
        let grey = applied(all, pattern(1, 4, 5).repeat(3), &mut rng);
        assert!((0..20).all(|i| (grey[i] - grey[20 + i]).abs() < 1e-5 && (grey[i] - grey[40 + i]).abs() < 1e-5));
        assert!(grey.iter().all(|v| (0.0..=1.0).contains(v)));
    }

    #[test]
    fn all_four_changes_are_drawn_in_every_order() {
        let mut rng = Key::new(0, Purpose::Augment).rng();
        let all = Jitter { brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 };
        let mut first = [0; 4];
        for _ in 0..200 {
            let changes: Vec<Change> = all.draw(&mut rng).collect();
            assert_eq!(changes.len(), 4);
            match changes[0] {
                Change::Brightness(f) => first[0] += usize::from((0.6..1.4).contains(&f)),
                Change::Contrast(f) => first[1] += usize::from((0.6..1.4).contains(&f)),
                Change::Saturation(f) => first[2] += usize::from((0.6..1.4).contains(&f)),
                Change::Hue(turn) => first[3] += usize::from((-0.1..0.1).contains(&turn)),
                Change::Grey => {}
            }
        }
        assert!(first.iter().sum::<usize>() == 200 && first.iter().all(|n| *n > 25), "{first:?}");
    }
}
