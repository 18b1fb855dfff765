//! What is done to one tile of products: sums of exponentials along rows and columns, and their weights.

use crate::vector::{LANES, exp, fold, max, sum_over};

wide! {
    /// Adds exp(x · scale − shift) to the sums of its row and of its column.
    pub(super) fn add_sums(tile: &[f32], scale: f32, shift: f32, rows: &mut [f32], columns: &mut [f32]) {
        let width = columns.len();
        for (x, row) in tile.chunks_exact(width).zip(rows) {
            let mut lanes = [0f32; LANES];
            let mut tail = 0f32;
            let (mut xs, mut cs) = (x.chunks_exact(LANES), columns.chunks_exact_mut(LANES));
            for (x, column) in (&mut xs).zip(&mut cs) {
                for l in 0..LANES {
                    let e = exp(x[l] * scale - shift);
                    lanes[l] += e;
                    column[l] += e;
                }
            }
            for (x, column) in xs.remainder().iter().zip(cs.into_remainder()) {
                let e = exp(x * scale - shift);
                tail += e;
                *column += e;
            }
            *row += fold(lanes) + tail;
        }
    }

    /// Adds exp(x · scale − shift) to the sum of its row, but for the diagonal.
    pub(super) fn add_sums_off_diagonal(tile: &[f32], scale: f32, shift: f32, rows: &mut [f32]) {
        let width = rows.len();
        for (i, (x, row)) in tile.chunks_exact(width).zip(rows).enumerate() {
            let (left, right) = (&x[..i], &x[i + 1..]);
            let left = sum_over([left], |[v]| exp(v * scale - shift));
            *row += left + sum_over([right], |[v]| exp(v * scale - shift));
        }
    }

    /// Replaces x by exp(x · scale − shift) · (its row's weight + its column's).
    pub(super) fn weigh_pairs(tile: &mut [f32], scale: f32, shift: f32, rows: &[f32], columns: &[f32]) {
        for (x, row) in tile.chunks_exact_mut(columns.len()).zip(rows) {
            for (x, column) in x.iter_mut().zip(columns) {
                *x = exp(*x * scale - shift) * (row + column);
            }
        }
    }

    /// Takes a tile into the running maximum and sum of each row: `total` is Σ exp(x · scale − top).
    ///
    /// `own` is the column that row 0 leaves out; row i leaves out the i-th after it, where that lies in the tile.
    pub(super) fn take_in(
        tile: &mut [f32], width: usize, scale: f32, own: Option<isize>, top: &mut [f32], total: &mut [f32],
    ) {
        for (i, ((x, top), total)) in tile.chunks_exact_mut(width).zip(top).zip(total).enumerate() {
            for v in x.iter_mut() {
                *v *= scale;
            }
            if let Some(v) = own.and_then(|c| x.get_mut((c + i as isize) as usize)) {
                *v = f32::NEG_INFINITY;
            }
            let highest = max(x);
            let new = if highest > *top { highest } else { *top };
            // While all that was seen is −∞ the difference is not a number.
            let kept = if *top == new { 1.0 } else { exp(*top - new) };
            let added = sum_over([x], |[v]| if v == f32::NEG_INFINITY { 0.0 } else { exp(v - new) });
            *total = *total * kept + added;
            *top = new;
        }
    }

    /// Replaces x by exp(x · scale − y) · weight, with `y` and `weight` of its row; `own` as in [`take_in`].
    pub(super) fn weigh_rows(
        tile: &mut [f32], width: usize, scale: f32, own: Option<isize>, y: &[f32], weight: &[f32],
    ) {
        for (i, (x, (y, weight))) in tile.chunks_exact_mut(width).zip(y.iter().zip(weight)).enumerate() {
            for v in x.iter_mut() {
                *v = exp(*v * scale - y) * weight;
            }
            if let Some(v) = own.and_then(|c| x.get_mut((c + i as isize) as usize)) {
                *v = 0.0;
            }
        }
    }

    /// The largest squared length of a row; NaN or infinite if any element is.
    pub(super) fn largest_square(rows: &[f32], d: usize) -> f32 {
        let mut largest = 0f32;
        for row in rows.chunks_exact(d) {
            let square = sum_over([row], |[v]| v * v);
            largest = if square <= largest { largest } else { square };
            if largest.is_nan() {
                return largest;
            }
        }
        largest
    }
}
