//! Methods that are made for time series. manabi-core's work on them too.

use candle_core::Tensor;
use manabi_core::{
    Error, Result,
    encoder::{Encoder, FrameEncoder, TokenEncoder},
    method::MethodEntry,
};

pub mod simmtm;
pub mod ts2vec;
pub mod ts_tcc;

use crate::batch::SeriesBatch;

/// Every one of them, in the order in which they are listed.
pub fn methods() -> Vec<MethodEntry<SeriesBatch>> {
    vec![ts2vec::entry(), ts_tcc::entry(), simmtm::entry()]
}

/// Settings as a table; such that cannot be written as TOML are an empty one.
fn table<T: serde::Serialize>(config: &T) -> toml::Table {
    toml::Table::try_from(config).unwrap_or_default()
}

/// The encoder's frames, or what to do where it has none.
fn frames<'a>(method: &str, encoder: &'a dyn Encoder<SeriesBatch>) -> Result<&'a dyn FrameEncoder<SeriesBatch>> {
    encoder.frames().ok_or_else(|| {
        Error::config(format!("{method} needs an encoder with frames in time: choose --encoder dilated or resnet1d"))
    })
}

/// The encoder's tokens, or what to do where it has none.
fn tokens<'a>(method: &str, encoder: &'a dyn Encoder<SeriesBatch>) -> Result<&'a dyn TokenEncoder<SeriesBatch>> {
    encoder.tokens().ok_or_else(|| {
        Error::config(format!("{method} needs an encoder of tokens: choose --encoder patch, dilated or resnet1d"))
    })
}

/// The views of a batch, as many as the method asked for.
fn views<'a, const N: usize>(method: &str, views: &'a [SeriesBatch]) -> Result<&'a [SeriesBatch; N]> {
    views.try_into().map_err(|_| Error::config(format!("{method} takes {N} views of a batch, not {}", views.len())))
}

/// `x (N, D)` with rows of length 1.
fn unit_rows(x: &Tensor) -> Result<Tensor> {
    Ok(manabi_kernels::norm::l2_normalize(x, 1e-12)?)
}

#[cfg(test)]
mod tests;
