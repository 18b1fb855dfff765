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
    let hue = if value == r { from_red } else if value == g { from_green } else { from_blue } + turn;
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
