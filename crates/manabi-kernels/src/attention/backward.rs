//! The backward pass: the weights again, block by block, and from them the gradients of queries, keys and values.
//!
//! With P the weights and G the gradient of the output, dV = Pᵀ G, dP = G Vᵀ, dS = P (dP − Σ G y) / √d, dQ = dS K and
//! dK = dSᵀ Q.

use candle_core::Result;
use rayon::prelude::*;

use super::{
    Heads,
    forward::{KEYS, QUERIES, cut, hide_later, keys},
    sequences::{Sequence, Sequences},
};
use crate::Precision::F32;
use crate::matmul::{Matrix, Start, gemm_at};
use crate::memory::Scratch;
use crate::storage::Shared;
use crate::vector::{exp, sum_over};

/// Input, output, its gradient, and the logarithms of the rows' sums.
type Given<'a> = (&'a [f32], &'a [f32], &'a [f32], &'a [f32]);

/// Writes the gradient of qkv.
pub(super) fn run(h: Heads, sequences: &Sequences, given: Given<'_>, gx: &mut [f32]) -> Result<()> {
    let gx = Shared::new(gx);
    let tasks: Vec<(&Sequence, usize)> =
        sequences.iter().flat_map(|s| (0..h.heads).map(move |head| (s, head))).collect();
    let causal = sequences.is_causal();
    // SAFETY: no two tasks share a sequence and a head.
    tasks.into_par_iter().try_for_each(|(s, head)| unsafe { one(h, s, given, (head, causal), gx) })
}

/// One head of one sequence.
///
/// # Safety
/// No other task has the head's columns of the sequence's rows of `gx`.
unsafe fn one(
    h: Heads,
    s: &Sequence,
    (x, y, g, sums): Given<'_>,
    (head, causal): (usize, bool),
    gx: Shared,
) -> Result<()> {
    let (all, d, wide) = (h.all, h.d, 3 * h.all);
    let copied = if s.picked.is_some() { s.keys * d } else { 0 };
    let (mut k_space, mut v_space) = (Scratch::new(copied), Scratch::new(copied));
    let k = keys(h, x, s, 1, head, &mut k_space);
    let v = keys(h, x, s, 2, head, &mut v_space);
    // The gradients of keys that are not neighbours are summed up apart, and then put where they belong.
    let (mut gk_space, mut gv_space) = (Scratch::new(copied), Scratch::new(copied));
    let gather = |space: &mut [f32], part: usize| match s.picked {
        None => (gx.offset(h.at(s.rows.start, part, head)), wide),
        Some(_) => (Shared::new(space), d),
    };
    let ((gk, gk_row), (gv, gv_row)) = (gather(&mut gk_space, 1), gather(&mut gv_space, 2));
    let most = QUERIES.min(s.rows.len()) * KEYS.min(s.keys);
    let (mut p_space, mut gp_space) = (Scratch::new(most), Scratch::new(most));
    for block in cut(s.rows.len(), QUERIES) {
        let (count, row) = (block.len(), s.rows.start + block.start);
        let q = Matrix::rows(&x[h.at(row, 0, head)..], wide);
        let out = row * all + head * d;
        let (y, grad) = (Matrix::rows(&y[out..], all), Matrix::rows(&g[out..], all));
        let gq = gx.offset(h.at(row, 0, head));
        let sums = &sums[head * h.rows + row..][..count];
        for keys in cut(s.keys, KEYS) {
            let t = keys.len();
            let (p, gp) = (&mut p_space[..count * t], &mut gp_space[..count * t]);
            let from_first = |first: bool| if first { Start::Zero } else { Start::Add };
            // SAFETY: p and gp hold count x t elements; the caller gave the head's columns to this task, which writes
            // each before it adds to it.
            unsafe {
                gemm_at(F32, (count, t, d), q, k.from_row(keys.start).t(), Shared::new(p), t, Start::Zero)?;
                gemm_at(F32, (count, t, d), grad, v.from_row(keys.start).t(), Shared::new(gp), t, Start::Zero)?;
                if causal {
                    hide_later(p, t, block.start, keys.start);
                }
                weigh(p, gp, (t, d, all), h.scale(), sums, y.data, grad.data);
                let (p, gs) = (Matrix::rows(p, t), Matrix::rows(gp, t));
                let start = from_first(block.start == 0);
                gemm_at(F32, (t, d, count), p.t(), grad, gv.offset(keys.start * gv_row), gv_row, start)?;
                gemm_at(F32, (t, d, count), gs.t(), q, gk.offset(keys.start * gk_row), gk_row, start)?;
                gemm_at(F32, (count, d, t), gs, k.from_row(keys.start), gq, wide, from_first(keys.start == 0))?;
            }
        }
        if s.keys == 0 {
            // SAFETY: as above.
            (0..count).for_each(|i| unsafe { gq.at(i * wide, d) }.fill(0.0));
        }
    }
    for (part, grads) in [(1, &gk_space), (2, &gv_space)] {
        // SAFETY: as above.
        let to = |row: usize| unsafe { gx.offset(h.at(row, part, head)).at(0, d) };
        match &s.picked {
            None => (s.rows.start + s.keys..s.rows.end).for_each(|row| to(row).fill(0.0)),
            Some(picked) => {
                s.rows.clone().for_each(|row| to(row).fill(0.0));
                for (row, grad) in picked.iter().zip(grads.chunks_exact(d)) {
                    to(*row).copy_from_slice(grad);
                }
            }
        }
    }
    Ok(())
}

wide! {
    /// Scores to weights and the weights' gradient to that of the scores, both in place.
    fn weigh(
        p: &mut [f32],
        gp: &mut [f32],
        (t, d, all): (usize, usize, usize),
        scale: f32,
        sums: &[f32],
        y: &[f32],
        g: &[f32],
    ) {
        for (i, ((p, gp), sum)) in p.chunks_exact_mut(t).zip(gp.chunks_exact_mut(t)).zip(sums).enumerate() {
            let (y, g) = (&y[i * all..][..d], &g[i * all..][..d]);
            let along = sum_over([y, g], |[y, g]| y * g);
            for (p, gp) in p.iter_mut().zip(gp) {
                *p = exp(*p * scale - sum);
                *gp = *p * (*gp - along) * scale;
            }
        }
    }
}
