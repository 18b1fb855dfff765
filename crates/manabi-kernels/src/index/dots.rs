//! Products of chosen pairs of rows, y[p] = a[left[p]] · b[right[p]]: a word and its neighbours (word2vec), both ends of an
//! edge (graphs). Known as sampled dense-dense multiplication.
//!
//! Shapes: a (N, D), b (M, D), P pairs, y (P). Gradients: ga[i] = Σ g[p] b[right[p]] over the pairs with left[p] = i, and gb
//! alike. Cost: P·D multiply-adds each way and to each side; no (P, D) matrix is made. The pairs of a row are added in
//! their order by one task.

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp2, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::check_ids;
use super::order::{AT_ONCE, Groups, weighted_sum};
use super::rows::gather_rows;
use crate::memory::built;
use crate::storage::{Forward, fast, slice, tensor_like, with};
use crate::vector::sum_over;

/// Pairs a task takes at once.
const PAIRS: usize = 256;

/// The product of row `left[p]` of `a` (N, D) and row `right[p]` of `b` (M, D), for each pair: (P).
pub fn pair_dots(a: &Tensor, b: &Tensor, left: &[u32], right: &[u32]) -> Result<Tensor> {
    let ((n, d), (m, other)) = (a.dims2()?, b.dims2()?);
    if d != other || left.len() != right.len() {
        bail!("pair_dots: rows of {d} and {other} values, {} and {} row numbers", left.len(), right.len())
    }
    check_ids("pair_dots", left, n, "left row")?;
    check_ids("pair_dots", right, m, "right row")?;
    if !fast(&[a, b]) || left.is_empty() || d == 0 {
        return (gather_rows(a, left)? * gather_rows(b, right)?)?.sum(1);
    }
    a.contiguous()?.apply_op2(&b.contiguous()?, PairDots { left: left.into(), right: right.into() })
}

struct PairDots {
    left: Arc<[u32]>,
    right: Arc<[u32]>,
}

wide! {
    fn dots(a: &[f32], b: &[f32], d: usize, pairs: (&[u32], &[u32]), out: &mut [f32]) {
        for ((left, right), out) in pairs.0.iter().zip(pairs.1).zip(out) {
            let (a, b) = (&a[*left as usize * d..][..d], &b[*right as usize * d..][..d]);
            *out = sum_over([a, b], |[a, b]| a * b);
        }
    }
}

impl PairDots {
    /// The gradient of the side whose rows are `own`, of which there are `count`; `x` is the other one.
    fn side(x: &Tensor, g: &[f32], (own, other): (&[u32], &[u32]), count: usize, like: &Tensor) -> Result<Tensor> {
        let d = x.dims2()?.1;
        let groups = Groups::new(own, count);
        let sums = with(x, |x| {
            let fill = |out: &mut [f32]| {
                out.par_chunks_mut(d * AT_ONCE).enumerate().for_each(|(piece, out)| {
                    for (i, out) in out.chunks_exact_mut(d).enumerate() {
                        let positions = groups.of(piece * AT_ONCE + i).iter();
                        weighted_sum(x, d, positions.map(|p| (other[*p as usize], g[*p as usize])), out);
                    }
                });
            };
            // SAFETY: the pieces cover the output, and each row is written whole.
            Ok(unsafe { built(count * d, fill) })
        })?;
        tensor_like(sums, like)
    }
}

impl CustomOp2 for PairDots {
    fn name(&self) -> &'static str {
        "manabi-pair-dots"
    }

    fn cpu_fwd(&self, s1: &CpuStorage, l1: &Layout, s2: &CpuStorage, l2: &Layout) -> Forward {
        let (a, b) = (slice(s1, l1, self.name())?, slice(s2, l2, self.name())?);
        let d = l1.shape().dims2()?.1;
        let mut y = vec![0f32; self.left.len()];
        y.par_chunks_mut(PAIRS)
            .zip(self.left.par_chunks(PAIRS).zip(self.right.par_chunks(PAIRS)))
            .for_each(|(y, pairs)| dots(a, b, d, pairs, y));
        Ok((CpuStorage::F32(y), Shape::from(self.left.len())))
    }

    fn bwd(&self, a: &Tensor, b: &Tensor, _: &Tensor, grad: &Tensor) -> Result<(Option<Tensor>, Option<Tensor>)> {
        with(grad, |g| {
            let (left, right) = (&self.left[..], &self.right[..]);
            let ga = a.track_op().then(|| Self::side(b, g, (left, right), a.dims2()?.0, a)).transpose()?;
            let gb = b.track_op().then(|| Self::side(a, g, (right, left), b.dims2()?.0, b)).transpose()?;
            Ok((ga, gb))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{any_threads, finite_differences, same_gradients, var};
    use candle_core::Device;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn products_and_both_gradients_agree_with_candle(
            n in 1u32..40, m in 1u32..40, d in 1usize..40, picks in prop::collection::vec((0u32..999, 0u32..999), 1..700),
            seed: u64,
        ) {
            let (a, b) = (var(&[n as usize, d], seed), var(&[m as usize, d], seed ^ 1));
            let (left, right): (Vec<u32>, Vec<u32>) = picks.iter().map(|(l, r)| (l % n, r % m)).unzip();
            let rows = |x: &Tensor, ids: &[u32]| x.index_select(&Tensor::new(ids, &Device::Cpu).unwrap(), 0).unwrap();
            let plain = || (rows(&a, &left) * rows(&b, &right)).unwrap().sum(1).unwrap();
            same_gradients(&[&a, &b], || pair_dots(&a, &b, &left, &right).unwrap(), plain, 1e-4);
        }
    }

    #[test]
    fn gradients_agree_with_finite_differences_also_of_a_matrix_with_itself() {
        let (a, b) = (var(&[3, 4], 1), var(&[2, 4], 2));
        finite_differences(&[&a, &b], 1e-2, 1e-2, || pair_dots(&a, &b, &[2, 0, 2], &[1, 1, 0]).unwrap());
        finite_differences(&[&a], 1e-2, 1e-2, || pair_dots(&a, &a, &[2, 0, 1], &[1, 0, 2]).unwrap());
    }

    #[test]
    fn the_bits_do_not_depend_on_the_number_of_threads() {
        let (a, b) = (var(&[50, 33], 1), var(&[60, 33], 2));
        let ids = |k: u32, of: u32| (0..5000).map(|i| i * i * k % of).collect::<Vec<u32>>();
        let (left, right) = (ids(1, 50), ids(7, 60));
        any_threads(&[&a, &b], || pair_dots(&a, &b, &left, &right).unwrap());
    }

    #[test]
    fn what_does_not_fit_is_refused_with_its_numbers_and_no_pair_has_no_product() {
        let (a, b) = (var(&[3, 4], 1), var(&[2, 4], 2));
        assert!(pair_dots(&a, &b, &[3], &[0]).unwrap_err().to_string().contains("left row 3 of 3"));
        assert!(pair_dots(&a, &b, &[0, 1], &[0]).unwrap_err().to_string().contains("2 and 1 row numbers"));
        assert!(pair_dots(&a, &var(&[2, 5], 2), &[0], &[0]).is_err());
        assert_eq!(pair_dots(&a, &b, &[], &[]).unwrap().dims(), [0]);
    }
}
