//! Values above a threshold inverted.

/// `v` becomes `1 − v` where it is at least `threshold` (torchvision's `solarize`).
pub fn solarise(values: &mut [f32], threshold: f32) {
    for v in values {
        *v = if *v >= threshold { 1.0 - *v } else { *v };
    }
}
