//! Instance discrimination: two views of one sample agree, views of others do not (or need not).

pub mod byol;
pub mod cola;
pub mod cpc;
pub mod simclr;
pub mod vicreg;

use candle_core::Tensor;

use crate::{
    Error, Result,
    encoder::{Encoder, Mode},
};

/// Features `(N, D)` of the two views of a batch.
fn two_views<B>(encoder: &dyn Encoder<B>, views: &[B]) -> Result<[Tensor; 2]> {
    let [a, b] = views else {
        return Err(Error::config(format!("this method compares 2 views of a batch, not {}", views.len())));
    };
    Ok([encoder.features(a, Mode::Train)?, encoder.features(b, Mode::Train)?])
}
