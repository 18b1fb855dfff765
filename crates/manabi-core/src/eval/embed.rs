//! From rows of a dataset to feature matrices: embeddings of an encoder, or raw features.
//!
//! Samples are loaded and prepared in parallel, one batch ahead of the encoder's own threads
//! being idle is not worth a queue: decoding is cached and the forward pass dominates.
//! Cost: one forward pass a row.

use rayon::prelude::*;

use super::Features;
use crate::{
    Error, Result,
    data::Source,
    encoder::{Encoder, Mode},
    modality::{Modality, ViewKind},
    rng::{Key, Purpose},
};

/// Rows of one forward pass.
const BATCH: usize = 256;

/// Embeddings (read-outs) `(rows, R)` of `rows`, in that order. `tick` is told how many rows are done.
pub fn embed<M: Modality>(
    modality: &M,
    source: &dyn Source<M::Sample>,
    encoder: &dyn Encoder<M::Batch>,
    rows: &[usize],
    tick: &mut dyn FnMut(usize),
) -> Result<Features> {
    let mut data = Vec::new();
    let mut dim = 0;
    for chunk in rows.chunks(BATCH) {
        let batch = eval_batch(modality, source, chunk)?;
        let embedding = Features::from_tensor(&encoder.readout(&batch, Mode::Eval)?.detach())?;
        dim = embedding.dim();
        // All at once, so that nothing is copied to grow.
        data.reserve_exact(if data.is_empty() { rows.len() * dim } else { 0 });
        data.extend_from_slice(embedding.data());
        tick(data.len() / dim.max(1));
    }
    Features::new(rows.len(), dim, data)
}

/// The batch of `rows` as evaluation sees them: no randomness.
pub fn eval_batch<M: Modality>(modality: &M, source: &dyn Source<M::Sample>, rows: &[usize]) -> Result<M::Batch> {
    let samples = rows
        .par_iter()
        .map(|&row| {
            let sample = source.load(row)?;
            modality.augment(&sample, ViewKind::Eval, &mut Key::new(0, Purpose::Eval).rng())
        })
        .collect::<Result<Vec<_>>>()?;
    modality.collate(&samples, &candle_core::Device::Cpu)
}

/// The honest baseline's raw features `(rows, R)`.
pub fn raw<M: Modality>(modality: &M, source: &dyn Source<M::Sample>, rows: &[usize]) -> Result<Features> {
    let features =
        rows.par_iter().map(|&row| modality.raw_features(&*source.load(row)?)).collect::<Result<Vec<_>>>()?;
    let dim = features.first().map_or(0, Vec::len);
    if let Some(position) = features.iter().position(|f| f.len() != dim) {
        return Err(Error::data(format!(
            "raw features of row {} have {} values, those of row {} have {dim}",
            rows[position],
            features[position].len(),
            rows[0]
        )));
    }
    Features::new(rows.len(), dim, features.concat())
}
