//! Rows added into a matrix by number, y = base, then y[ids[e]] += rows[e].
//!
//! Shapes: base (N, D), rows (E, D), y (N, D). Gradients: g to the base, g[ids] to the rows. Forward one copy of the base,
//! and the rows in the order of [`Groups`].

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Tensor};

use super::check_ids;
use super::order::Groups;
use super::rows::copy_rows;
use crate::storage::{Forward, check_shape, fast, slice, with};

/// `base` (N, D) with `rows` (E, D) added at `ids` (E); a number may occur several times.
pub fn scatter_add_rows(base: &Tensor, ids: &[u32], rows: &Tensor) -> Result<Tensor> {
    let (n, d) = base.dims2()?;
    check_shape("scatter_add_rows", "the rows", rows, &[ids.len(), d])?;
    check_ids("scatter_add_rows", ids, n, "row")?;
    if ids.is_empty() || d == 0 {
        return Ok(base.clone());
    }
    if !fast(&[base, rows]) {
        return base.contiguous()?.index_add(&Tensor::new(ids, base.device())?, &rows.contiguous()?, 0);
    }
    base.contiguous()?.apply_op2(&rows.contiguous()?, ScatterAdd { ids: ids.into() })
}

struct ScatterAdd {
    ids: Arc<[u32]>,
}

impl CustomOp2 for ScatterAdd {
    fn name(&self) -> &'static str {
        "manabi-scatter-add-rows"
    }

    fn cpu_fwd(&self, s1: &CpuStorage, l1: &Layout, s2: &CpuStorage, l2: &Layout) -> Forward {
        let (base, rows) = (slice(s1, l1, self.name())?, slice(s2, l2, self.name())?);
        let (n, d) = l1.shape().dims2()?;
        let mut y = base.to_vec();
        Groups::new(&self.ids, n).add_rows(rows, d, &mut y);
        Ok((CpuStorage::F32(y), l1.shape().clone()))
    }

    fn bwd(&self, base: &Tensor, rows: &Tensor, _: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let d = base.dims2()?.1;
        let g_rows = match rows.track_op() {
            true => {
                Some(Tensor::from_vec(with(grad, |g| Ok(copy_rows(g, d, &self.ids)))?, rows.shape(), rows.device())?)
            }
            false => None,
        };
        Ok((base.track_op().then(|| grad.clone()), g_rows))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{any_threads, close, finite_differences, flat, in_f64, same_gradients, var};
    use candle_core::Device;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn rows_are_added_where_candle_adds_them(
            n in 1u32..40, d in 1usize..20, picks in prop::collection::vec(0u32..10_000, 1..300), seed: u64,
        ) {
            let ids: Vec<u32> = picks.iter().map(|p| p % n).collect();
            let (base, rows) = (var(&[n as usize, d], seed), var(&[ids.len(), d], seed ^ 1));
            let index = Tensor::new(&ids[..], &Device::Cpu).unwrap();
            let plain = || base.index_add(&index, &rows, 0).unwrap();
            same_gradients(&[&base, &rows], || scatter_add_rows(&base, &ids, &rows).unwrap(), plain, 1e-5);
        }
    }

    #[test]
    fn the_gradients_agree_with_finite_differences() {
        let (base, rows) = (var(&[4, 3], 1), var(&[5, 3], 2));
        finite_differences(&[&base, &rows], 1e-2, 1e-2, || scatter_add_rows(&base, &[3, 0, 0, 2, 3], &rows).unwrap());
    }

    #[test]
    fn the_bits_do_not_depend_on_the_number_of_threads() {
        let (base, rows) = (var(&[30, 17], 1), var(&[8000, 17], 2));
        let ids: Vec<u32> = (0..8000).map(|i| if i % 2 == 0 { 3 } else { i * i % 30 }).collect();
        any_threads(&[&base, &rows], || scatter_add_rows(&base, &ids, &rows).unwrap());
    }

    #[test]
    fn other_types_and_strided_inputs_give_the_same() {
        let (base, rows) = (var(&[3, 4], 1), var(&[3, 2], 2));
        let (base, rows) = (base.t().unwrap(), rows.t().unwrap());
        let y = scatter_add_rows(&base, &[2, 2], &rows).unwrap();
        let dense = scatter_add_rows(&base.contiguous().unwrap(), &[2, 2], &rows.contiguous().unwrap()).unwrap();
        close("strided", &y, &dense, 0.0);
        close("in f64", &y, &in_f64(|t| scatter_add_rows(&t[0], &[2, 2], &t[1]), &[&base, &rows]), 1e-6);
    }

    #[test]
    fn only_what_tracks_gradients_gets_one() {
        let (base, rows) = (var(&[3, 2], 1), var(&[1, 2], 2));
        let frozen = base.detach();
        let grads = scatter_add_rows(&frozen, &[1], &rows).unwrap().sum_all().unwrap().backward().unwrap();
        assert!(grads.get(&rows).is_some() && grads.get(&frozen).is_none());
    }

    #[test]
    fn nothing_to_add_leaves_the_base_and_what_does_not_fit_is_refused() {
        let base = var(&[3, 2], 1);
        assert_eq!(flat(&scatter_add_rows(&base, &[], &var(&[0, 2], 1)).unwrap()), flat(&base));
        let message = scatter_add_rows(&base, &[3], &var(&[1, 2], 1)).unwrap_err().to_string();
        assert!(message.contains("row 3 of 3"), "{message}");
        let message = scatter_add_rows(&base, &[0], &var(&[1, 4], 1)).unwrap_err().to_string();
        assert!(message.contains("[1, 4]") && message.contains("[1, 2]"), "{message}");
    }
}
