//! Colour removed: all three channels become the luma.

use crate::image::luma;

/// Replaces the three planes of `values` by their luma (torchvision's `Grayscale(3)`).
pub fn grey(values: &mut [f32]) {
    let n = values.len() / 3;
    let (r, rest) = values.split_at_mut(n);
    let (g, b) = rest.split_at_mut(n);
    for ((r, g), b) in r.iter_mut().zip(g).zip(b) {
        let y = luma(*r, *g, *b);
        (*r, *g, *b) = (y, y, y);
    }
}
