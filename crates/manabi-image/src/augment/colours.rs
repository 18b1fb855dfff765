//! Changes of colour, each as torchvision means it, applied in as few passes over the values as their order allows.
//!
//! Every change but contrast looks at one pixel alone. Contrast needs the mean of what the changes before it left, so
//! they run block by block, in the nearest cache, and add up the mean as they go; contrast itself and what follows it
//! are the next pass. A colour jitter and the grey after it are two passes instead of six.

use manabi_kernels::wide;

use crate::image::luma;

/// One change.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Change {
    /// Every value times the factor.
    Brightness(f32),
    /// Distance from the image's mean luma times the factor.
    Contrast(f32),
    /// Distance from each pixel's luma times the factor; colour images only.
    Saturation(f32),
    /// Every colour turned by this share of the colour circle (HSV), −0.5 to 0.5; colour images only.
    Hue(f32),
    /// All three channels become the luma (torchvision's `Grayscale(3)`); colour images only.
    Grey,
}

/// Pixels a block: three planes of it fill a third of a first-level cache of 32 KiB.
const BLOCK: usize = 1024;

/// A contrast whose mean is known: `value · factor + offset`.
#[derive(Clone, Copy)]
struct Affine {
    factor: f32,
    offset: f32,
}

/// Applies `changes` in order to planar `values` of `channels` (1 or 3) channels, and cuts to `[0, 1]` after each;
/// changes that need colour do nothing to grey images.
pub fn apply(values: &mut [f32], channels: usize, changes: &[Change]) {
    let pixels = values.len() / channels;
    let (mut contrast, mut rest) = (None, changes);
    while contrast.is_some() || !rest.is_empty() {
        let until = rest.iter().position(|c| matches!(c, Change::Contrast(_))).unwrap_or(rest.len());
        let (now, later) = rest.split_at(until);
        let wanted = !later.is_empty();
        let sum = match channels {
            3 => colour(values, contrast, now, wanted),
            _ => grey(values, contrast, now, wanted),
        };
        contrast = match later.first() {
            Some(Change::Contrast(factor)) => {
                Some(Affine { factor: *factor, offset: (1.0 - factor) * sum / pixels as f32 })
            }
            _ => None,
        };
        rest = later.get(1..).unwrap_or_default();
    }
}

wide! {
    /// One pass over three planes; the sum of the luma afterwards, if it is `wanted`.
    fn colour(values: &mut [f32], contrast: Option<Affine>, changes: &[Change], wanted: bool) -> f32 {
        let (red, rest) = values.split_at_mut(values.len() / 3);
        let (green, blue) = rest.split_at_mut(red.len());
        let mut sums = [[0.0; 8]; 3];
        let blocks = red.chunks_mut(BLOCK).zip(green.chunks_mut(BLOCK)).zip(blue.chunks_mut(BLOCK));
        for ((r, g), b) in blocks {
            if let Some(contrast) = contrast {
                [&mut *r, &mut *g, &mut *b].into_iter().for_each(|plane| affine(plane, contrast));
            }
            for change in changes {
                match change {
                    Change::Brightness(factor) => {
                        [&mut *r, &mut *g, &mut *b].into_iter().for_each(|plane| scale(plane, *factor));
                    }
                    Change::Saturation(factor) => saturate(r, g, b, *factor),
                    Change::Hue(turn) => turn_all(r, g, b, 6.0 * turn),
                    Change::Grey => saturate(r, g, b, 0.0),
                    Change::Contrast(_) => {} // comes as `contrast`
                }
            }
            if wanted {
                [&*r, &*g, &*b].iter().zip(&mut sums).for_each(|(plane, lanes)| add(plane, lanes));
            }
        }
        let [r, g, b] = sums.map(|lanes| lanes.iter().sum::<f32>());
        luma(r, g, b)
    }

    /// The same for one plane.
    fn grey(values: &mut [f32], contrast: Option<Affine>, changes: &[Change], wanted: bool) -> f32 {
        let mut sums = [0.0; 8];
        for block in values.chunks_mut(BLOCK) {
            if let Some(contrast) = contrast {
                affine(block, contrast);
            }
            for change in changes {
                if let Change::Brightness(factor) = change {
                    scale(block, *factor);
                }
            }
            if wanted {
                add(block, &mut sums);
            }
        }
        sums.iter().sum()
    }
}

/// Compiles to one instruction each, unlike `f32::clamp` with its rules for NaN.
#[inline(always)]
fn unit(v: f32) -> f32 {
    let v = if v > 0.0 { v } else { 0.0 };
    if v < 1.0 { v } else { 1.0 }
}

#[inline(always)]
fn affine(values: &mut [f32], Affine { factor, offset }: Affine) {
    values.iter_mut().for_each(|v| *v = unit(*v * factor + offset));
}

#[inline(always)]
fn scale(values: &mut [f32], factor: f32) {
    values.iter_mut().for_each(|v| *v = unit(*v * factor));
}

/// Into eight lanes: the same for every machine, and vectorised.
#[inline(always)]
fn add(values: &[f32], lanes: &mut [f32; 8]) {
    let (chunks, rest) = values.as_chunks::<8>();
    for chunk in chunks {
        lanes.iter_mut().zip(chunk).for_each(|(lane, v)| *lane += v);
    }
    lanes.iter_mut().zip(rest).for_each(|(lane, v)| *lane += v);
}

#[inline(always)]
fn saturate(r: &mut [f32], g: &mut [f32], b: &mut [f32], factor: f32) {
    for ((r, g), b) in r.iter_mut().zip(g).zip(b) {
        let grey = luma(*r, *g, *b) * (1.0 - factor);
        *r = unit(*r * factor + grey);
        *g = unit(*g * factor + grey);
        *b = unit(*b * factor + grey);
    }
}

#[inline(always)]
fn turn_all(r: &mut [f32], g: &mut [f32], b: &mut [f32], turn: f32) {
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

#[cfg(test)]
mod tests {
    use super::{super::reference::*, *};

    fn after(change: Change) -> Vec<f32> {
        let mut values = pattern(3, 4, 5);
        apply(&mut values, 3, &[change]);
        values
    }

    #[test]
    fn brightness_is_torchvisions() {
        // adjust_brightness(t, 1.4)
        let expected = [0.0, 0.127273, 1.0, 0.890909, 0.572727, 0.7, 0.318182, 0.445455, 0.127273, 1.0];
        assert_figures(&after(Change::Brightness(1.4)), expected, 38.55454);
    }

    #[test]
    fn contrast_is_torchvisions() {
        // adjust_contrast(t, 0.5), adjust_contrast(t, 1.6)
        let expected =
            [0.252543, 0.297998, 0.707089, 0.570725, 0.457089, 0.502543, 0.36618, 0.411634, 0.297998, 0.707089];
        assert_figures(&after(Change::Contrast(0.5)), expected, 30.35715);
        let expected = [0.0, 0.0, 1.0, 0.71513, 0.351493, 0.496948, 0.060584, 0.206039, 0.0, 1.0];
        assert_figures(&after(Change::Contrast(1.6)), expected, 30.24169);
    }

    #[test]
    fn saturation_is_torchvisions() {
        // adjust_saturation(t, 0.3), adjust_saturation(t, 1.7)
        let expected =
            [0.279618, 0.370521, 0.675641, 0.470527, 0.462011, 0.552914, 0.3478, 0.438703, 0.430186, 0.599993];
        assert_figures(&after(Change::Saturation(0.3)), expected, 30.33636);
        let expected = [0.0, 0.0, 1.0, 0.8022, 0.356171, 0.447086, 0.106745, 0.197661, 0.0, 1.0];
        assert_figures(&after(Change::Saturation(1.7)), expected, 30.42844);
    }

    #[test]
    fn hue_is_torchvisions() {
        // adjust_hue(t, 0.1), adjust_hue(t, -0.4), adjust_hue(t, 0.5)
        let expected = [0.0, 0.090909, 0.827273, 0.636364, 0.818182, 0.909091, 0.609091, 0.7, 0.090909, 0.754545];
        assert_figures(&after(Change::Hue(0.1)), expected, 35.35455);
        let expected = [0.636364, 0.727273, 0.172728, 0.0, 0.0, 0.090909, 0.027272, 0.118182, 0.909091, 0.427273];
        assert_figures(&after(Change::Hue(-0.4)), expected, 25.46364);
        let expected = [0.636364, 0.727273, 0.090909, 0.0, 0.409091, 0.5, 0.409091, 0.5, 0.909091, 0.272727];
        assert_figures(&after(Change::Hue(0.5)), expected, 30.40908);
    }

    #[test]
    fn grey_is_torchvisions() {
        // rgb_to_grayscale(t, 3)
        let expected =
            [0.399455, 0.490355, 0.575591, 0.399455, 0.484691, 0.575591, 0.399455, 0.490355, 0.575591, 0.467523];
        assert_figures(&after(Change::Grey), expected, 30.3052);
    }

    #[test]
    fn a_row_of_changes_is_what_each_alone_gives_one_after_the_other() {
        let changes = [
            Change::Hue(0.07),
            Change::Contrast(1.3),
            Change::Brightness(0.8),
            Change::Contrast(0.7),
            Change::Saturation(1.2),
            Change::Grey,
        ];
        // More than two blocks, and not a whole number of them.
        for channels in [1, 3] {
            let mut together = pattern(channels, 50, 47);
            let mut alone = together.clone();
            apply(&mut together, channels, &changes);
            changes.iter().for_each(|change| apply(&mut alone, channels, &[*change]));
            assert_eq!(together, alone);
        }
    }
}
