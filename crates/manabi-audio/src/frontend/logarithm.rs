//! `ln(x + floor)` of many values at once, in the vector units.
//!
//! `x = m · 2^e` with `m` in `[√½, √2)`; `ln m` is the Taylor polynomial of `2·atanh(s)`, `s = (m − 1)/(m + 1)`,
//! `|s| < 0.172`, whose remainder is below `6e-9`.

manabi_kernels::wide! {
    /// Replaces each power (zero or more) by `ln(power + floor)`.
    pub fn log_floor(values: &mut [f32], floor: f32) {
        for v in values {
            *v = ln(*v + floor);
        }
    }
}

/// Natural logarithm of a positive normal number.
#[inline(always)]
fn ln(x: f32) -> f32 {
    // Taking the bits of √½ off moves the border between exponents there.
    let bits = x.to_bits().wrapping_sub(0x3f35_04f3);
    let exponent = (bits as i32) >> 23;
    let m = f32::from_bits((bits & 0x007f_ffff).wrapping_add(0x3f35_04f3));
    let s = (m - 1.0) / (m + 1.0);
    let q = s * s;
    let series = 2.0 + q * (2.0 / 3.0 + q * (2.0 / 5.0 + q * (2.0 / 7.0 + q * (2.0 / 9.0))));
    exponent as f32 * std::f32::consts::LN_2 + s * series
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_logarithm_over_the_whole_range_of_powers() {
        let mut x = f32::MIN_POSITIVE;
        while x < f32::MAX / 2.0 {
            let wanted = f64::from(x).ln();
            let error = (f64::from(ln(x)) - wanted).abs() / wanted.abs().max(1.0);
            assert!(error < 3e-7, "ln {x} = {} instead of {wanted}", ln(x));
            x *= 1.003_7;
        }
        let mut values = [0.0, 1.0 - f32::EPSILON, 1e9];
        log_floor(&mut values, f32::EPSILON);
        assert!((values[0] - f32::EPSILON.ln()).abs() < 1e-5 && values[1] == 0.0);
    }
}
