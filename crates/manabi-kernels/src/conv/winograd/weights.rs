//! Kernels to tiles and back: U = G w Gᵀ and gw = Gᵀ dU G, some channels side by side in the vector lanes.

#![allow(clippy::needless_range_loop)]

use super::tile::Tile;
use super::transforms::{L, Lanes};

/// Kernels (3, 3) in memory: the one that leads from `column` to `row` is at `row * row_step + column * column_step`.
#[derive(Clone, Copy)]
pub(super) struct Kernels<'a> {
    pub(super) data: &'a [f32],
    pub(super) row_step: usize,
    pub(super) column_step: usize,
    /// Columns of each row.
    pub(super) columns: usize,
    /// Turned by half a turn.
    pub(super) turned: bool,
}

impl<'a> Kernels<'a> {
    /// Of w (Co, Ci, 3, 3): a row an output channel, or with `turned` a row an input channel.
    pub(super) fn new(data: &'a [f32], (co, ci): (usize, usize), turned: bool) -> Self {
        match turned {
            false => Self { data, row_step: 9 * ci, column_step: 9, columns: ci, turned },
            true => Self { data, row_step: 9, column_step: 9 * ci, columns: co, turned },
        }
    }
}

wide! {
    /// G w Gᵀ of row `r` of the kernels, to u [A²][columns], the planes `plane` apart.
    pub(super) fn transform<T: Tile<M, A>, const M: usize, const A: usize>(
        w: Kernels<'_>,
        r: usize,
        plane: usize,
        u: &mut [f32],
    ) {
        for c in (0..w.columns).step_by(L) {
            let lanes = L.min(w.columns - c);
            let mut k = [[0f32; L]; 9];
            for l in 0..lanes {
                let taps = &w.data[r * w.row_step + (c + l) * w.column_step..][..9];
                for t in 0..9 {
                    k[t][l] = taps[if w.turned { 8 - t } else { t }];
                }
            }
            let mut half = [[[0f32; L]; 3]; A];
            for a in 0..A {
                for x in 0..3 {
                    half[a][x] = combine(T::G[a], [k[x], k[3 + x], k[6 + x]]);
                }
            }
            for a in 0..A {
                for b in 0..A {
                    let value = combine(T::G[b], half[a]);
                    let to = &mut u[(a * A + b) * plane + c..];
                    match lanes {
                        L => to[..L].copy_from_slice(&value),
                        _ => to[..lanes].copy_from_slice(&value[..lanes]),
                    }
                }
            }
        }
    }

    /// Gᵀ dU G: du [A²] planes `plane` apart, of which `count` neighbours from `start` on are taken, to nine taps each, `step`
    /// apart.
    pub(super) fn back<T: Tile<M, A>, const M: usize, const A: usize>(
        du: &[f32],
        (plane, start, count): (usize, usize, usize),
        step: usize,
        gw: &mut [f32],
    ) {
        for c in (0..count).step_by(L) {
            let lanes = L.min(count - c);
            let mut half = [[[0f32; L]; A]; 3];
            for b in 0..A {
                for a in 0..A {
                    let from = &du[(a * A + b) * plane + start + c..][..lanes];
                    let mut value = [0f32; L];
                    match lanes {
                        L => value.copy_from_slice(from),
                        _ => value[..lanes].copy_from_slice(from),
                    }
                    for y in 0..3 {
                        for l in 0..L {
                            half[y][b][l] += T::G[a][y] * value[l];
                        }
                    }
                }
            }
            let mut taps = [[0f32; L]; 9];
            for y in 0..3 {
                for x in 0..3 {
                    for b in 0..A {
                        for l in 0..L {
                            taps[y * 3 + x][l] += T::G[b][x] * half[y][b][l];
                        }
                    }
                }
            }
            for l in 0..lanes {
                let to = &mut gw[(c + l) * step..][..9];
                for t in 0..9 {
                    to[t] = taps[t][l];
                }
            }
        }
    }
}

/// Σ g_i v_i in each lane.
#[inline(always)]
fn combine(g: [f32; 3], v: [Lanes; 3]) -> Lanes {
    std::array::from_fn(|l| g[0] * v[0][l] + g[1] * v[1][l] + g[2] * v[2][l])
}
