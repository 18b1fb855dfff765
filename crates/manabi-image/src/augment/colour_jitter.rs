//! Brightness, contrast, saturation and hue, as torchvision's `ColorJitter` means them.

use manabi_core::rng::Rng;

use crate::image::luma;

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

    /// Draws the factors and an order and applies them to planar `values` of `channels` channels;
    /// saturation and hue do nothing to grey images.
    pub fn apply(self, values: &mut [f32], channels: usize, rng: &mut Rng) {
        let mut order = [0, 1, 2, 3];
        rng.shuffle(&mut order);
        let mut factor = |limit: f32| rng.range((1.0 - limit).max(0.0), 1.0 + limit);
        let (b, c, s) = (factor(self.brightness), factor(self.contrast), factor(self.saturation));
        let h = rng.range(-self.hue, self.hue);
        for operation in order {
            match operation {
                0 if self.brightness > 0.0 => brightness(values, b),
                1 if self.contrast > 0.0 => contrast(values, channels, c),
                2 if self.saturation > 0.0 && channels == 3 => saturation(values, s),
                3 if self.hue > 0.0 && channels == 3 => hue(values, h),
                _ => {}
            }
        }
    }
}

/// Compiles to one instruction each, unlike `f32::clamp` with its rules for NaN.
#[inline(always)]
fn unit(v: f32) -> f32 {
    let v = if v > 0.0 { v } else { 0.0 };
    if v < 1.0 { v } else { 1.0 }
}

/// Every value times `factor`, cut to `[0, 1]`.
pub fn brightness(values: &mut [f32], factor: f32) {
    for v in values {
        *v = unit(*v * factor);
    }
}

/// Distance from the mean luma times `factor`.
pub fn contrast(values: &mut [f32], channels: usize, factor: f32) {
    let mean = if channels == 3 {
        let (r, g, b) = thirds(values);
        sum(r) * 0.2989 + sum(g) * 0.587 + sum(b) * 0.114
    } else {
        sum(values)
    } / (values.len() / channels) as f32;
    let offset = (1.0 - factor) * mean;
    for v in values {
        *v = unit(*v * factor + offset);
    }
}

/// A sum in eight lanes: the same for every machine, and vectorised.
fn sum(values: &[f32]) -> f32 {
    let mut lanes = [0.0f32; 8];
    let chunks = values.chunks_exact(8);
    let rest: f32 = chunks.remainder().iter().sum();
    for chunk in chunks {
        for (lane, v) in lanes.iter_mut().zip(chunk) {
            *lane += v;
        }
    }
    lanes.iter().sum::<f32>() + rest
}

/// Distance from each pixel's luma times `factor`; three planes.
pub fn saturation(values: &mut [f32], factor: f32) {
    let (r, g, b) = thirds(values);
    for ((r, g), b) in r.iter_mut().zip(g).zip(b) {
        let grey = luma(*r, *g, *b) * (1.0 - factor);
        *r = unit(*r * factor + grey);
        *g = unit(*g * factor + grey);
        *b = unit(*b * factor + grey);
    }
}

/// Every colour turned by `turn` of the colour circle (HSV), −0.5 to 0.5; three planes.
pub fn hue(values: &mut [f32], turn: f32) {
    let (r, g, b) = thirds(values);
    let turn = 6.0 * turn;
    for ((r, g), b) in r.iter_mut().zip(g).zip(b) {
        (*r, *g, *b) = turned(*r, *g, *b, turn);
    }
}

/// The HSV round trip without a branch: hue in sixths of the circle, shifted by `turn` in `[−3, 3]`.
#[inline(always)]
fn turned(r: f32, g: f32, b: f32, turn: f32) -> (f32, f32, f32) {
    let max = |a: f32, b: f32| if a > b { a } else { b };
    let min = |a: f32, b: f32| if a < b { a } else { b };
    let value = max(max(r, g), b);
    let range = value - min(min(r, g), b);
    let inverse = 1.0 / if range > 0.0 { range } else { 1.0 };
    let from_red = (g - b) * inverse;
    let from_green = 2.0 + (b - r) * inverse;
    let from_blue = 4.0 + (r - g) * inverse;
    let hue = if value == r {
        from_red
    } else if value == g {
        from_green
    } else {
        from_blue
    } + turn;
    let hue = if hue < 0.0 { hue + 6.0 } else { hue };
    let hue = if hue < 0.0 { hue + 6.0 } else { hue };
    let channel = |n: f32| {
        let k = n + hue;
        let k = if k >= 6.0 { k - 6.0 } else { k };
        let k = if k >= 6.0 { k - 6.0 } else { k };
        value - range * unit(min(k, 4.0 - k))
    };
    (channel(5.0), channel(3.0), channel(1.0))
}

fn thirds(values: &mut [f32]) -> (&mut [f32], &mut [f32], &mut [f32]) {
    let n = values.len() / 3;
    let (r, rest) = values.split_at_mut(n);
    let (g, b) = rest.split_at_mut(n);
    (r, g, b)
}

#[cfg(test)]
mod tests {
    use manabi_core::rng::{Key, Purpose};

    use super::{super::reference::*, *};

    fn after(operation: impl Fn(&mut [f32])) -> Vec<f32> {
        let mut values = pattern(3, 4, 5);
        operation(&mut values);
        values
    }

    #[test]
    fn brightness_is_torchvisions() {
        // adjust_brightness(t, 1.4)
        let expected = [0.0, 0.127273, 1.0, 0.890909, 0.572727, 0.7, 0.318182, 0.445455, 0.127273, 1.0];
        assert_figures(&after(|v| brightness(v, 1.4)), expected, 38.55454);
    }

    #[test]
    fn contrast_is_torchvisions() {
        // adjust_contrast(t, 0.5), adjust_contrast(t, 1.6)
        let expected =
            [0.252543, 0.297998, 0.707089, 0.570725, 0.457089, 0.502543, 0.36618, 0.411634, 0.297998, 0.707089];
        assert_figures(&after(|v| contrast(v, 3, 0.5)), expected, 30.35715);
        let expected = [0.0, 0.0, 1.0, 0.71513, 0.351493, 0.496948, 0.060584, 0.206039, 0.0, 1.0];
        assert_figures(&after(|v| contrast(v, 3, 1.6)), expected, 30.24169);
    }

    #[test]
    fn saturation_is_torchvisions() {
        // adjust_saturation(t, 0.3), adjust_saturation(t, 1.7)
        let expected =
            [0.279618, 0.370521, 0.675641, 0.470527, 0.462011, 0.552914, 0.3478, 0.438703, 0.430186, 0.599993];
        assert_figures(&after(|v| saturation(v, 0.3)), expected, 30.33636);
        let expected = [0.0, 0.0, 1.0, 0.8022, 0.356171, 0.447086, 0.106745, 0.197661, 0.0, 1.0];
        assert_figures(&after(|v| saturation(v, 1.7)), expected, 30.42844);
    }

    #[test]
    fn hue_is_torchvisions() {
        // adjust_hue(t, 0.1), adjust_hue(t, -0.4), adjust_hue(t, 0.5)
        let expected = [0.0, 0.090909, 0.827273, 0.636364, 0.818182, 0.909091, 0.609091, 0.7, 0.090909, 0.754545];
        assert_figures(&after(|v| hue(v, 0.1)), expected, 35.35455);
        let expected = [0.636364, 0.727273, 0.172728, 0.0, 0.0, 0.090909, 0.027272, 0.118182, 0.909091, 0.427273];
        assert_figures(&after(|v| hue(v, -0.4)), expected, 25.46364);
        let expected = [0.636364, 0.727273, 0.090909, 0.0, 0.409091, 0.5, 0.409091, 0.5, 0.909091, 0.272727];
        assert_figures(&after(|v| hue(v, 0.5)), expected, 30.40908);
    }

    #[test]
    fn jitter_of_nothing_changes_nothing_and_grey_images_keep_no_colour() {
        let mut rng = Key::new(0, Purpose::Augment).rng();
        let none = Jitter { brightness: 0.0, contrast: 0.0, saturation: 0.0, hue: 0.0 };
        assert_eq!(after(|v| none.apply(v, 3, &mut rng.clone())), pattern(3, 4, 5));
        let all = Jitter { brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.5 };
        let mut grey = pattern(1, 4, 5).repeat(3);
        all.apply(&mut grey, 3, &mut rng);
        assert!((0..20).all(|i| (grey[i] - grey[20 + i]).abs() < 1e-5 && (grey[i] - grey[40 + i]).abs() < 1e-5));
        assert!(grey.iter().all(|v| (0.0..=1.0).contains(v)));
    }
}
