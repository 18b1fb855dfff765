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

#[cfg(test)]
mod tests {
    use super::{super::reference::*, *};

    #[test]
    fn grey_is_torchvisions() {
        // rgb_to_grayscale(t, 3)
        let mut values = pattern(3, 4, 5);
        grey(&mut values);
        let expected =
            [0.399455, 0.490355, 0.575591, 0.399455, 0.484691, 0.575591, 0.399455, 0.490355, 0.575591, 0.467523];
        assert_figures(&values, expected, 30.3052);
    }
}
