//! What lies under one tap of the kernel at the positions of a block.

use std::ops::Range;

use super::super::geometry::Geometry;
use super::{columns::Block, phases::Phases};

/// The elements under one tap.
pub(super) struct Tap {
    /// Rows of positions whose tap is inside, and the input's row of the first.
    down: (Range<usize>, usize),
    /// Positions of a row of the block whose tap is inside, from its start on, and the input's element of the first.
    across: (Range<usize>, usize),
}

impl Tap {
    /// All taps of a kernel, row by row.
    pub(super) fn all(g: &Geometry, block: &Block) -> Vec<Self> {
        let (kh, kw) = (g.down.kernel, g.across.kernel);
        (0..kh * kw).map(|tap| Self::new(g, block, tap / kw, tap % kw)).collect()
    }

    fn new(g: &Geometry, block: &Block, ky: usize, kx: usize) -> Self {
        let (inside, element) = g.across.inside(kx);
        let start = inside.start.max(block.across.start);
        let end = inside.end.min(block.across.end).max(start);
        let across = (
            (start - block.across.start).min(block.across.len())..(end - block.across.start).min(block.across.len()),
            element + (start - inside.start) * g.across.stride,
        );
        Self { down: g.down.inside(ky), across }
    }

    /// Copies what is under the positions of a block from a map, or from its rows taken apart; zeros where the tap is
    /// outside.
    pub(super) fn copy(&self, g: &Geometry, phases: Option<&Phases>, block: &Block, map: &[f32], out: &mut [f32]) {
        for (oy, out) in block.down.clone().zip(out.chunks_exact_mut(block.across.len())) {
            let Some((start, to)) = self.line(g, phases, oy) else {
                out.fill(0.0);
                continue;
            };
            out[..to.start].fill(0.0);
            out[to.end..].fill(0.0);
            let out = &mut out[to];
            match step(g, phases) {
                1 => out.copy_from_slice(&map[start..start + out.len()]),
                step => out.iter_mut().zip(map[start..].iter().step_by(step)).for_each(|(out, v)| *out = *v),
            }
        }
    }

    /// Adds what is at the positions of a block to the elements of a map under them, or to its rows taken apart.
    pub(super) fn add(&self, g: &Geometry, phases: Option<&Phases>, block: &Block, from: &[f32], map: &mut [f32]) {
        for (oy, from) in block.down.clone().zip(from.chunks_exact(block.across.len())) {
            let Some((start, inside)) = self.line(g, phases, oy) else { continue };
            let from = &from[inside];
            match step(g, phases) {
                1 => map[start..].iter_mut().zip(from).for_each(|(to, v)| *to += v),
                step => map[start..].iter_mut().step_by(step).zip(from).for_each(|(to, v)| *to += v),
            }
        }
    }

    /// Where the element under the first position inside of row `oy` lies, and the positions inside.
    fn line(&self, g: &Geometry, phases: Option<&Phases>, oy: usize) -> Option<(usize, Range<usize>)> {
        let (rows, first) = &self.down;
        let (positions, x) = &self.across;
        if !rows.contains(&oy) || positions.is_empty() {
            return None;
        }
        let y = first + (oy - rows.start) * g.down.stride;
        let at = phases.map_or(y * g.across.size + x, |phases| phases.at(y, *x));
        Some((at, positions.clone()))
    }
}

/// The step from one position's element to the next one's.
fn step(g: &Geometry, phases: Option<&Phases>) -> usize {
    if phases.is_some() { 1 } else { g.across.stride }
}
