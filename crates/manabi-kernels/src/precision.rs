//! In which numbers the factors of a product are read.

use serde::{Deserialize, Serialize};

/// The factors of matrix products; sums, norms and losses are always `f32`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 24 bits of mantissa.
    #[default]
    F32,
    /// 8 bits of mantissa with the range of `f32`: factors are rounded (to nearest, ties to even), products add up in
    /// `f32`. Twice as fast as `f32` where the processor multiplies such pairs itself (AVX512-BF16).
    Bf16,
}

impl Precision {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
        }
    }
}
