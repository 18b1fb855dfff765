//! Rows of a matrix by number, y[i] = x[ids[i]].
//!
//! Shapes: x (N, D), y (ids, D). Forward copies, in pieces of 256 rows. Backward adds each row of the gradient to the row
//! it came from, in the order of [`Groups`]: only rows that occur are written, the others stay the zeros that the
//! allocator hands out.

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Tensor};
use rayon::prelude::*;

use super::check_ids;
use super::order::Groups;
use crate::memory::built;
use crate::storage::{Forward, fast, slice, tensor_like, with};

/// Rows a task copies at once.
const ROWS: usize = 256;

/// The rows `ids` of `x` (N, D), in that order; a row may occur several times.
pub fn gather_rows(x: &Tensor, ids: &[u32]) -> Result<Tensor> {
    pick("gather_rows", x, ids)
}

/// [`gather_rows`] under the name `op`.
pub(super) fn pick(op: &str, x: &Tensor, ids: &[u32]) -> Result<Tensor> {
    let (rows, d) = x.dims2()?;
    check_ids(op, ids, rows, "row")?;
    if !fast(&[x]) || d == 0 {
        return x.contiguous()?.index_select(&Tensor::new(ids, x.device())?, 0);
    }
    x.contiguous()?.apply_op1(Gather { ids: ids.into() })
}

/// The rows `ids` of `x`, whose rows have `d` > 0 elements.
pub(super) fn copy_rows(x: &[f32], d: usize, ids: &[u32]) -> Vec<f32> {
    let fill = |y: &mut [f32]| {
        y.par_chunks_mut(ROWS * d).zip(ids.par_chunks(ROWS)).for_each(|(y, ids)| {
            for (y, id) in y.chunks_exact_mut(d).zip(ids) {
                y.copy_from_slice(&x[*id as usize * d..][..d]);
            }
        });
    };
    // SAFETY: there is a row of the output for each number, and each is written whole.
    unsafe { built(ids.len() * d, fill) }
}

struct Gather {
    ids: Arc<[u32]>,
}

impl CustomOp1 for Gather {
    fn name(&self) -> &'static str {
        "manabi-gather-rows"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Forward {
        let (_, d) = layout.shape().dims2()?;
        let x = slice(storage, layout, self.name())?;
        let y = copy_rows(x, d, &self.ids);
        Ok((CpuStorage::F32(y), (self.ids.len(), d).into()))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let (rows, d) = x.dims2()?;
        let gx = with(grad, |g| {
            let mut gx = vec![0f32; rows * d];
            Groups::new(&self.ids, rows).add_rows(g, d, &mut gx);
            Ok(gx)
        })?;
        Ok(Some(tensor_like(gx, x)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{any_threads, close, finite_differences, same_gradients, var};
    use candle_core::Device;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn gathered_rows_agree_with_candle(
            n in 1u32..60, d in 1usize..20, picks in prop::collection::vec(0u32..10_000, 1..700), seed: u64,
        ) {
            let x = var(&[n as usize, d], seed);
            let ids: Vec<u32> = picks.iter().map(|p| p % n).collect();
            let wanted = Tensor::new(&ids[..], &Device::Cpu).unwrap();
            same_gradients(&[&x], || gather_rows(&x, &ids).unwrap(), || x.index_select(&wanted, 0).unwrap(), 1e-5);
        }
    }

    #[test]
    fn the_gradient_of_gathered_rows_agrees_with_finite_differences() {
        let x = var(&[5, 3], 1);
        finite_differences(&[&x], 1e-2, 1e-2, || gather_rows(&x, &[4, 0, 0, 2]).unwrap());
    }

    #[test]
    fn a_row_that_is_not_there_is_refused_with_both_numbers() {
        let message = gather_rows(&var(&[5, 3], 1), &[1, 7]).unwrap_err().to_string();
        assert!(message.contains('7') && message.contains('5'), "{message}");
    }

    #[test]
    fn the_bits_do_not_depend_on_the_number_of_threads() {
        let x = var(&[50, 33], 1);
        let ids: Vec<u32> = (0..9000).map(|i| if i % 3 == 0 { 7 } else { i * i % 50 }).collect();
        any_threads(&[&x], || gather_rows(&x, &ids).unwrap());
    }

    #[test]
    fn strided_inputs_give_the_same() {
        let x = var(&[5, 3], 1);
        let strided = x.t().unwrap();
        let dense = strided.contiguous().unwrap();
        close("strided", &gather_rows(&strided, &[2, 0]).unwrap(), &gather_rows(&dense, &[2, 0]).unwrap(), 0.0);
    }

    #[test]
    fn no_rows_give_an_empty_tensor() {
        assert_eq!(gather_rows(&var(&[5, 3], 1), &[]).unwrap().dims(), [0, 3]);
    }
}
