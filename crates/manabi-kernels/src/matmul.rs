//! Products of two matrices, C = A B, with gradients Aᵀ G and G Bᵀ.
//!
//! Shapes: A (M, K), B (K, N), C (M, N). Cost 2 M N K operations. The work is cut into one piece a thread, and the
//! `gemm` crate's serial kernel does each: its own split over two threads loses a fifth of the speed.

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Tensor, bail};
use rayon::prelude::*;

use crate::memory::build;
use crate::storage::{Forward, Shared, fast, slice, tensor_like, with};

/// A matrix in a slice: element (i, j) is at `i * rows + j * columns`.
#[derive(Clone, Copy, Debug)]
pub struct Matrix<'a> {
    /// The elements.
    pub data: &'a [f32],
    /// The step from a row to the next.
    pub row_stride: usize,
    /// The step from a column to the next.
    pub column_stride: usize,
}

impl<'a> Matrix<'a> {
    /// Rows one after the other, `width` elements each.
    pub fn rows(data: &'a [f32], width: usize) -> Self {
        Self { data, row_stride: width, column_stride: 1 }
    }

    /// The transpose.
    pub fn t(self) -> Self {
        Self { data: self.data, row_stride: self.column_stride, column_stride: self.row_stride }
    }

    fn check(&self, what: &str, rows: usize, columns: usize) -> Result<()> {
        if rows > 0 && columns > 0 {
            let last = (rows - 1) * self.row_stride + (columns - 1) * self.column_stride;
            if last >= self.data.len() {
                bail!(
                    "sgemm: {what} ({rows} x {columns}) needs {} elements, the slice has {}",
                    last + 1,
                    self.data.len()
                )
            }
        }
        Ok(())
    }
}

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
    let (m, n, k) = size;
    if m == 0 || n == 0 {
        return Ok(());
    }
    a.check("the left matrix", m, k)?;
    b.check("the right matrix", k, n)?;
    if row_stride < n || (m - 1) * row_stride + n > c.len() {
        bail!("sgemm: the product ({m} x {n}, rows {row_stride} apart) does not fit in {} elements", c.len())
    }
    // SAFETY: the checks above keep every element that the strides reach inside its slice, and `c` is borrowed
    // mutably, so it overlaps neither operand.
    unsafe { product_at(size, a, b, c.as_mut_ptr(), row_stride, accumulate) };
    Ok(())
}

/// The call of the `gemm` crate.
///
/// # Safety
/// The matrices hold M x K and K x N elements, `c` points at M rows of N elements `row_stride` apart that nothing else
/// reads or writes meanwhile; these are initialised if `accumulate`.
unsafe fn product_at(
    (m, n, k): (usize, usize, usize),
    a: Matrix<'_>,
    b: Matrix<'_>,
    c: *mut f32,
    row_stride: usize,
    accumulate: bool,
) {
    let (a_rows, a_columns) = (a.row_stride as isize, a.column_stride as isize);
    let (b_rows, b_columns) = (b.row_stride as isize, b.column_stride as isize);
    let (a, b) = (a.data.as_ptr(), b.data.as_ptr());
    let serial = gemm::Parallelism::None;
    // SAFETY: what this function asks of its caller.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            c,
            1,
            row_stride as isize,
            accumulate,
            a,
            a_columns,
            a_rows,
            b,
            b_columns,
            b_rows,
            1.0f32,
            1.0f32,
            false,
            false,
            false,
            serial,
        );
    }
}

/// As [`sgemm`] with `c` packed (rows `N` apart), on all of rayon's threads: the longer of M and N is cut.
pub fn sgemm_parallel(
    size: (usize, usize, usize),
    a: Matrix<'_>,
    b: Matrix<'_>,
    c: &mut [f32],
    accumulate: bool,
) -> Result<()> {
    let (m, n, k) = size;
    let threads = rayon::current_num_threads();
    if threads == 1 || m * n * k < 1 << 18 {
        return sgemm(size, a, b, c, n, accumulate);
    }
    a.check("the left matrix", m, k)?;
    b.check("the right matrix", k, n)?;
    if c.len() != m * n {
        bail!("sgemm: the product ({m} x {n}) has {} elements, the slice has {}", m * n, c.len())
    }
    if m >= n {
        let rows = m.div_ceil(threads).next_multiple_of(8);
        c.par_chunks_mut(rows * n).enumerate().try_for_each(|(i, c)| {
            let a = Matrix { data: &a.data[i * rows * a.row_stride..], ..a };
            sgemm((c.len() / n, n, k), a, b, c, n, accumulate)
        })
    } else {
        let columns = n.div_ceil(threads).next_multiple_of(16);
        let out = Shared::new(c);
        (0..n.div_ceil(columns)).into_par_iter().for_each(|i| {
            let first = i * columns;
            let width = columns.min(n - first);
            let b = Matrix { data: &b.data[first * b.column_stride..], ..b };
            // SAFETY: the checks above cover the whole product; the pieces read and write disjoint columns.
            unsafe { product_at((m, width, k), a, b, out.pointer(first), n, accumulate) };
        });
        Ok(())
    }
}

/// The product in a new vector.
pub(crate) fn product(size: (usize, usize, usize), a: Matrix<'_>, b: Matrix<'_>) -> Result<Vec<f32>> {
    // SAFETY: without `accumulate` every element is written, and none read.
    unsafe { build(size.0 * size.1, |c| sgemm_parallel(size, a, b, c, false)) }
}

/// The product of A (M, K) and B (K, N), with gradients for both.
pub fn matmul(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let ((_, k), (k2, _)) = (a.dims2()?, b.dims2()?);
    if k != k2 {
        bail!("matmul: the left matrix has {k} columns, the right one {k2} rows")
    }
    if !fast(&[a, b]) {
        return a.matmul(b);
    }
    a.contiguous()?.apply_op2(&b.contiguous()?, MatMul)
}

struct MatMul;

impl CustomOp2 for MatMul {
    fn name(&self) -> &'static str {
        "manabi-matmul"
    }

    fn cpu_fwd(&self, s1: &CpuStorage, l1: &Layout, s2: &CpuStorage, l2: &Layout) -> Forward {
        let ((m, k), (_, n)) = (l1.shape().dims2()?, l2.shape().dims2()?);
        let (a, b) = (slice(s1, l1, self.name())?, slice(s2, l2, self.name())?);
        let product = product((m, n, k), Matrix::rows(a, k), Matrix::rows(b, n))?;
        Ok((CpuStorage::F32(product), (m, n).into()))
    }

    fn bwd(&self, a: &Tensor, b: &Tensor, _: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let ((m, k), (_, n)) = (a.dims2()?, b.dims2()?);
        let ga = match a.track_op() {
            true => Some(with(b, |b| with(grad, |g| product((m, k, n), Matrix::rows(g, n), Matrix::rows(b, n).t())))?),
            false => None,
        };
        let gb = match b.track_op() {
            true => Some(with(a, |a| with(grad, |g| product((k, n, m), Matrix::rows(a, k).t(), Matrix::rows(g, n))))?),
            false => None,
        };
        let tensor = |values: Option<Vec<f32>>, like| values.map(|v| tensor_like(v, like)).transpose();
        Ok((tensor(ga, a)?, tensor(gb, b)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{close, finite_differences, same_gradients, var};
    use candle_core::{DType, Device};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn a_product_and_its_gradients_agree_with_candle(m in 1usize..90, n in 1usize..90, k in 1usize..90, seed: u64) {
            let (a, b) = (var(&[m, k], seed), var(&[k, n], seed ^ 5));
            same_gradients(&[&a, &b], || matmul(&a, &b).unwrap(), || a.matmul(&b).unwrap(), 1e-5);
        }

        #[test]
        fn cutting_a_product_into_pieces_changes_no_result(m in 1usize..300, n in 1usize..300, seed: u64) {
            let k = 70;
            let (a, b) = (crate::testing::numbers(m * k, seed, 1.0), crate::testing::numbers(k * n, seed ^ 1, 1.0));
            let (mut whole, mut cut) = (vec![1.0; m * n], vec![1.0; m * n]);
            let (a, b) = (Matrix::rows(&a, m).t(), Matrix::rows(&b, n));
            sgemm((m, n, k), a, b, &mut whole, n, true).unwrap();
            sgemm_parallel((m, n, k), a, b, &mut cut, true).unwrap();
            let tensor = |v: Vec<f32>| Tensor::from_vec(v, (m, n), &Device::Cpu).unwrap();
            close("product", &tensor(cut), &tensor(whole), 1e-5);
        }
    }

    #[test]
    fn the_gradients_of_a_product_agree_with_finite_differences() {
        let (a, b) = (var(&[5, 7], 1), var(&[7, 3], 2));
        finite_differences(&[&a, &b], 1e-2, 1e-2, || matmul(&a, &b).unwrap());
    }

    #[test]
    fn a_transposed_operand_needs_no_copy_by_the_caller() {
        let (a, b) = (var(&[7, 5], 1), var(&[7, 3], 2));
        let t = || a.t().unwrap();
        same_gradients(&[&a, &b], || matmul(&t(), &b).unwrap(), || t().matmul(&b).unwrap(), 1e-5);
    }

    #[test]
    fn other_types_go_to_candle() {
        let a = Tensor::ones((2, 3), DType::F64, &Device::Cpu).unwrap();
        assert_eq!(matmul(&a, &a.t().unwrap()).unwrap().to_vec2::<f64>().unwrap(), [[3.0, 3.0], [3.0, 3.0]]);
    }

    #[test]
    fn sizes_that_do_not_fit_are_refused_with_both_numbers() {
        let (a, b) = (var(&[2, 3], 1), var(&[4, 2], 2));
        let message = matmul(&a, &b).unwrap_err().to_string();
        assert!(message.contains('3') && message.contains('4'), "{message}");
        let mut c = [0.0; 4];
        let short = [0.0; 5];
        assert!(sgemm((2, 2, 3), Matrix::rows(&short, 3), Matrix::rows(&[0.0; 6], 2), &mut c, 2, false).is_err());
        assert!(sgemm((2, 2, 1), Matrix::rows(&short, 1), Matrix::rows(&short, 2), &mut c[..3], 2, false).is_err());
    }
}
