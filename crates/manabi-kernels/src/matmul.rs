//! Products of two matrices, C = A B, with gradients G Bᵀ and Aᵀ G.
//!
//! Shapes: A (M, K), B (K, N), C (M, N). Cost 2 M N K operations, plus a copy of the operands in the order in which they
//! are read. `blocked` cuts a product into blocks for the caches, `pack` copies them, `micro_kernel` multiplies. No element
//! depends on how a product is cut, so that a result has the same bits for every number of threads.
//!
//! In [`Precision::Bf16`] the factors are rounded while they are copied, and the sums stay `f32`: an element is within the
//! error of an `f32` sum of the exact product of the rounded factors, on every processor.

mod blocked;
mod matrix;
mod micro_kernel;
mod op;
mod pack;
mod right;
mod words;

pub(crate) use blocked::{After, Start};
pub use matrix::Matrix;
pub use op::{matmul, matmul_with};

use candle_core::{Result, bail};

use crate::Precision;
use crate::memory::build;
use crate::storage::Shared;
use blocked::{Product, multiply};
use micro_kernel::MicroKernel;

/// `c = a b`, or `c += a b` with `accumulate`, in this thread; `c` has its rows `row_stride` apart.
///
/// `size` is (M, N, K).
pub fn sgemm(
    size: (usize, usize, usize),
    a: Matrix<'_>,
    b: Matrix<'_>,
    c: &mut [f32],
    row_stride: usize,
    accumulate: bool,
) -> Result<()> {
    gemm(Precision::F32, size, a, b, c, row_stride, accumulate)
}

/// As [`sgemm`], with factors in `precision`.
pub fn gemm(
    precision: Precision,
    size: (usize, usize, usize),
    a: Matrix<'_>,
    b: Matrix<'_>,
    c: &mut [f32],
    row_stride: usize,
    accumulate: bool,
) -> Result<()> {
    let start = if accumulate { Start::Add } else { Start::Zero };
    checked(MicroKernel::best(precision), size, (a, b), c, row_stride, start, false)
}

/// As [`gemm`], for a C whose rows lie between those that other threads write.
///
/// # Safety
/// Behind `c` lie M rows of N elements, `row` apart, initialised where the product starts from them, and nothing else
/// reads or writes them meanwhile.
pub(crate) unsafe fn gemm_at(
    precision: Precision,
    size: (usize, usize, usize),
    a: Matrix<'_>,
    b: Matrix<'_>,
    c: Shared,
    row: usize,
    start: Start<'_>,
) -> Result<()> {
    let (m, n, k) = size;
    a.check("the left matrix", m, k)?;
    b.check("the right matrix", k, n)?;
    let product = Product { size, a, b, c, row, start, after: None };
    // SAFETY: the checks cover the operands, the caller C.
    unsafe { multiply(MicroKernel::best(precision), &product, false) };
    Ok(())
}

/// As [`sgemm`] with `c` packed (rows `N` apart), on all of rayon's threads.
pub fn sgemm_parallel(
    size: (usize, usize, usize),
    a: Matrix<'_>,
    b: Matrix<'_>,
    c: &mut [f32],
    accumulate: bool,
) -> Result<()> {
    let start = if accumulate { Start::Add } else { Start::Zero };
    checked(MicroKernel::best(Precision::F32), size, (a, b), c, size.1, start, true)
}

fn checked(
    kernel: MicroKernel,
    size: (usize, usize, usize),
    (a, b): (Matrix<'_>, Matrix<'_>),
    c: &mut [f32],
    row: usize,
    start: Start<'_>,
    parallel: bool,
) -> Result<()> {
    let (m, n, k) = size;
    if m == 0 || n == 0 {
        return Ok(());
    }
    a.check("the left matrix", m, k)?;
    b.check("the right matrix", k, n)?;
    if row < n || (m - 1) * row + n > c.len() {
        bail!("sgemm: the product ({m} x {n}, rows {row} apart) does not fit in {} elements", c.len())
    }
    if let Start::Columns(values) = start
        && values.len() != n
    {
        bail!("sgemm: {} values to start {n} columns from", values.len())
    }
    let product = Product { size, a, b, c: Shared::new(c), row, start, after: None };
    // SAFETY: the checks above keep every element that the strides reach inside its slice, and `c` is borrowed mutably,
    // so it overlaps neither operand.
    unsafe { multiply(kernel, &product, parallel) };
    Ok(())
}

/// The product in a new vector, with factors in `precision`, on all of rayon's threads.
pub(crate) fn product(
    precision: Precision,
    size: (usize, usize, usize),
    a: Matrix<'_>,
    b: Matrix<'_>,
) -> Result<Vec<f32>> {
    product_with(precision, size, a, b, None)
}

/// As [`product`], plus `bias` (N) in every row.
pub(crate) fn product_with(
    precision: Precision,
    size: (usize, usize, usize),
    a: Matrix<'_>,
    b: Matrix<'_>,
    bias: Option<&[f32]>,
) -> Result<Vec<f32>> {
    let start = bias.map_or(Start::Zero, Start::Columns);
    let kernel = MicroKernel::best(precision);
    // SAFETY: without `Start::Add` every element is written, and none read.
    unsafe { build(size.0 * size.1, |c| checked(kernel, size, (a, b), c, size.1, start, true)) }
}

/// As [`product_with`], and calls `after` once for each part of a row that is done, from the thread that computed it.
pub(crate) fn product_then(
    precision: Precision,
    size: (usize, usize, usize),
    a: Matrix<'_>,
    b: Matrix<'_>,
    bias: &[f32],
    after: After<'_>,
) -> Result<Vec<f32>> {
    let (m, n, k) = size;
    a.check("the left matrix", m, k)?;
    b.check("the right matrix", k, n)?;
    let start = match bias {
        [] => Start::Zero,
        _ if bias.len() == n => Start::Columns(bias),
        _ => bail!("sgemm: {} values to start {n} columns from", bias.len()),
    };
    let run = |c: &mut [f32]| {
        let product = Product { size, a, b, c: Shared::new(c), row: n, start, after: Some(after) };
        // SAFETY: the checks cover the operands and the bias, and `c` has m rows of n elements of its own.
        unsafe { multiply(MicroKernel::best(precision), &product, true) };
        Ok(())
    };
    // SAFETY: without `Start::Add` every element is written before `after` reads it.
    unsafe { build(m * n, run) }
}

#[cfg(test)]
mod tests;
