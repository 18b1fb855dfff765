//! The sums over the products of a matrix's rows with each other, for rows so short that no product is large.
//!
//! By Cauchy and Schwarz |s a_i·a_k| ≤ c = |s| max ‖a‖². Where c is small enough for `f32`, all exponentials are taken
//! after one common shift by c, without a running maximum, and e_ik = exp(s a_i·a_k − c) is symmetric: each pair of
//! tiles is made once and serves its rows and its columns. Backward: W_ik = e_ik (u_i + u_k) with
//! u_i = s g_i exp(c − y_i), and ga = W a. Rows of length 1 at s = 10 are shifted by 10.

use candle_core::Result;
use rayon::prelude::*;

use super::tile::{add_sums, add_sums_off_diagonal, largest_square, weigh_pairs};
use crate::matmul::{Matrix, sgemm};
use crate::memory::Scratch;
use crate::norm::ROWS;
use crate::storage::Shared;
use crate::tiles::{Tiles, pairs};

/// The largest c: a product of 0 then counts as exp(−80) ≈ 2·10⁻³⁵, which `f32` still holds.
const LIMIT: f32 = 80.0;

/// The least mean of a row's exponentials. Our exponential ends at 10⁻³⁸, which must be nothing beside it.
const LEAST: f32 = 1e-30;

fn tiles(n: usize) -> Tiles {
    Tiles::new(n, 64, 256)
}

/// The shift c, if the exponentials may be taken with one.
pub(super) fn bound(a: &[f32], d: usize, scale: f32) -> Option<f32> {
    let largest: Vec<f32> = a.par_chunks(d * ROWS).map(|rows| largest_square(rows, d)).collect();
    let larger = |a: f32, &b: &f32| if a.is_nan() || b <= a { a } else { b };
    let bound = largest.iter().fold(0.0, larger) * scale.abs();
    (bound <= LIMIT).then_some(bound)
}

/// True if no row's products lie so far under the shift that the exponentials have lost their digits.
pub(super) fn holds(y: &[f32], shift: f32) -> bool {
    let least = shift + (LEAST * y.len() as f32).ln();
    y.iter().all(|y| *y >= least)
}

/// The products of the rows of two tiles.
fn products(a: &[f32], d: usize, tiles: Tiles, i: usize, k: usize) -> Result<(Scratch, &[f32], &[f32])> {
    let rows = |(first, n): (usize, usize)| &a[first * d..(first + n) * d];
    let (left, right) = (rows(tiles.at(i)), rows(tiles.at(k)));
    let (n, m) = (left.len() / d, right.len() / d);
    let mut tile = Scratch::new(n * m);
    sgemm((n, m, d), Matrix::rows(left, d), Matrix::rows(right, d).t(), &mut tile, m, false)?;
    Ok((tile, left, right))
}

/// y for each row of `a`.
pub(super) fn forward(a: &[f32], d: usize, scale: f32, shift: f32) -> Result<Vec<f32>> {
    let tiles = tiles(a.len() / d);
    let mut sums = vec![0f32; a.len() / d];
    let shared = Shared::new(&mut sums);
    pairs(tiles.count(), |i, k| {
        let (tile, ..) = products(a, d, tiles, i, k)?;
        let ((first, n), (other, m)) = (tiles.at(i), tiles.at(k));
        // SAFETY: the tiles of a round share no rows, and the two here are distinct.
        let rows = unsafe { shared.at(first, n) };
        if i == k {
            add_sums_off_diagonal(&tile, scale, shift, rows);
        } else {
            // SAFETY: as above.
            add_sums(&tile, scale, shift, rows, unsafe { shared.at(other, m) });
        }
        Ok(())
    })?;
    sums.iter_mut().for_each(|sum| *sum = shift + sum.ln());
    Ok(sums)
}

/// The gradient for `a`.
pub(super) fn backward(a: &[f32], d: usize, scale: f32, shift: f32, y: &[f32], grad: &[f32]) -> Result<Vec<f32>> {
    let tiles = tiles(a.len() / d);
    let weights: Vec<f32> = y.iter().zip(grad).map(|(y, g)| scale * g * (shift - y).exp()).collect();
    let mut gradient = vec![0f32; a.len()];
    let shared = Shared::new(&mut gradient);
    pairs(tiles.count(), |i, k| {
        let (mut tile, left, right) = products(a, d, tiles, i, k)?;
        let ((first, n), (other, m)) = (tiles.at(i), tiles.at(k));
        weigh_pairs(&mut tile, scale, shift, &weights[first..first + n], &weights[other..other + m]);
        if i == k {
            tile.iter_mut().step_by(n + 1).for_each(|own| *own = 0.0);
        }
        // SAFETY: the tiles of a round share no rows, and the borrow ends before the next one begins.
        let rows = unsafe { shared.at(first * d, n * d) };
        sgemm((n, d, m), Matrix::rows(&tile, m), Matrix::rows(right, d), rows, d, true)?;
        if i != k {
            // SAFETY: as above; the two tiles are distinct.
            let columns = unsafe { shared.at(other * d, m * d) };
            sgemm((m, d, n), Matrix::rows(&tile, m).t(), Matrix::rows(left, d), columns, d, true)?;
        }
        Ok(())
    })?;
    Ok(gradient)
}
