//! Attention.

use candle_core::{D, Device, Result, Tensor};
use criterion::Criterion;
use manabi::kernels::{
    activation::softmax_last,
    attention::{attention, attention_packed},
};
use manabi_benches::{variable, work::Work};

use crate::{both_ways, group};

/// Four heads of 64 over 32 sequences, whole, padded and packed; beside them the matrix of all weights.
pub fn heads(c: &mut Criterion) {
    for tokens in [128, 512] {
        let (batch, heads, width) = (32, 4, 256);
        let qkv = variable(&[batch, tokens, 3 * width]);
        let mut group = group(c, format!("attention/32x{tokens}"), Work::attention(batch, tokens, width));
        both_ways(&mut group, "whole", || attention(&qkv, heads, None));
        both_ways(&mut group, "whole, matrix of weights", || weights(&qkv, heads));
        // Half of the keys are padding: half of the operations that the rate counts.
        let kept: Vec<u32> = (0..batch * tokens).map(|i| u32::from(i % tokens < tokens / 2)).collect();
        let mask = Tensor::from_vec(kept, (batch, tokens), &Device::Cpu).unwrap();
        both_ways(&mut group, "half padding", || attention(&qkv, heads, Some(&mask)));
        let rows = qkv.flatten_to(1).unwrap();
        let lengths = vec![tokens; batch];
        both_ways(&mut group, "packed", || attention_packed(&rows, heads, &lengths));
        group.finish();
    }
}

fn weights(qkv: &Tensor, heads: usize) -> Result<Tensor> {
    let (batch, tokens, width) = qkv.dims3()?;
    let d = width / 3 / heads;
    let parts = qkv.reshape((batch, tokens, 3, heads, d))?.permute((2, 0, 3, 1, 4))?.contiguous()?;
    let [q, k, v] = [0, 1, 2].map(|i| parts.get(i));
    let scores = (q?.matmul(&k?.transpose(D::Minus1, D::Minus2)?)? / (d as f64).sqrt())?;
    softmax_last(&scores)?.matmul(&v?)?.transpose(1, 2)?.reshape((batch, tokens, width / 3))
}
