//! Weighted sums of a table's rows, one for each bag: y[i] = Σ_t w[t] table[ids[t]] over the ids of bag i, which lie one
//! after the other. PyTorch's `EmbeddingBag`; a text as the mean of its words.
//!
//! Shapes: table (V, D), T ids and weights in N bags of the given lengths, y (N, D). Gradient w[t] g[bag of t], added to row
//! ids[t]; none to the weights. Cost: T·D multiply-adds each way, and no (T, D) matrix is made. A bag is summed by one
//! task in its order, and so is the gradient of a row.

use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};
use rayon::prelude::*;

use super::order::{AT_ONCE, Groups, weighted_sum};
use super::rows::gather_rows;
use super::{check_ids, segment_sum};
use crate::memory::built;
use crate::storage::{Forward, fast, slice, tensor_like, with};

/// The sums of the rows `ids` of `table` (V, D), each times its weight, for each bag of `lengths` ids: (N, D).
pub fn embedding_bag(table: &Tensor, ids: &[u32], weights: &[f32], lengths: &[usize]) -> Result<Tensor> {
    let (v, d) = table.dims2()?;
    let total: usize = lengths.iter().sum();
    if ids.len() != weights.len() || ids.len() != total {
        bail!("embedding_bag: {} ids and {} weights in bags of {total}", ids.len(), weights.len())
    }
    check_ids("embedding_bag", ids, v, "row")?;
    let bags: Vec<u32> = (0u32..).zip(lengths).flat_map(|(bag, n)| std::iter::repeat_n(bag, *n)).collect();
    if !fast(&[table]) || ids.is_empty() || d == 0 {
        let weights = Tensor::from_slice(weights, (ids.len(), 1), table.device())?.to_dtype(table.dtype())?;
        return segment_sum(&gather_rows(table, ids)?.broadcast_mul(&weights)?, &bags, lengths.len());
    }
    let op = Bag { ids: ids.into(), weights: weights.into(), bags: bags.into(), lengths: lengths.into() };
    table.contiguous()?.apply_op1(op)
}

struct Bag {
    ids: Arc<[u32]>,
    weights: Arc<[f32]>,
    /// The bag of each id.
    bags: Arc<[u32]>,
    lengths: Arc<[usize]>,
}

impl CustomOp1 for Bag {
    fn name(&self) -> &'static str {
        "manabi-embedding-bag"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Forward {
        let table = slice(storage, layout, self.name())?;
        let (d, n) = (layout.shape().dims2()?.1, self.lengths.len());
        let mut starts = vec![0usize; n + 1];
        for (i, length) in self.lengths.iter().enumerate() {
            starts[i + 1] = starts[i] + length;
        }
        let fill = |y: &mut [f32]| {
            y.par_chunks_mut(d * AT_ONCE).enumerate().for_each(|(piece, y)| {
                for (i, y) in y.chunks_exact_mut(d).enumerate() {
                    let of = starts[piece * AT_ONCE + i]..starts[piece * AT_ONCE + i + 1];
                    weighted_sum(
                        table,
                        d,
                        self.ids[of.clone()].iter().copied().zip(self.weights[of].iter().copied()),
                        y,
                    );
                }
            });
        };
        // SAFETY: the pieces cover the output, and each row is written whole.
        Ok((CpuStorage::F32(unsafe { built(n * d, fill) }), Shape::from((n, d))))
    }

    fn bwd(&self, table: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let (v, d) = table.dims2()?;
        let groups = Groups::new(&self.ids, v);
        let sums = with(grad, |g| {
            // Rows that do not occur stay the zeros that the allocator hands out.
            let mut out = vec![0f32; v * d];
            out.par_chunks_mut(d * AT_ONCE).enumerate().for_each(|(piece, out)| {
                for (i, out) in out.chunks_exact_mut(d).enumerate() {
                    let positions = groups.of(piece * AT_ONCE + i);
                    if !positions.is_empty() {
                        let terms = positions.iter().map(|p| (self.bags[*p as usize], self.weights[*p as usize]));
                        weighted_sum(g, d, terms, out);
                    }
                }
            });
            Ok(out)
        })?;
        Ok(Some(tensor_like(sums, table)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{any_threads, close, finite_differences, flat, in_f64, same_gradients, var};
    use proptest::prelude::*;

    fn weights(n: usize) -> Vec<f32> {
        (0..n).map(|i| 0.25 + (i % 5) as f32 / 4.0).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn bags_agree_with_gathering_weighing_and_adding(
            v in 1u32..40, d in 1usize..40, lengths in prop::collection::vec(0usize..30, 1..40), seed: u64,
        ) {
            let table = var(&[v as usize, d], seed);
            let total: usize = lengths.iter().sum();
            let ids: Vec<u32> = (0..total as u64).map(|i| ((i * i * 7 + seed % 11) % u64::from(v)) as u32).collect();
            let w = weights(total);
            let bags: Vec<u32> = (0u32..).zip(&lengths).flat_map(|(i, n)| std::iter::repeat_n(i, *n)).collect();
            let plain = || {
                let w = Tensor::from_slice(&w, (total, 1), table.device()).unwrap();
                let rows = gather_rows(&table, &ids).unwrap().broadcast_mul(&w).unwrap();
                segment_sum(&rows, &bags, lengths.len()).unwrap()
            };
            same_gradients(&[&table], || embedding_bag(&table, &ids, &w, &lengths).unwrap(), plain, 1e-4);
        }
    }

    // F.embedding_bag(torch.tensor([0, 2, 1]), torch.arange(6.).reshape(3, 2), torch.tensor([0, 2]), mode="sum",
    //     per_sample_weights=torch.tensor([1., .5, 2.]))
    #[test]
    fn figures_are_pytorchs_and_an_empty_bag_is_zero() {
        let table =
            candle_core::Var::from_vec(vec![0f32, 1.0, 2.0, 3.0, 4.0, 5.0], (3, 2), &candle_core::Device::Cpu).unwrap();
        let y = embedding_bag(&table, &[0, 2, 1], &[1.0, 0.5, 2.0], &[2, 0, 1]).unwrap();
        assert_eq!(flat(&y), [2.0, 3.5, 0.0, 0.0, 4.0, 6.0]);
        close(
            "in f64",
            &y,
            &in_f64(|t| embedding_bag(&t[0], &[0, 2, 1], &[1.0, 0.5, 2.0], &[2, 0, 1]), &[&table]),
            1e-6,
        );
    }

    #[test]
    fn gradients_agree_with_finite_differences_and_threads_change_nothing() {
        let table = var(&[5, 3], 1);
        finite_differences(&[&table], 1e-2, 1e-2, || {
            embedding_bag(&table, &[4, 0, 4], &[1.0, 2.0, 0.5], &[2, 1]).unwrap()
        });
        let (large, n) = (var(&[70, 33], 2), 6000);
        let ids: Vec<u32> = (0..n as u32).map(|i| i * i % 70).collect();
        any_threads(&[&large], || embedding_bag(&large, &ids, &weights(n), &vec![20; n / 20]).unwrap());
    }

    #[test]
    fn what_does_not_fit_is_refused_with_its_numbers() {
        let table = var(&[5, 3], 1);
        let message = embedding_bag(&table, &[1, 2], &[1.0], &[2]).unwrap_err().to_string();
        assert!(message.contains("2 ids and 1 weights in bags of 2"), "{message}");
        assert!(embedding_bag(&table, &[7], &[1.0], &[1]).unwrap_err().to_string().contains("row 7 of 5"));
        assert_eq!(embedding_bag(&table, &[], &[], &[]).unwrap().dims(), [0, 3]);
    }
}
