//! Methods that are made for text, and those of manabi-core that work on it.

use candle_core::Tensor;
use manabi_core::{
    Error, Result,
    encoder::{Encoder, PackedEncoder, Sees},
    method::{self, MethodEntry},
};

pub mod causal;
pub mod corrupt;
pub mod declutr;
pub mod electra;
pub mod head;
pub mod mlm;
pub mod simcse;
pub mod skip_gram;
pub mod tsdae;

use crate::batch::TextBatch;

/// Methods of the core that need what text has not (a grid of tokens, frames in time).
const NOT_FOR_TEXT: [&str; 7] = ["cpc", "cola", "units", "masked", "mae", "best-rq", "ssast"];

/// Every method, in the order in which they are listed.
pub fn methods() -> Vec<MethodEntry<TextBatch>> {
    let mut own = vec![
        skip_gram::entry(),
        mlm::entry(),
        electra::entry(),
        causal::entry(),
        simcse::entry(),
        declutr::entry(),
        tsdae::entry(),
    ];
    own.extend(method::methods().into_iter().filter(|entry| !NOT_FOR_TEXT.contains(&entry.name)));
    own
}

/// Settings as a table; such that cannot be written as TOML are an empty one.
fn table<T: serde::Serialize>(config: &T) -> toml::Table {
    toml::Table::try_from(config).unwrap_or_default()
}

/// The encoder's tokens, or what to do where they see too much or too little.
fn packed<'a>(
    method: &str,
    encoder: &'a dyn Encoder<TextBatch>,
    sees: Sees,
) -> Result<&'a dyn PackedEncoder<TextBatch>> {
    let choose = match sees {
        Sees::Nothing => "static",
        Sees::Before => "causal-mini",
        Sees::All => "bert-mini",
    };
    let found = encoder.packed().filter(|packed| packed.sees() == sees);
    found.ok_or_else(|| Error::config(format!("{method} needs another kind of encoder: choose --encoder {choose}")))
}

/// The views of a batch, as many as the method asked for.
fn views<'a, const N: usize>(method: &str, views: &'a [TextBatch]) -> Result<&'a [TextBatch; N]> {
    views.try_into().map_err(|_| Error::config(format!("{method} takes {N} views of a batch, not {}", views.len())))
}

/// `x (N, D)` with rows of length 1.
fn unit_rows(x: &Tensor) -> Result<Tensor> {
    Ok(manabi_kernels::norm::l2_normalize(x, 1e-12)?)
}

/// Mean over each text's tokens, `(ΣT, C)` → `(N, C)`.
fn pooled(parts: &Tensor, batch: &TextBatch) -> Result<Tensor> {
    Ok(manabi_kernels::index::segment_mean(parts, &batch.owners(), batch.len())?)
}

#[cfg(test)]
mod tests;
