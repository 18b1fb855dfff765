//! Small vectorisable pieces: sums over lanes, the exponential, the row maximum, prefetching.
//!
//! All are `inline(always)`, so that they are compiled for the vector unit of the function they are used in. None uses
//! fused multiply-add: where the processor lacks it, it is a slow library call.

/// Lanes that a reduction keeps apart.
pub(crate) const LANES: usize = 16;

/// The sum of `f` over the elements of some rows side by side, as far as the shortest goes.
#[inline(always)]
pub(crate) fn sum_over<const R: usize>(rows: [&[f32]; R], f: impl Fn([f32; R]) -> f32) -> f32 {
    sums_over(rows, |values| [f(values)])[0]
}

/// As [`sum_over`], several sums at once.
#[inline(always)]
pub(crate) fn sums_over<const R: usize, const S: usize>(
    rows: [&[f32]; R],
    f: impl Fn([f32; R]) -> [f32; S],
) -> [f32; S] {
    let mut sums = Sums::new();
    sums.add(rows, f);
    sums.total()
}

/// Sums that are still apart, element l of every sixteen in lane l.
pub(crate) struct Sums<const S: usize> {
    lanes: [[f32; LANES]; S],
}

impl<const S: usize> Sums<S> {
    #[inline(always)]
    pub(crate) fn new() -> Self {
        Self { lanes: [[0.0; LANES]; S] }
    }

    /// Adds `f` of the elements of some rows side by side, as far as the shortest goes.
    #[inline(always)]
    pub(crate) fn add<const R: usize>(&mut self, rows: [&[f32]; R], f: impl Fn([f32; R]) -> [f32; S]) {
        let n = rows.iter().map(|row| row.len()).min().unwrap_or(0);
        self.add_first(n, rows, f);
    }

    /// Adds `f` of the first `n` elements of some rows side by side. What follows them may be read, and is not added.
    ///
    /// It takes slices and not an index: what it reads needs no check, which would keep the loop from becoming one of
    /// vectors.
    #[inline(always)]
    pub(crate) fn add_first<const R: usize>(&mut self, n: usize, rows: [&[f32]; R], f: impl Fn([f32; R]) -> [f32; S]) {
        let (whole, tail) = (n / LANES, n % LANES);
        let blocks = rows.map(|row| row.as_chunks::<LANES>().0);
        let mut lanes = self.lanes;
        for block in 0..whole {
            let block = blocks.map(|blocks| &blocks[block]);
            for l in 0..LANES {
                for (lanes, value) in lanes.iter_mut().zip(f(block.map(|x| x[l]))) {
                    lanes[l] += value;
                }
            }
        }
        let next = tail > 0 && blocks.iter().all(|blocks| blocks.len() > whole);
        if next {
            let (block, tail) = (blocks.map(|blocks| &blocks[whole]), tail as u32);
            for l in 0..LANES {
                for (lanes, value) in lanes.iter_mut().zip(f(block.map(|x| x[l]))) {
                    lanes[l] += if (l as u32) < tail { value } else { 0.0 };
                }
            }
        }
        // Through memory: where the compiler sees how the lanes are added up, it makes vectors of neighbours in that
        // tree, or of the sums, instead of the lanes.
        self.lanes = std::hint::black_box(lanes);
        if !next {
            for l in 0..tail {
                for (lanes, value) in self.lanes.iter_mut().zip(f(rows.map(|row| row[whole * LANES + l]))) {
                    lanes[l] += value;
                }
            }
        }
    }

    /// The sums.
    #[inline(always)]
    pub(crate) fn total(self) -> [f32; S] {
        self.lanes.map(fold)
    }
}

/// The sum of the lanes, as a tree.
#[inline(always)]
pub(crate) fn fold(mut lanes: [f32; LANES]) -> f32 {
    let mut half = LANES / 2;
    while half > 0 {
        for l in 0..half {
            lanes[l] += lanes[l + half];
        }
        half /= 2;
    }
    lanes[0]
}

/// The largest element; minus infinity for an empty row. NaN is passed over.
#[inline(always)]
pub(crate) fn max(row: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; LANES];
    let mut blocks = row.chunks_exact(LANES);
    for block in &mut blocks {
        for (lane, &v) in lanes.iter_mut().zip(block) {
            *lane = if v > *lane { v } else { *lane };
        }
    }
    let rest = blocks.remainder().iter();
    lanes.iter().chain(rest).fold(f32::NEG_INFINITY, |a, &b| if b > a { b } else { a })
}

/// The exponential, to about 2 units in the last place, for arguments within ±87; outside it stays at the bound.
///
/// x = n ln 2 + r with |r| ≤ ½ ln 2; e^r by a polynomial (Cephes), 2ⁿ through the exponent's bits. Adding 1.5 · 2²³
/// rounds to an integer and leaves it in the low bits.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-87.3, 88.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (x - n * 0.693_359_4) + n * 2.121_944_4e-4;
    let mut p = 1.987_569_1e-4;
    p = p * r + 1.398_2e-3;
    p = p * r + 8.333_452e-3;
    p = p * r + 4.166_579_6e-2;
    p = p * r + 1.666_666_5e-1;
    p = p * r + 0.5;
    let y = p * r * r + r + 1.0;
    y * f32::from_bits((shifted.to_bits() << 23).wrapping_add(127 << 23))
}

/// Asks for the cache line of an address, which need not exist.
#[inline(always)]
pub(crate) fn prefetch_line(address: *const f32) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch reads nothing, and no address makes it fault; every x86-64 has it.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(address.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}

/// Asks for the cache lines of some elements, which need not exist.
#[inline(always)]
pub(crate) fn prefetch(values: &[f32], start: usize, count: usize) {
    for at in (start..start + count).step_by(16) {
        prefetch_line(values.as_ptr().wrapping_add(at));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exponential_agrees_with_the_library_to_a_few_units_in_the_last_place() {
        for i in -87_000..88_000 {
            let x = i as f32 * 1e-3 + 1e-4;
            let (ours, exact) = (f64::from(exp(x)), f64::from(x).exp());
            assert!(((ours - exact) / exact).abs() < 3e-7, "exp({x}) = {ours}, expected {exact}");
        }
        assert_eq!(exp(0.0), 1.0);
        assert!(exp(f32::NAN).is_nan());
        assert!(exp(f32::NEG_INFINITY) < 2e-38);
    }

    #[test]
    fn sums_and_maxima_cover_the_tail() {
        for n in 0..70 {
            let row: Vec<f32> = (0..n).map(|i| ((i * 37) % 23) as f32 - 11.0).collect();
            let squares: f32 = row.iter().map(|v| v * v).sum();
            assert_eq!(sum_over([&row], |[v]| v), row.iter().sum::<f32>());
            assert_eq!(sums_over([&row, &row], |[a, b]| [a, a * b]), [row.iter().sum(), squares]);
            let followed: Vec<f32> = row.iter().copied().chain([f32::NAN; 40]).collect();
            let mut sums = Sums::new();
            sums.add_first(n, [&followed], |[v]| [v, v * v]);
            assert_eq!(sums.total(), [row.iter().sum(), squares]);
            assert_eq!(max(&row), row.iter().copied().fold(f32::NEG_INFINITY, f32::max));
        }
    }
}
