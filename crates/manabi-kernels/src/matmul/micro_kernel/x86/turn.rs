//! Blocks of 8 x 8 numbers turned in 256-bit registers.

use std::arch::x86_64::{
    _mm_castps_pd, _mm_storel_pd, _mm_storeu_ps, _mm256_castps256_ps128, _mm256_extractf128_ps, _mm256_loadu_ps,
    _mm256_permute2f128_ps, _mm256_shuffle_ps, _mm256_storeu_ps, _mm256_unpackhi_ps, _mm256_unpacklo_ps,
};

use super::super::super::pack::TURN;

/// # Safety
/// As for [`Turn`](super::super::super::pack::Turn), on a processor with AVX2, which every one with AVX-512 has.
#[target_feature(enable = "avx2")]
pub(super) unsafe fn turn(from: *const f32, line: usize, count: usize, to: *mut f32, row: usize) {
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
