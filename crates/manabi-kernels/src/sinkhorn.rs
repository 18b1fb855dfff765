//! Sinkhorn and Knopp's scaling of a matrix of exponentials to equal row sums and equal column sums.
//!
//! q = exp(s / ε), then in turn: columns scaled to N / K each, rows to 1 (Cuturi, arXiv:1306.0895). Shapes: s and q
//! (N, K). No gradient.
//!
//! One buffer, scaled in place. A round is one pass over it: a row is multiplied by the columns' factors, scaled to 1,
//! and added to the column sums that the next round needs. The rows are shifted by their own maximum, and the factor
//! that this takes off is given back in the first column sums, the only ones that see it: no row vanishes, however
//! small its scores. Parallel over fixed groups of rows, whose column sums are added in order: the same bits for any
//! number of threads.

use candle_core::{D, Result, Tensor, bail};
use rayon::prelude::*;

use crate::memory::built;
use crate::norm::{ROWS, add_rows};
use crate::storage::{fast, tensor_like, with};
use crate::vector::{exp, max, sum_over};

/// Added to every sum before dividing by it.
const TINY: f32 = 1e-30;

/// exp(scores / epsilon), scaled `iterations` times to columns of sum N / K and rows of sum 1; the rows once at least:
/// (N, K) → (N, K).
pub fn sinkhorn(scores: &Tensor, epsilon: f64, iterations: usize) -> Result<Tensor> {
    let (n, k) = scores.dims2()?;
    if n == 0 || k == 0 {
        bail!("sinkhorn: no scores in a matrix of shape {:?}", scores.dims())
    }
    let scores = scores.detach();
    if !fast(&[&scores]) {
        return plain(&scores, epsilon, iterations);
    }
    let values = with(&scores, |s| {
        // SAFETY: the first pass covers the buffer and writes each row whole before it reads it.
        Ok(unsafe { built(s.len(), |q| scale(s, k, (1.0 / epsilon) as f32, iterations, q)) })
    })?;
    tensor_like(values, &scores)
}

/// By candle's operations.
fn plain(scores: &Tensor, epsilon: f64, iterations: usize) -> Result<Tensor> {
    let (n, k) = scores.dims2()?;
    let row_top = scores.max_keepdim(D::Minus1)?;
    let mut q = (scores.broadcast_sub(&row_top)? / epsilon)?.exp()?;
    let unshifted = (row_top.broadcast_sub(&row_top.max_keepdim(0)?)? / epsilon)?.exp()?;
    for round in 0..iterations {
        let columns = if round == 0 { q.broadcast_mul(&unshifted)?.sum_keepdim(0)? } else { q.sum_keepdim(0)? };
        q = q.broadcast_div(&((columns * (k as f64 / n as f64))? + f64::from(TINY))?)?;
        q = q.broadcast_div(&(q.sum_keepdim(1)? + f64::from(TINY))?)?;
    }
    if iterations == 0 {
        q = q.broadcast_div(&q.sum_keepdim(1)?)?;
    }
    Ok(q)
}

/// The scaled exponentials of `s` in `q`.
fn scale(s: &[f32], k: usize, inverse: f32, iterations: usize, q: &mut [f32]) {
    let n = s.len() / k;
    let piece = k * ROWS;
    let tops: Vec<f32> = s.par_chunks(piece).map(max).collect();
    let top = max(&tops);
    // The column sums of each group of rows.
    let mut sums = vec![0f32; n.div_ceil(ROWS) * k];
    let pieces = s.par_chunks(piece).zip(q.par_chunks_mut(piece)).zip(sums.par_chunks_mut(k));
    pieces.for_each(|((s, q), sums)| start(s, inverse, top, q, sums));
    for _ in 0..iterations {
        let mut columns = vec![0f32; k];
        add_rows(&sums, &mut columns);
        for v in &mut columns {
            *v = 1.0 / (*v * (k as f32 / n as f32) + TINY);
        }
        q.par_chunks_mut(piece).zip(sums.par_chunks_mut(k)).for_each(|(q, sums)| round(q, &columns, sums));
    }
    if iterations == 0 {
        q.par_chunks_mut(piece).zip(sums.par_chunks_mut(k)).for_each(|(q, sums)| round(q, &vec![1.0; k], sums));
    }
}

wide! {
    /// Exponentials of rows less their maximum; their sums over the rows as if it had been `top`.
    fn start(s: &[f32], inverse: f32, top: f32, q: &mut [f32], sums: &mut [f32]) {
        let k = sums.len();
        for (s, q) in s.chunks_exact(k).zip(q.chunks_exact_mut(k)) {
            let own = max(s);
            let factor = exp((own - top) * inverse);
            for ((s, q), sum) in s.iter().zip(q).zip(&mut *sums) {
                // The exponential ends above zero, and the rounds would raise what it leaves.
                *q = if *s == f32::NEG_INFINITY && own > *s { 0.0 } else { exp((s - own) * inverse) };
                *sum += *q * factor;
            }
        }
    }

    /// One round, and the column sums after it.
    fn round(q: &mut [f32], columns: &[f32], sums: &mut [f32]) {
        let k = columns.len();
        sums.fill(0.0);
        for q in q.chunks_exact_mut(k) {
            for (q, column) in q.iter_mut().zip(columns) {
                *q *= column;
            }
            let row = 1.0 / (sum_over([q], |[v]| v) + TINY);
            for (q, sum) in q.iter_mut().zip(&mut *sums) {
                *q *= row;
                *sum += *q;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{close, flat, var};
    use candle_core::{DType, Device};
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn scaling_agrees_with_candles(n in 1usize..200, k in 1usize..70, iterations in 0usize..6, seed: u64) {
            let s = var(&[n, k], seed);
            let (ours, reference) = (sinkhorn(&s, 0.3, iterations).unwrap(), plain(&s.detach(), 0.3, iterations).unwrap());
            close("scaled", &ours, &reference, 1e-5);
            prop_assert!(!ours.track_op());
        }
    }

    #[test]
    fn rows_sum_to_one_and_columns_to_their_share() {
        let q = sinkhorn(&var(&[40, 8], 1), 0.5, 100).unwrap();
        assert!(flat(&q.sum(1).unwrap()).iter().all(|v| (v - 1.0).abs() < 1e-5));
        assert!(flat(&q.sum(0).unwrap()).iter().all(|v| (v - 5.0).abs() < 1e-3));
    }

    #[test]
    fn a_row_far_below_the_others_keeps_its_sum() {
        let s = Tensor::new(&[[1000f32, 999.0], [-1000.0, -1001.0], [0.0, 5.0]], &Device::Cpu).unwrap();
        let q = sinkhorn(&s, 0.05, 3).unwrap();
        assert!(flat(&q.sum(1).unwrap()).iter().all(|v| (v - 1.0).abs() < 1e-5), "{q}");
    }

    #[test]
    fn the_bits_are_the_same_for_any_number_of_threads() {
        let s = var(&[1000, 30], 1);
        let bits = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            flat(&pool.install(|| sinkhorn(&s, 0.1, 3).unwrap())).into_iter().map(f32::to_bits).collect::<Vec<_>>()
        };
        let one = bits(1);
        assert!(one == bits(2) && one == bits(5));
    }

    #[test]
    fn transposed_scores_and_other_types_give_the_same() {
        let s = var(&[6, 20], 1).t().unwrap();
        let wide = sinkhorn(&s.to_dtype(DType::F64).unwrap(), 0.3, 3).unwrap();
        close("f64", &sinkhorn(&s, 0.3, 3).unwrap(), &wide.to_dtype(DType::F32).unwrap(), 1e-5);
    }

    #[test]
    fn what_is_not_a_number_shows_and_no_scores_are_refused() {
        let s = Tensor::new(&[[1f32, f32::NAN], [0.0, 0.5]], &Device::Cpu).unwrap();
        assert!(flat(&sinkhorn(&s, 0.5, 3).unwrap()).iter().any(|v| v.is_nan()));
        assert!(sinkhorn(&Tensor::zeros((0, 3), DType::F32, &Device::Cpu).unwrap(), 0.5, 3).is_err());
    }
}
