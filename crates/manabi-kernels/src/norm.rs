//! Normalisation: over the batch ([`batch_norm`]), over groups of channels ([`group_norm`]), over the features
//! ([`layer_norm`], [`rms_norm`]), to unit length ([`l2_normalize`]).

mod batch;
mod channels;
mod group;
mod l2;
mod layer;
mod rms;

pub use batch::{BatchStats, batch_norm, batch_norm_eval};
pub use group::group_norm;
pub use l2::l2_normalize;
pub use layer::layer_norm;
pub(crate) use layer::{Needs, gradients as layer_norm_gradients, normalize as normalize_layer};
pub use rms::rms_norm;

use rayon::prelude::*;

/// Rows a task takes at once in the row-wise loops.
pub(crate) const ROWS: usize = 64;

/// The sum of each of `width` columns, in an order that does not depend on the number of threads.
pub(crate) fn column_sums(rows: &[f32], width: usize) -> Vec<f32> {
    if width == 0 {
        return Vec::new();
    }
    let partial: Vec<Vec<f32>> = rows
        .par_chunks(width * ROWS)
        .map(|rows| {
            let mut sums = vec![0f32; width];
            add_rows(rows, &mut sums);
            sums
        })
        .collect();
    let mut total = vec![0f32; width];
    for sums in &partial {
        add_rows(sums, &mut total);
    }
    total
}

wide! {
    /// Adds each row to `sums`.
    pub(crate) fn add_rows(rows: &[f32], sums: &mut [f32]) {
        for row in rows.chunks_exact(sums.len()) {
            for (sum, v) in sums.iter_mut().zip(row) {
                *sum += v;
            }
        }
    }
}
