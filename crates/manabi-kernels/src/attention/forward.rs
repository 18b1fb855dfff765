//! The forward pass: for some queries, over blocks of keys, with the softmax's sums carried along (Milakov &
//! Gimelshein, arXiv:1805.02867).

use std::ops::Range;

use candle_core::Result;
use rayon::prelude::*;

use super::{
    Heads,
    sequences::{Sequence, Sequences},
};
use crate::Precision::F32;
use crate::matmul::{Matrix, Start, gemm_at};
use crate::memory::Scratch;
use crate::storage::Shared;
use crate::vector::{exp, max, sum_over};

/// The most queries of a block.
pub(super) const QUERIES: usize = 96;

/// The most keys of a block: with `QUERIES` 48 KiB of scores.
pub(super) const KEYS: usize = 128;

/// Cuts `0..total` into equal ranges of at most `most`.
pub(super) fn cut(total: usize, most: usize) -> impl Iterator<Item = Range<usize>> {
    let each = total.div_ceil(total.div_ceil(most).max(1)).max(1);
    (0..total).step_by(each).map(move |first| first..(first + each).min(total))
}

/// One part (keys or values) of a head's keys: where they are, or copied together where they are not neighbours.
pub(super) fn keys<'a>(
    h: Heads,
    x: &'a [f32],
    s: &Sequence,
    part: usize,
    head: usize,
    space: &'a mut [f32],
) -> Matrix<'a> {
    match &s.picked {
        None => Matrix::rows(&x[h.at(s.rows.start, part, head)..], 3 * h.all),
        Some(picked) => {
            for (to, row) in space.chunks_exact_mut(h.d).zip(picked) {
                to.copy_from_slice(&x[h.at(*row, part, head)..][..h.d]);
            }
            Matrix::rows(space, h.d)
        }
    }
}

/// Writes the output (positions, D) and the logarithm of each row's sum, [head][position].
pub(super) fn run(h: Heads, sequences: &Sequences, x: &[f32], y: &mut [f32], sums: &mut [f32]) -> Result<()> {
    let (y, sums) = (Shared::new(y), Shared::new(sums));
    let blocks = |s: &Sequence| cut(s.rows.len(), QUERIES).collect::<Vec<_>>();
    let tasks: Vec<(&Sequence, usize, Range<usize>)> = sequences
        .iter()
        .flat_map(|s| (0..h.heads).flat_map(move |head| blocks(s).into_iter().map(move |block| (s, head, block))))
        .collect();
    tasks.into_par_iter().try_for_each(|(s, head, block)| {
        let rows = s.rows.start + block.start..s.rows.start + block.end;
        // SAFETY: no two tasks share a head and a query.
        let sums = unsafe { sums.at(head * h.rows + rows.start, rows.len()) };
        // SAFETY: as above.
        unsafe { queries(h, s, x, (head, rows), sequences.is_causal(), y, sums) }
    })
}

/// The queries `rows` of one head.
///
/// # Safety
/// No other task has the head's columns of these rows of `y`.
unsafe fn queries(
    h: Heads,
    s: &Sequence,
    x: &[f32],
    (head, rows): (usize, Range<usize>),
    causal: bool,
    y: Shared,
    sums: &mut [f32],
) -> Result<()> {
    let (count, all, d) = (rows.len(), h.all, h.d);
    // The first query's place in the sequence; keys behind the last one are not looked at.
    let place = rows.start - s.rows.start;
    let seen = if causal { place + count } else { s.keys };
    let copied = if s.picked.is_some() { s.keys * d } else { 0 };
    let (mut k_space, mut v_space) = (Scratch::new(copied), Scratch::new(copied));
    let k = keys(h, x, s, 1, head, &mut k_space);
    let v = keys(h, x, s, 2, head, &mut v_space);
    let q = Matrix::rows(&x[h.at(rows.start, 0, head)..], 3 * all);
    let out = y.offset(rows.start * all + head * d);
    let mut space = Scratch::new(count * (KEYS.min(s.keys) + 3));
    let (state, scores) = space.split_at_mut(3 * count);
    let (tops, state) = state.split_at_mut(count);
    let (totals, shares) = state.split_at_mut(count);
    tops.fill(f32::NEG_INFINITY);
    totals.fill(0.0);
    for block in cut(seen, KEYS) {
        let (t, first) = (block.len(), block.start == 0);
        let scores = &mut scores[..count * t];
        // SAFETY: `scores` holds count x t elements.
        unsafe { gemm_at(F32, (count, t, d), q, k.from_row(block.start).t(), Shared::new(scores), t, Start::Zero) }?;
        if causal {
            hide_later(scores, t, place, block.start);
        }
        weigh(scores, t, h.scale(), tops, totals, shares);
        let start = if first { Start::Zero } else { Start::Add };
        // SAFETY: the caller gave the head's columns of these rows to this task, and the first block writes them.
        unsafe {
            if !first {
                scale(out, (all, d), shares);
            }
            gemm_at(F32, (count, d, t), Matrix::rows(scores, t), v.from_row(block.start), out, all, start)?;
        }
    }
    for ((sum, top), total) in sums.iter_mut().zip(&*tops).zip(&mut *totals) {
        *sum = *top * h.scale() + total.ln();
        *total = 1.0 / *total;
    }
    // SAFETY: as above; without keys nothing has been written yet.
    unsafe {
        match s.keys {
            0 => (0..count).for_each(|i| out.at(i * all, d).fill(0.0)),
            _ => scale(out, (all, d), totals),
        }
    }
    Ok(())
}

/// A score so low that its weight is zero; not infinite, so that no difference of two is none.
const HIDDEN: f32 = -1e30;

/// Hides from each query the keys behind it: the first row is the query at `place`, the first column the key at `from`.
pub(super) fn hide_later(scores: &mut [f32], t: usize, place: usize, from: usize) {
    for (i, row) in scores.chunks_exact_mut(t).enumerate() {
        let seen = (place + i + 1).saturating_sub(from).min(t);
        row[seen..].fill(HIDDEN);
    }
}

/// Multiplies each row of `d` elements, `row` apart, by its factor.
///
/// # Safety
/// The rows lie behind `out`, are initialised, and belong to this task.
unsafe fn scale(out: Shared, (row, d): (usize, usize), factors: &[f32]) {
    for (i, factor) in factors.iter().enumerate() {
        // SAFETY: what this function asks of its caller.
        unsafe { out.at(i * row, d) }.iter_mut().for_each(|v| *v *= factor);
    }
}

wide! {
    /// Scores to e^(score − top), with the tops, totals and the share of the old total brought up to date.
    fn weigh(scores: &mut [f32], t: usize, scale: f32, tops: &mut [f32], totals: &mut [f32], shares: &mut [f32]) {
        let state = tops.iter_mut().zip(totals).zip(shares);
        for (row, ((top, total), share)) in scores.chunks_exact_mut(t).zip(state) {
            let highest = max(row).max(*top);
            for v in row.iter_mut() {
                *v = exp((*v - highest) * scale);
            }
            *share = if *top == f32::NEG_INFINITY { 0.0 } else { exp((*top - highest) * scale) };
            *total = *total * *share + sum_over([row], |[v]| v);
            *top = highest;
        }
    }
}
