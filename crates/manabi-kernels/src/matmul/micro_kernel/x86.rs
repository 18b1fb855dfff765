//! Tiles with fused multiply-add on 256-bit and 512-bit registers, and with products of pairs of bf16; one text for all.

mod turn;

use std::arch::x86_64::{
    __m512, __m512bh, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_set1_ps, _mm256_setzero_ps, _mm256_storeu_ps,
    _mm512_dpbf16_ps, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_set1_ps, _mm512_setzero_ps, _mm512_storeu_ps,
};

use super::{
    super::{
        pack::Source,
        words::{Floats, Pairs, Rounded, Words},
    },
    Form, MicroKernel, Tile,
};
use crate::Precision;

/// Those that this processor can run, the best first.
pub(super) fn found(precision: Precision) -> [Option<MicroKernel>; 3] {
    let avx2 = std::is_x86_feature_detected!("avx2") && std::is_x86_feature_detected!("fma");
    let avx512 = avx2 && std::is_x86_feature_detected!("avx512f");
    let pairs = avx512 && std::is_x86_feature_detected!("avx512bf16");
    match precision {
        Precision::F32 => [avx512.then_some(AVX512), avx2.then_some(AVX2), None],
        Precision::Bf16 => {
            [pairs.then_some(AVX512_BF16), avx512.then_some(AVX512_ROUNDED), avx2.then_some(AVX2_ROUNDED)]
        }
    }
}

macro_rules! tile {
    ($name:ident, $features:literal, $lanes:literal, $zero:ident, $load:ident, $spread:ident, $fma:ident, $store:ident) => {
        /// # Safety
        /// As for [`MicroKernel::run`], on a processor with the features.
        #[target_feature(enable = $features)]
        unsafe fn $name<const M: usize>(t: Tile) {
            let mut sums = [[$zero(); 2]; M];
            // SAFETY: the caller vouches for `M` rows and `depth` columns of A, `depth` rows of two registers of B, and
            // tiles of M rows of two registers behind `start` and `c`; the addresses below stay inside them.
            unsafe {
                if !t.start.is_null() {
                    for (i, sums) in sums.iter_mut().enumerate() {
                        let start = t.start.add(i * t.start_row);
                        *sums = [$load(start), $load(start.add($lanes))];
                    }
                }
                let (mut a, mut b) = (t.a.data, t.b.data);
                for _ in 0..t.depth {
                    let (left, right) = ($load(b), $load(b.add($lanes)));
                    for (i, sums) in sums.iter_mut().enumerate() {
                        let a = $spread(*a.add(i * t.a.line));
                        sums[0] = $fma(a, left, sums[0]);
                        sums[1] = $fma(a, right, sums[1]);
                    }
                    // The last step leaves both one past their end, where nothing is read.
                    a = a.wrapping_add(t.a.depth);
                    b = b.wrapping_add(t.b.depth);
                }
                for (i, sums) in sums.iter().enumerate() {
                    let c = t.c.add(i * t.row);
                    $store(c, sums[0]);
                    $store(c.add($lanes), sums[1]);
                }
            }
        }
    };
}

tile!(avx2, "avx2,fma", 8, _mm256_setzero_ps, _mm256_loadu_ps, _mm256_set1_ps, _mm256_fmadd_ps, _mm256_storeu_ps);
tile!(avx512, "avx512f", 16, _mm512_setzero_ps, _mm512_loadu_ps, _mm512_set1_ps, _mm512_fmadd_ps, _mm512_storeu_ps);
tile!(pairs, "avx512f,avx512bf16", 16, _mm512_setzero_ps, _mm512_loadu_ps, _mm512_set1_ps, dot, _mm512_storeu_ps);

/// `sum` and, in each lane, the products of two pairs of bf16.
#[inline]
#[target_feature(enable = "avx512f,avx512bf16")]
fn dot(a: __m512, b: __m512, sum: __m512) -> __m512 {
    // SAFETY: both types are 512 bits, and any bits are values of both.
    let pairs = |words: __m512| unsafe { std::mem::transmute::<__m512, __m512bh>(words) };
    _mm512_dpbf16_ps(sum, pairs(a), pairs(b))
}

/// # Safety
/// As for [`Source::panels`], on a processor with AVX2, which every one with AVX-512 has.
#[target_feature(enable = "avx2")]
unsafe fn panels<const LINES: usize, W: Words>(source: Source, size: usize, to: &mut [f32]) {
    // SAFETY: what this function asks of its caller.
    unsafe { source.panels::<LINES, W>(turn::turn, size, to) }
}

/// 6 x 16: twelve sums, two of B, one of A of sixteen registers.
const AVX2: MicroKernel = MicroKernel {
    name: "AVX2 and FMA",
    rows: 6,
    columns: 16,
    form: Form::Floats,
    run: &[avx2::<1>, avx2::<2>, avx2::<3>, avx2::<4>, avx2::<5>, avx2::<6>],
    panels: [panels::<6, Floats>, panels::<16, Floats>],
};

const AVX2_ROUNDED: MicroKernel = MicroKernel {
    name: "AVX2 and FMA, rounded",
    form: Form::Rounded,
    panels: [panels::<6, Rounded>, panels::<16, Rounded>],
    ..AVX2
};

/// `$tile` for 1 to 12 rows.
macro_rules! twelve {
    ($tile:ident) => {
        &[
            $tile::<1>,
            $tile::<2>,
            $tile::<3>,
            $tile::<4>,
            $tile::<5>,
            $tile::<6>,
            $tile::<7>,
            $tile::<8>,
            $tile::<9>,
            $tile::<10>,
            $tile::<11>,
            $tile::<12>,
        ]
    };
}

/// 12 x 32: twenty-four sums, two of B, the rest for A.
const AVX512: MicroKernel = MicroKernel {
    name: "AVX-512",
    rows: 12,
    columns: 32,
    form: Form::Floats,
    run: twelve!(avx512),
    panels: [panels::<12, Floats>, panels::<32, Floats>],
};

const AVX512_ROUNDED: MicroKernel = MicroKernel {
    name: "AVX-512, rounded",
    form: Form::Rounded,
    panels: [panels::<12, Rounded>, panels::<32, Rounded>],
    ..AVX512
};

const AVX512_BF16: MicroKernel = MicroKernel {
    name: "AVX512-BF16",
    form: Form::Pairs,
    run: twelve!(pairs),
    panels: [panels::<12, Pairs>, panels::<32, Pairs>],
    ..AVX512
};
