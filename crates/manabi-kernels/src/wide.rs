//! Loops for wider vector units.

/// Compiles each function several times, for wider vector units, and picks one when the program runs.
///
/// Products and sums stay separate in all of them (nothing is fused), so that every machine gives the same bits. The
/// crate that uses it depends on `multiversion`, whose attribute it writes.
#[macro_export]
macro_rules! wide {
    ($($item:item)*) => {$(
        #[multiversion::multiversion(targets(
            "x86_64+avx512f+avx512bw+avx512dq+avx512vl+avx2+fma",
            "x86_64+avx2+fma",
            "aarch64+neon"
        ))]
        $item
    )*};
}
