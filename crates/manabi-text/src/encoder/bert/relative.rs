//! MPNet's attention: to the score of two tokens a learnt number for their distance is added, one a head (T5's buckets,
//! Raffel et al., arXiv:1910.10683).
//!
//! Shapes: qkv `(ΣT, 3·D)` → `(ΣT, D)`. Cost: as attention, text by text through candle's operations; `T²` scores a head
//! are kept. MPNet is read to be used and tuned, not to be trained from scratch here.

use candle_core::{D, Device, Tensor};
use manabi_core::{
    Result,
    nn::{Params, Role},
};
use manabi_kernels::{activation::softmax_last, index::embedding};

use super::{BertConfig, STD};

/// Distances from here on are one bucket.
const FARTHEST: f64 = 128.0;

/// The numbers `(buckets, heads)`.
pub(super) struct RelativeBias {
    table: Tensor,
    buckets: usize,
}

impl RelativeBias {
    /// Below the encoder's `params`; `None` for families without.
    pub fn of(params: &Params, config: &BertConfig) -> Result<Option<Self>> {
        if config.buckets == 0 {
            return Ok(None);
        }
        let p = params.pp("encoder.relative_attention_bias");
        let table = p.get("weight", (config.buckets, config.heads), STD, Role::NoDecay)?;
        Ok(Some(Self { table, buckets: config.buckets }))
    }

    /// Attention within each of the texts of `lengths`.
    pub fn attention(&self, qkv: &Tensor, heads: usize, lengths: &[usize]) -> Result<Tensor> {
        let width = qkv.dim(1)? / 3;
        let d = width / heads;
        let mut outputs = Vec::with_capacity(lengths.len());
        let mut start = 0;
        for &t in lengths {
            let own = qkv.narrow(0, start, t)?.reshape((t, 3, heads, d))?.permute((1, 2, 0, 3))?.contiguous()?;
            start += t;
            let (q, k, v) = (own.get(0)?, own.get(1)?, own.get(2)?); // (H, T, d)
            let scores = (q.matmul(&k.t()?.contiguous()?)? / (d as f64).sqrt())?;
            let weights = softmax_last(&(scores + self.bias(t)?)?)?;
            outputs.push(weights.matmul(&v)?.transpose(0, 1)?.reshape((t, width))?);
        }
        Ok(Tensor::cat(&outputs, 0)?)
    }

    /// `(H, T, T)`.
    fn bias(&self, t: usize) -> Result<Tensor> {
        let ids: Vec<u32> = (0..t as i64)
            .flat_map(|query| (0..t as i64).map(move |key| key - query))
            .map(|distance| bucket(distance, self.buckets))
            .collect();
        let rows = embedding(&self.table, &ids)?; // (T·T, H)
        Ok(rows.t()?.reshape((rows.dim(D::Minus1)?, t, t))?.to_device(&Device::Cpu)?)
    }
}

/// The bucket of the distance from query to key: half of them for each side, half of these for single distances, the rest
/// for ranges that grow by a factor.
fn bucket(distance: i64, buckets: usize) -> u32 {
    let half = (buckets / 2) as i64;
    let side = if distance > 0 { half } else { 0 };
    let (far, exact) = (distance.abs(), half / 2);
    if far < exact {
        return (side + far) as u32;
    }
    let scale = (far as f64 / exact as f64).ln() / (FARTHEST / exact as f64).ln();
    let large = exact + (scale * (half - exact) as f64) as i64;
    (side + large.min(half - 1)) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    // from transformers.models.mpnet.modeling_mpnet import MPNetEncoder; import torch
    // MPNetEncoder.relative_position_bucket(torch.tensor([-200, -128, -20, -9, -8, -7, -1, 0, 1, 7, 8, 15, 16, 64, 500]), 32)
    #[test]
    fn buckets_are_those_of_transformers() {
        let distances = [-200, -128, -20, -9, -8, -7, -1, 0, 1, 7, 8, 15, 16, 64, 500];
        let expected = [15, 15, 10, 8, 8, 7, 1, 0, 17, 23, 24, 25, 26, 30, 31];
        assert_eq!(distances.map(|d| bucket(d, 32)), expected);
    }
}
