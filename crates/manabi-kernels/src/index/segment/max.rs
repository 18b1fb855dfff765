//! The largest of the rows of each segment, element by element.
//!
//! Shapes: x (E, ..), y (count, ..); a segment without rows is zero. The gradient goes to the first of the largest. NaN
//! wins, so that divergence is seen. Forward each task takes whole segments (blocks of long ones), and notes for each
//! element the row that it came from; backward each task takes rows and asks of each element whether it was the one.

use std::sync::{Arc, OnceLock};

use candle_core::{CpuStorage, CustomOp1, Layout, Result, Tensor, bail};
use rayon::prelude::*;

use super::super::order::{AT_ONCE, Groups, LONG};
use super::check;
use crate::memory::built;
use crate::storage::{Forward, fast, slice, tensor_like, with};

/// The largest of the rows of `x` (E, ..) of each segment, element by element: (count, ..).
pub fn segment_max(x: &Tensor, segments: &[u32], count: usize) -> Result<Tensor> {
    let d = check("segment_max", x, segments, count)?;
    if !fast(&[x]) || segments.is_empty() || d == 0 {
        return plain_max(x, segments, count);
    }
    let op = SegmentMax { segments: segments.into(), count, d, picks: OnceLock::new() };
    x.contiguous()?.apply_op1(op)
}

/// A tournament: in each round the rows of a segment meet in pairs, of which the larger element stays.
fn plain_max(x: &Tensor, segments: &[u32], count: usize) -> Result<Tensor> {
    let groups = Groups::new(segments, count);
    let filled: Vec<u32> = (0..count as u32).filter(|id| !groups.of(*id as usize).is_empty()).collect();
    let mut dims = x.dims().to_vec();
    dims[0] = count;
    let zeros = Tensor::zeros(dims, x.dtype(), x.device())?;
    if filled.is_empty() || zeros.elem_count() == 0 {
        return Ok(zeros);
    }
    let mut teams: Vec<Vec<u32>> = filled.iter().map(|id| groups.of(*id as usize).to_vec()).collect();
    let take = |x: &Tensor, rows: Vec<u32>| x.contiguous()?.index_select(&Tensor::new(rows, x.device())?, 0);
    let mut left = take(x, teams.concat())?;
    while teams.iter().any(|team| team.len() > 1) {
        let mut next = 0u32;
        for team in &mut teams {
            // From here on a row's number is its place in `left`.
            team.iter_mut().for_each(|row| {
                *row = next;
                next += 1;
            });
        }
        let side = |second: bool| -> Vec<u32> {
            let pick = |pair: &[u32]| if second { pair[pair.len() - 1] } else { pair[0] };
            teams.iter().flat_map(|team| team.chunks(2).map(pick)).collect()
        };
        let (a, b) = (take(&left, side(false))?, take(&left, side(true))?);
        // Of equals the first; NaN differs from itself.
        let second_wins = (b.gt(&a)? + b.ne(&b)?)?;
        left = second_wins.where_cond(&b, &a)?;
        teams.iter_mut().for_each(|team| team.truncate(team.len().div_ceil(2)));
    }
    zeros.index_add(&Tensor::new(filled, x.device())?, &left, 0)
}

struct SegmentMax {
    segments: Arc<[u32]>,
    count: usize,
    d: usize,
    /// For each output the row that it came from.
    picks: OnceLock<Vec<u32>>,
}

/// The largest elements of each segment, and the rows that they come from; zero and no row where there is none.
pub(super) fn largest(groups: &Groups, count: usize, x: &[f32], d: usize) -> (Vec<f32>, Vec<u32>) {
    let (mut y, mut picks) = (vec![0f32; count * d], vec![u32::MAX; count * d]);
    let pieces = y.par_chunks_mut(d * AT_ONCE).zip(picks.par_chunks_mut(d * AT_ONCE)).enumerate();
    pieces.for_each(|(piece, (y, picks))| {
        for (i, (y, picks)) in y.chunks_exact_mut(d).zip(picks.chunks_exact_mut(d)).enumerate() {
            let positions = groups.of(piece * AT_ONCE + i);
            if positions.len() <= LONG {
                meet(x, d, positions, y, picks);
                continue;
            }
            let block = |positions: &[u32]| {
                let (mut y, mut picks) = (vec![0f32; d], vec![u32::MAX; d]);
                meet(x, d, positions, &mut y, &mut picks);
                picks
            };
            let blocks: Vec<Vec<u32>> = positions.par_chunks(LONG).map(block).collect();
            let (first, others) = (&blocks[0], &blocks[1..]);
            for (j, (y, pick)) in y.iter_mut().zip(picks).enumerate() {
                // The winners of the blocks, in their order.
                (*y, *pick) = (x[first[j] as usize * d + j], first[j]);
                for winners in others {
                    challenge(x[winners[j] as usize * d + j], winners[j], y, pick);
                }
            }
        }
    });
    (y, picks)
}

/// Lets row number `row` with value `v` take the place of `pick` with value `y`, if it is larger, or the first NaN.
#[inline(always)]
fn challenge(v: f32, row: u32, y: &mut f32, pick: &mut u32) {
    // Without a branch, so that the loop over a row is vectorised.
    let wins = (v > *y) | (v.is_nan() & !y.is_nan());
    *y = if wins { v } else { *y };
    *pick = if wins { row } else { *pick };
}

wide! {
    fn meet(x: &[f32], d: usize, positions: &[u32], y: &mut [f32], picks: &mut [u32]) {
        let Some((&first, others)) = positions.split_first() else { return };
        y.copy_from_slice(&x[first as usize * d..][..d]);
        picks.fill(first);
        for position in others {
            let row = &x[*position as usize * d..][..d];
            for ((y, pick), v) in y.iter_mut().zip(picks.iter_mut()).zip(row) {
                challenge(*v, *position, y, pick);
            }
        }
    }

    fn backward(first: usize, segments: &[u32], (picks, grad): (&[u32], &[f32]), d: usize, gx: &mut [f32]) {
        for (i, (segment, gx)) in segments.iter().zip(gx.chunks_exact_mut(d)).enumerate() {
            let row = (first + i) as u32;
            let from = *segment as usize * d;
            for ((gx, pick), g) in gx.iter_mut().zip(&picks[from..from + d]).zip(&grad[from..from + d]) {
                *gx = if *pick == row { *g } else { 0.0 };
            }
        }
    }
}

/// Rows a task takes at once, backward.
const ROWS: usize = 256;

impl CustomOp1 for SegmentMax {
    fn name(&self) -> &'static str {
        "manabi-segment-max"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Forward {
        let x = slice(storage, layout, self.name())?;
        let groups = Groups::new(&self.segments, self.count);
        let (y, picks) = largest(&groups, self.count, x, self.d);
        // The forward pass runs once for each instance.
        let _ = self.picks.set(picks);
        let mut dims = layout.dims().to_vec();
        dims[0] = self.count;
        Ok((CpuStorage::F32(y), dims.into()))
    }

    fn bwd(&self, x: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let Some(picks) = self.picks.get() else { bail!("segment_max: backward before forward") };
        let d = self.d;
        let gx = with(grad, |g| {
            let fill = |gx: &mut [f32]| {
                let pieces = gx.par_chunks_mut(ROWS * d).zip(self.segments.par_chunks(ROWS)).enumerate();
                pieces.for_each(|(piece, (gx, segments))| backward(piece * ROWS, segments, (picks, g), d, gx));
            };
            // SAFETY: there is a row of the output for each segment number, and each is written whole.
            Ok(unsafe { built(self.segments.len() * d, fill) })
        })?;
        Ok(Some(tensor_like(gx, x)?))
    }
}
