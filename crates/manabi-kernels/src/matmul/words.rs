//! What panels hold: words of 32 bits, each a number, or two neighbours along k as bf16.
//!
//! bf16 is the upper half of an `f32`: 8 bits of mantissa, the same exponents. The product of two of them is exact in
//! `f32`, so that rounded factors lose what rounding takes and nothing more.

/// How numbers become words.
pub(super) trait Words {
    /// Steps of k in a word.
    const STEPS: usize;
    /// Words are the numbers as they are: what has not been copied can be read in their place.
    const SAME: bool;

    /// The word of a number and of the next along k, which only pairs look at.
    fn word(first: f32, second: f32) -> f32;
}

/// `f32`.
pub(super) struct Floats;

/// `f32` with the mantissa of bf16.
pub(super) struct Rounded;

/// Two bf16: the first in the lower half, the next along k in the upper one.
pub(super) struct Pairs;

impl Words for Floats {
    const STEPS: usize = 1;
    const SAME: bool = true;

    #[inline(always)]
    fn word(first: f32, _: f32) -> f32 {
        first
    }
}

impl Words for Rounded {
    const STEPS: usize = 1;
    const SAME: bool = false;

    #[inline(always)]
    fn word(first: f32, _: f32) -> f32 {
        f32::from_bits(rounded(first))
    }
}

impl Words for Pairs {
    const STEPS: usize = 2;
    const SAME: bool = false;

    #[inline(always)]
    fn word(first: f32, second: f32) -> f32 {
        f32::from_bits(rounded(first) >> 16 | rounded(second))
    }
}

/// The bits of the nearest bf16, that with an even mantissa of two; infinities stay, NaN stays NaN.
#[inline(always)]
fn rounded(x: f32) -> u32 {
    let bits = x.to_bits();
    let nearest = bits.wrapping_add(0x7fff + (bits >> 16 & 1));
    // A NaN whose upper half says nothing would become an infinity, and one of all ones would wrap around.
    let nan = bits & 0x7fff_ffff > 0x7f80_0000;
    (if nan { bits | 0x0040_0000 } else { nearest }) & 0xffff_0000
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::{DType, Device, Tensor};
    use proptest::prelude::*;

    /// candle's conversion to bf16 and back.
    fn reference(x: f32) -> f32 {
        let rounded = Tensor::new(x, &Device::Cpu).unwrap().to_dtype(DType::BF16).unwrap();
        rounded.to_dtype(DType::F32).unwrap().to_scalar().unwrap()
    }

    fn same(a: f32, b: f32) -> bool {
        a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan()
    }

    proptest! {
        #[test]
        fn rounding_is_that_of_bf16(bits: u32) {
            let x = f32::from_bits(bits);
            let (ours, theirs) = (Rounded::word(x, 0.0), reference(x));
            prop_assert!(same(ours, theirs), "{x}: {ours} instead of {theirs}");
        }

        #[test]
        fn a_pair_holds_both_numbers(a: f32, b: f32) {
            let bits = Pairs::word(a, b).to_bits();
            let (low, high) = (f32::from_bits(bits << 16), f32::from_bits(bits & 0xffff_0000));
            prop_assert!(same(low, reference(a)) && same(high, reference(b)), "{a}, {b}: {low}, {high}");
        }
    }

    #[test]
    fn ties_go_to_the_even_neighbour_and_what_is_not_finite_stays() {
        let round = |x| Rounded::word(x, 0.0);
        assert_eq!(round(1.0 + 1.0 / 256.0), 1.0);
        assert_eq!(round(1.0 + 3.0 / 256.0), 1.0 + 4.0 / 256.0);
        assert_eq!(round(-1.0 - 3.0 / 256.0), -1.0 - 4.0 / 256.0);
        assert_eq!((round(f32::INFINITY), round(f32::NEG_INFINITY)), (f32::INFINITY, f32::NEG_INFINITY));
        for bits in [0x7f80_0001, 0xff80_0001, 0x7fff_ffff, 0xffff_ffff] {
            assert!(round(f32::from_bits(bits)).is_nan(), "{bits:x}");
        }
    }
}
