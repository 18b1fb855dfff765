//! Tiles with fused multiply-add on 256-bit and 512-bit registers; one text for both.

use std::arch::x86_64::{
    _mm_castps_pd, _mm_storel_pd, _mm_storeu_ps, _mm256_castps256_ps128, _mm256_extractf128_ps, _mm256_fmadd_ps,
    _mm256_loadu_ps, _mm256_permute2f128_ps, _mm256_set1_ps, _mm256_setzero_ps, _mm256_shuffle_ps, _mm256_storeu_ps,
    _mm256_unpackhi_ps, _mm256_unpacklo_ps, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_set1_ps, _mm512_setzero_ps,
    _mm512_storeu_ps,
};

use super::{super::pack::TURN, MicroKernel, Tile};

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

/// 6 x 16: twelve sums, two of B, one of A of sixteen registers.
pub(in crate::matmul) const AVX2: MicroKernel = MicroKernel {
    name: "AVX2 and FMA",
    rows: 6,
    columns: 16,
    run: &[avx2::<1>, avx2::<2>, avx2::<3>, avx2::<4>, avx2::<5>, avx2::<6>],
    turn,
};

/// 12 x 32: twenty-four sums, two of B, the rest for A.
pub(in crate::matmul) const AVX512: MicroKernel = MicroKernel {
    name: "AVX-512",
    rows: 12,
    columns: 32,
    run: &[
        avx512::<1>,
        avx512::<2>,
        avx512::<3>,
        avx512::<4>,
        avx512::<5>,
        avx512::<6>,
        avx512::<7>,
        avx512::<8>,
        avx512::<9>,
        avx512::<10>,
        avx512::<11>,
        avx512::<12>,
    ],
    turn,
};

/// # Safety
/// As for [`MicroKernel::turn`], on a processor with AVX2, which every one with AVX-512 has.
#[target_feature(enable = "avx2")]
unsafe fn turn(from: *const f32, line: usize, count: usize, to: *mut f32, row: usize) {
    // SAFETY: the caller vouches for `count` lines of eight elements; a line that is not there repeats the last.
    let r: [_; TURN] = std::array::from_fn(|i| unsafe { _mm256_loadu_ps(from.add(i.min(count - 1) * line)) });
    // Neighbours of two lines, then of four, then of all.
    let (a, b) = (_mm256_unpacklo_ps(r[0], r[1]), _mm256_unpackhi_ps(r[0], r[1]));
    let (c, d) = (_mm256_unpacklo_ps(r[2], r[3]), _mm256_unpackhi_ps(r[2], r[3]));
    let (e, f) = (_mm256_unpacklo_ps(r[4], r[5]), _mm256_unpackhi_ps(r[4], r[5]));
    let (g, h) = (_mm256_unpacklo_ps(r[6], r[7]), _mm256_unpackhi_ps(r[6], r[7]));
    const LOW: i32 = 0b01_00_01_00;
    const HIGH: i32 = 0b11_10_11_10;
    let upper = [
        _mm256_shuffle_ps::<LOW>(a, c),
        _mm256_shuffle_ps::<HIGH>(a, c),
        _mm256_shuffle_ps::<LOW>(b, d),
        _mm256_shuffle_ps::<HIGH>(b, d),
    ];
    let lower = [
        _mm256_shuffle_ps::<LOW>(e, g),
        _mm256_shuffle_ps::<HIGH>(e, g),
        _mm256_shuffle_ps::<LOW>(f, h),
        _mm256_shuffle_ps::<HIGH>(f, h),
    ];
    for j in 0..TURN {
        let (u, l) = (upper[j % 4], lower[j % 4]);
        let v = if j < 4 { _mm256_permute2f128_ps::<0x20>(u, l) } else { _mm256_permute2f128_ps::<0x31>(u, l) };
        // SAFETY: the caller vouches for `count` elements at each of these addresses.
        unsafe {
            let to = to.add(j * row);
            match count {
                8 => _mm256_storeu_ps(to, v),
                6 => {
                    _mm_storeu_ps(to, _mm256_castps256_ps128(v));
                    _mm_storel_pd(to.add(4).cast(), _mm_castps_pd(_mm256_extractf128_ps::<1>(v)));
                }
                4 => _mm_storeu_ps(to, _mm256_castps256_ps128(v)),
                _ => {
                    let mut all = [0f32; TURN];
                    _mm256_storeu_ps(all.as_mut_ptr(), v);
                    all.as_ptr().copy_to_nonoverlapping(to, count);
                }
            }
        }
    }
}
