//! Rows by number: out of a matrix ([`gather_rows`], [`embedding`], [`TableRows`]), into one ([`scatter_add_rows`]), multiplied in chosen
//! pairs ([`pair_dots`]), summed by bag ([`embedding_bag`]), and
//! reduced by the segment that each belongs to ([`segment_sum`], [`segment_mean`], [`segment_max`], [`segment_softmax`]),
//! as the messages of a graph by the node they go to.
//!
//! Wherever several rows meet in one, the positions are sorted by number first, stably and in linear time; each sum then
//! belongs to one task and runs in the order of the positions, whatever the number of threads. Numbers need no order of
//! their own.

mod bag;
mod dots;
mod embedding;
mod order;
mod rows;
mod scatter;
mod segment;

pub use bag::embedding_bag;
pub use dots::pair_dots;
pub use embedding::{RowGradient, TableRows, embedding};
pub use rows::gather_rows;
pub use scatter::scatter_add_rows;
pub use segment::{segment_max, segment_mean, segment_softmax, segment_sum};

use candle_core::{Result, bail};

/// Fails unless all numbers are below `count`, which is what `what` there are.
fn check_ids(op: &str, ids: &[u32], count: usize, what: &str) -> Result<()> {
    match ids.iter().find(|id| **id as usize >= count) {
        Some(id) => bail!("{op}: {what} {id} of {count}"),
        None => Ok(()),
    }
}
