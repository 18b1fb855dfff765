//! The two encoders that are compared frozen: with random weights, and pre-trained.

use std::collections::BTreeMap;

use candle_core::{Device, Tensor};
use manabi_core::{
    Result,
    data::Source,
    encoder::Encoder,
    eval::{self, Features},
    modality::Modality,
    nn::Params,
};

use super::{cells::Frozen, labelled::Labelled};

/// An encoder with random weights (`None`) or with these.
pub fn build<M: Modality>(
    modality: &M,
    weights: Option<&BTreeMap<String, Tensor>>,
    seed: u64,
) -> Result<Box<dyn Encoder<M::Batch>>> {
    match weights {
        Some(weights) => modality.restore(weights),
        None => modality.encoder(&Params::new(seed, &Device::Cpu)),
    }
}

/// Embeddings of the labelled and the test rows.
pub fn frozen<M: Modality>(
    modality: &M,
    source: &dyn Source<M::Sample>,
    encoder: &dyn Encoder<M::Batch>,
    data: &Labelled,
) -> Result<Frozen> {
    let embed = |rows: &[usize]| eval::embed(modality, source, encoder, rows, &mut |_| {});
    Ok(Frozen { train: embed(&data.rows)?, test: embed(&data.test)? })
}

/// Raw features of the same rows.
pub fn raw<M: Modality>(modality: &M, source: &dyn Source<M::Sample>, data: &Labelled) -> Result<Frozen> {
    Ok(Frozen { train: eval::raw(modality, source, &data.rows)?, test: eval::raw(modality, source, &data.test)? })
}

/// At most `n` of `rows`, evenly spread.
pub fn spread(rows: &[usize], n: usize) -> Vec<usize> {
    let count = n.min(rows.len());
    (0..count).map(|i| rows[i * rows.len() / count]).collect()
}

/// Embeddings of some rows.
pub fn embed<M: Modality>(
    modality: &M,
    source: &dyn Source<M::Sample>,
    encoder: &dyn Encoder<M::Batch>,
    rows: &[usize],
) -> Result<Features> {
    eval::embed(modality, source, encoder, rows, &mut |_| {})
}
