//! Maps to tiles and back.
//!
//! Vector lanes are tiles: the k-th elements of the patches of one row of tiles, over a set of images, lie side by
//! side, so that each step of a transform is one operation on neighbouring elements. V, M: [A²][channels][tiles].

// Both indices of a tile are written out, as in the formulas.
#![allow(clippy::needless_range_loop)]

use std::ops::Range;

use super::super::geometry::Geometry;
use super::tile::Tile;
use crate::memory::Scratch;
use crate::storage::Shared;

/// Tiles that a transform takes at once.
pub(super) const L: usize = 8;

pub(super) type Lanes = [f32; L];

/// The tiles of a set of images of one size.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tiles {
    h: usize,
    w: usize,
    /// Tiles down and across one image.
    down: usize,
    across: usize,
    images: usize,
    /// Tiles in a row of tiles of all images, rounded up to whole lanes.
    row: usize,
}

impl Tiles {
    pub(super) fn new<const M: usize>(g: &Geometry, images: usize) -> Self {
        let (h, w) = (g.down.size, g.across.size);
        let (down, across) = (h.div_ceil(M), w.div_ceil(M));
        Self { h, w, down, across, images, row: (images * across).next_multiple_of(L) }
    }

    /// All tiles.
    pub(super) fn count(&self) -> usize {
        self.down * self.row
    }
}

/// Some of the channels of a batch of maps.
#[derive(Clone, Debug)]
pub(super) struct Channels {
    /// Those taken.
    pub(super) range: Range<usize>,
    /// All that an image has.
    pub(super) of: usize,
}

impl Channels {
    pub(super) fn all(of: usize) -> Self {
        Self { range: 0..of, of }
    }
}

/// Where the channels of a transform lie in [A²][rows][tiles].
#[derive(Clone, Copy)]
pub(super) struct Planes {
    pub(super) data: Shared,
    /// Channels in a plane.
    pub(super) rows: usize,
    /// The row of the first channel taken.
    pub(super) first: usize,
}

/// Loads `L` neighbours.
#[inline(always)]
pub(super) fn load(from: &[f32], start: usize) -> Lanes {
    let mut lanes = [0.0; L];
    lanes.copy_from_slice(&from[start..start + L]);
    lanes
}

/// Applies a step to each lane of one line of a tile.
#[inline(always)]
pub(super) fn step<const P: usize, const Q: usize>(line: [Lanes; P], f: impl Fn([f32; P]) -> [f32; Q]) -> [Lanes; Q] {
    let mut out = [[0.0; L]; Q];
    for l in 0..L {
        let values = f(std::array::from_fn(|i| line[i][l]));
        for q in 0..Q {
            out[q][l] = values[q];
        }
    }
    out
}

/// Lays out one channel's maps as [rows][WIDTH][tiles of a row]: element `first + M tile + j` of each row, WIDTH being
/// M for the tiles themselves or M + 2 for the patches under them.
#[inline(always)]
fn lay_out<const M: usize, const WIDTH: usize>(
    maps: &[f32],
    channels: usize,
    c: usize,
    s: Tiles,
    line: &mut [f32],
    out: &mut [f32],
) {
    let edge = (WIDTH - M) / 2;
    let rows = M * s.down + 2 * edge;
    for r in 0..rows {
        let out = &mut out[r * WIDTH * s.row..][..WIDTH * s.row];
        if r < edge || r >= s.h + edge {
            out.fill(0.0);
            continue;
        }
        for q in 0..s.images {
            let rest = &maps[((q * channels + c) * s.h + r - edge) * s.w..];
            // What lies outside the map in `line` stays zero.
            match rest.get(..s.w.next_multiple_of(L)) {
                // Short rows in whole lanes: to call a copy of a few elements costs more than to make it.
                Some(rest) if s.w < 4 * L => {
                    for i in (0..s.w).step_by(L) {
                        line[edge + i..][..L].copy_from_slice(&rest[i..][..L]);
                    }
                    line[edge + s.w..][..L].fill(0.0);
                }
                _ => line[edge..edge + s.w].copy_from_slice(&rest[..s.w]),
            }
            for j in 0..WIDTH {
                let to = &mut out[j * s.row + q * s.across..][..s.across];
                for (to, v) in to.iter_mut().zip(line[j..].iter().step_by(M)) {
                    *to = *v;
                }
            }
        }
        for j in 0..WIDTH {
            out[j * s.row + s.images * s.across..(j + 1) * s.row].fill(0.0);
        }
    }
}

/// Both transforms of maps to planes: W × W elements a tile to A × A.
///
/// # Safety
/// No other task uses the rows of the planes that belong to these channels.
#[inline(always)]
unsafe fn to_planes<const M: usize, const W: usize, const A: usize>(
    maps: &[f32],
    channels: &Channels,
    s: Tiles,
    to: Planes,
    f: impl Fn([f32; W]) -> [f32; A],
) {
    let mut line = Scratch::zeros(M * s.across + 2 + 2 * L);
    let mut space = Scratch::new((M * s.down + 2) * W * s.row);
    let count = s.count();
    for (i, c) in channels.range.clone().enumerate() {
        lay_out::<M, W>(maps, channels.of, c, s, &mut line, &mut space);
        for ty in 0..s.down {
            for lane in (0..s.row).step_by(L) {
                let mut half = [[[0.0; L]; W]; A];
                for j in 0..W {
                    let column = std::array::from_fn(|i| load(&space, ((M * ty + i) * W + j) * s.row + lane));
                    let column = step(column, &f);
                    for i in 0..A {
                        half[i][j] = column[i];
                    }
                }
                for a in 0..A {
                    let row = step(half[a], &f);
                    for b in 0..A {
                        let at = ((a * A + b) * to.rows + to.first + i) * count + ty * s.row + lane;
                        // SAFETY: what this function asks of its caller.
                        unsafe { to.data.at(at, L) }.copy_from_slice(&row[b]);
                    }
                }
            }
        }
    }
}

wide! {
    /// Bᵀ d B of all tiles: x (images, channels, H, W) to v [A²][channels][tiles].
    ///
    /// # Safety
    /// No other task uses these channels of `v`.
    pub(super) unsafe fn patches<T: Tile<M, A>, const M: usize, const A: usize>(
        x: &[f32],
        channels: &Channels,
        s: Tiles,
        v: Planes,
    ) {
        // SAFETY: what this function asks of its caller.
        unsafe { to_planes::<M, A, A>(x, channels, s, v, T::input) }
    }

    /// A gy Aᵀ of all tiles: gy (images, channels, H, W) to m [A²][channels][tiles].
    ///
    /// # Safety
    /// No other task uses these channels of `m`.
    pub(super) unsafe fn gradients<T: Tile<M, A>, const M: usize, const A: usize>(
        gy: &[f32],
        channels: &Channels,
        s: Tiles,
        m: Planes,
    ) {
        // SAFETY: what this function asks of its caller.
        unsafe { to_planes::<M, M, A>(gy, channels, s, m, T::gradient) }
    }

    /// Aᵀ m A of all tiles, plus the bias: m [A²][channels taken][tiles] to y (images, channels, H, W).
    ///
    /// # Safety
    /// No other task uses these channels of `y`.
    pub(super) unsafe fn outputs<T: Tile<M, A>, const M: usize, const A: usize>(
        m: &[f32],
        channels: &Channels,
        s: Tiles,
        bias: Option<&[f32]>,
        y: Shared,
    ) {
        let (count, rows) = (s.count(), channels.range.len());
        for (i, c) in channels.range.clone().enumerate() {
            let bias = bias.map_or(0.0, |b| b[c]);
            for ty in 0..s.down {
                let high = (s.h - M * ty).min(M);
                for lane in (0..s.row).step_by(L) {
                    let mut half = [[[0.0; L]; A]; M];
                    for b in 0..A {
                        let at = |a: usize| ((a * A + b) * rows + i) * count + ty * s.row + lane;
                        let column = step(std::array::from_fn(|a| load(m, at(a))), T::output);
                        for a in 0..M {
                            half[a][b] = column[a];
                        }
                    }
                    let mut tile = [[[0.0; M]; M]; L];
                    for a in 0..M {
                        let row = step(half[a], T::output);
                        for b in 0..M {
                            for l in 0..L {
                                tile[l][a][b] = row[b][l] + bias;
                            }
                        }
                    }
                    for (l, tile) in tile.iter().enumerate().take((s.images * s.across).saturating_sub(lane)) {
                        let (q, tx) = ((lane + l) / s.across, (lane + l) % s.across);
                        let start = ((q * channels.of + c) * s.h + M * ty) * s.w + M * tx;
                        let width = (s.w - M * tx).min(M);
                        for a in 0..high {
                            // SAFETY: the tile's part of the map.
                            let to = unsafe { y.at(start + a * s.w, width) };
                            if width == M {
                                to.copy_from_slice(&tile[a]);
                                continue;
                            }
                            // One by one: to call a copy of a few elements costs more than to make it.
                            for b in 0..M - 1 {
                                if b < width {
                                    to[b] = tile[a][b];
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
