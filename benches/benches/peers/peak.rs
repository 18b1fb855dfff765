//! What this machine can do at best, measured in the same run as the kernels: the roof of the roofline lines.
//!
//! `peak/fma` multiplies and adds in registers alone, `peak/product` multiplies matrices that stay in the nearest
//! caches; the larger of the two is the roof for operations. `peak/copy` copies 256 MiB, which no cache holds: the roof
//! for bytes (read and written). All on every thread.

use manabi::kernels::matmul::{Matrix, sgemm};
use manabi_benches::{values, work::Work};
use rayon::prelude::*;

use crate::Case;

/// Sums side by side: enough to keep two units busy for the four cycles that one multiplication with addition takes, in
/// as many registers as there are.
const SUMS: usize = 12;
/// Elements of the widest vector, or of two half as wide.
const LANES: usize = 8;
/// Steps of the chain a run.
const STEPS: usize = 2_000_000;
/// Side of the matrices: 36 KiB each.
const SIDE: usize = 96;
/// Products a run.
const PRODUCTS: usize = 200;
/// Elements that are copied.
const COPIED: usize = 64 << 20;

/// The case of this name.
pub fn case(name: &str) -> Option<Case> {
    let threads = rayon::current_num_threads();
    match name {
        "peak/fma" => {
            let work = Work::operations((threads * STEPS * 2 * SUMS * LANES) as f64);
            Some(Case::new(work, move || {
                let total: f32 = (0..threads).into_par_iter().map(|i| chain(STEPS, 1.0 - i as f32 * 1e-6)).sum();
                assert!(total.is_finite());
            }))
        }
        "peak/product" => {
            let work = Work::operations((threads * PRODUCTS * 2 * SIDE * SIDE * SIDE) as f64);
            let (a, b) = (floats(SIDE * SIDE), floats(SIDE * SIDE));
            Some(Case::new(work, move || {
                (0..threads).into_par_iter().for_each(|_| {
                    let mut c = vec![0.0; SIDE * SIDE];
                    for _ in 0..PRODUCTS {
                        let (a, b) = (Matrix::rows(&a, SIDE), Matrix::rows(&b, SIDE));
                        sgemm((SIDE, SIDE, SIDE), a, b, &mut c, SIDE, false).unwrap();
                    }
                });
            }))
        }
        "peak/copy" => {
            let (from, mut to) = (floats(COPIED), vec![0f32; COPIED]);
            let share = COPIED.div_ceil(threads);
            Some(Case::new(Work::Bytes(2.0 * 4.0 * COPIED as f64), move || {
                to.par_chunks_mut(share).zip(from.par_chunks(share)).for_each(|(to, from)| to.copy_from_slice(from));
            }))
        }
        _ => None,
    }
}

fn floats(count: usize) -> Vec<f32> {
    values(&[count]).to_vec1().unwrap()
}

/// `steps` fused multiplications and additions on each lane of each sum.
#[multiversion::multiversion(targets("x86_64+avx512f+avx512vl+avx2+fma", "x86_64+avx2+fma", "aarch64+neon"))]
fn chain(steps: usize, factor: f32) -> f32 {
    let mut sums = [[1f32; LANES]; SUMS];
    let (factor, term) = ([factor; LANES], [1e-9f32; LANES]);
    for _ in 0..steps {
        for sum in &mut sums {
            for ((sum, factor), term) in sum.iter_mut().zip(factor).zip(term) {
                *sum = sum.mul_add(factor, term);
            }
        }
    }
    sums.iter().flatten().sum()
}
