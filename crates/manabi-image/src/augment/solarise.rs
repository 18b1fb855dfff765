//! Values above a threshold inverted.

/// `v` becomes `1 − v` where it is at least `threshold` (torchvision's `solarize`).
pub fn solarise(values: &mut [f32], threshold: f32) {
    for v in values {
        *v = if *v >= threshold { 1.0 - *v } else { *v };
    }
}

#[cfg(test)]
mod tests {
    use super::{super::reference::*, *};

    #[test]
    fn solarise_is_torchvisions() {
        // solarize(t, 0.5)
        let mut values = pattern(3, 4, 5);
        solarise(&mut values, 0.5);
        let expected = [0.0, 0.090909, 0.090909, 0.363636, 0.409091, 0.5, 0.227273, 0.318182, 0.090909, 0.090909];
        assert_figures(&values, expected, 14.31818);
    }
}
