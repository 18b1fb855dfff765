//! The sums over the products of the rows of two matrices, with a running maximum.
//!
//! For each row the maximum t and the sum Σ exp(x − t) of the tiles seen so far; a tile with a larger maximum rescales
//! the sum. Backward: W_ik = s g_i exp(s a_i·b_k − y_i), ga = W b, gb = Wᵀ a, both from one recomputed tile.

use candle_core::Result;

use super::tile::{take_in, weigh_rows};
use crate::matmul::{Matrix, sgemm};
use crate::memory::Scratch;
use crate::norm::add_rows;
use crate::storage::Shared;
use crate::tiles::{Tiles, grid};

/// The gradients of a and b, where wanted.
type Gradients = Result<(Option<Vec<f32>>, Option<Vec<f32>>)>;

/// The tiles of the left rows and of the right ones.
fn tiles(a: &[f32], b: &[f32], d: usize) -> (Tiles, Tiles) {
    (Tiles::new(a.len() / d, 32, 256), Tiles::new(b.len() / d, 64, 256))
}

/// The column of the tile that its first row leaves out: maybe before or behind it.
fn own_column(own: Option<usize>, row: usize, column: usize) -> Option<isize> {
    own.map(|own| (own + row) as isize - column as isize)
}

/// y for each row of `a`.
pub(super) fn forward(a: &[f32], b: &[f32], d: usize, scale: f32, own: Option<usize>) -> Result<Vec<f32>> {
    let (left, right) = tiles(a, b, d);
    let mut top = vec![f32::NEG_INFINITY; a.len() / d];
    let mut total = vec![0f32; a.len() / d];
    let (tops, totals) = (Shared::new(&mut top), Shared::new(&mut total));
    grid(left.count(), right.count(), |i, k| {
        let ((row, n), (column, m)) = (left.at(i), right.at(k));
        let (a, b) = (&a[row * d..(row + n) * d], &b[column * d..(column + m) * d]);
        let mut tile = Scratch::new(n * m);
        sgemm((n, m, d), Matrix::rows(a, d), Matrix::rows(b, d).t(), &mut tile, m, false)?;
        // SAFETY: the tiles of a round share no rows.
        let (top, total) = unsafe { (tops.at(row, n), totals.at(row, n)) };
        take_in(&mut tile, m, scale, own_column(own, row, column), top, total);
        Ok(())
    })?;
    total.iter_mut().zip(&top).for_each(|(total, top)| *total = top + total.ln());
    Ok(total)
}

/// The gradients for `a` and `b`, of those that are `wanted`.
#[allow(clippy::too_many_arguments, reason = "the operation's two inputs, its three settings, its result")]
pub(super) fn backward(
    a: &[f32],
    b: &[f32],
    d: usize,
    scale: f32,
    own: Option<usize>,
    y: &[f32],
    grad: &[f32],
    wanted: (bool, bool),
) -> Gradients {
    let (left, right) = tiles(a, b, d);
    let weights: Vec<f32> = grad.iter().map(|g| scale * g).collect();
    let mut ga = wanted.0.then(|| vec![0f32; a.len()]);
    let mut gb = wanted.1.then(|| vec![0f32; b.len()]);
    let (sa, sb) = (ga.as_deref_mut().map(Shared::new), gb.as_deref_mut().map(Shared::new));
    grid(left.count(), right.count(), |i, k| {
        let ((row, n), (column, m)) = (left.at(i), right.at(k));
        let (a, b) = (&a[row * d..(row + n) * d], &b[column * d..(column + m) * d]);
        let mut tile = Scratch::new(n * m);
        sgemm((n, m, d), Matrix::rows(a, d), Matrix::rows(b, d).t(), &mut tile, m, false)?;
        let own = own_column(own, row, column);
        weigh_rows(&mut tile, m, scale, own, &y[row..row + n], &weights[row..row + n]);
        if let Some(ga) = sa {
            // SAFETY: the tiles of a round share no rows.
            let ga = unsafe { ga.at(row * d, n * d) };
            sgemm((n, d, m), Matrix::rows(&tile, m), Matrix::rows(b, d), ga, d, true)?;
        }
        if let Some(gb) = sb {
            // SAFETY: the tiles of a round share no columns.
            let gb = unsafe { gb.at(column * d, m * d) };
            sgemm((m, d, n), Matrix::rows(&tile, m).t(), Matrix::rows(a, d), gb, d, true)?;
        }
        Ok(())
    })?;
    Ok((ga, gb))
}

/// The gradient for `a` where it is the right matrix too and each row leaves itself out.
pub(super) fn backward_gram(a: &[f32], d: usize, scale: f32, y: &[f32], grad: &[f32]) -> Result<Vec<f32>> {
    match backward(a, a, d, scale, Some(0), y, grad, (true, true))? {
        (Some(mut ga), Some(gb)) => {
            add_rows(&gb, &mut ga);
            Ok(ga)
        }
        (ga, gb) => Ok(ga.or(gb).unwrap_or_default()),
    }
}
