//! Multi-head self-attention, softmax(Q Kᵀ / √d + mask) V for each head, in blocks (Dao et al., arXiv:2205.14135).
//!
//! Shapes: qkv (B, T, 3·D) with queries, keys and values one after the other and heads of d = D / heads inside each;
//! mask (B, T), 1 keeps a key and 0 drops it; output (B, T, D). [`attention_packed`] takes sequences of any lengths one
//! after the other, (ΣT, 3·D), and spends nothing on padding. A query without keys gives zeros.
//!
//! Cost 4 T² D operations a sequence forward and 10 T² D backward, with the kept keys alone as one of the T. The T × T
//! weights are never in memory: blocks of them are computed, used and forgotten, and computed again backward from the
//! logarithm of each row's sum. Forward a task takes one head and some queries of one sequence, backward one head of one
//! sequence.

mod backward;
mod forward;
mod sequences;

use std::sync::OnceLock;

use candle_core::{CpuStorage, CustomOp1, DType, Layout, Result, Tensor, bail};

use crate::activation::softmax_last;
use crate::memory::build;
use crate::storage::{Forward, check_shape, fast, slice, tensor_like, with};
pub(crate) use sequences::Sequences;

/// Attention of each position to those that `mask` keeps.
pub fn attention(qkv: &Tensor, heads: usize, mask: Option<&Tensor>) -> Result<Tensor> {
    let (b, t, width) = qkv.dims3()?;
    check_heads(width, heads)?;
    if b * t == 0 {
        bail!("attention: empty input {:?}", qkv.dims())
    }
    let sequences = sequences("attention", mask, (b, t))?;
    if !fast(&[qkv]) {
        return plain(qkv, heads, mask);
    }
    let op = Attention { heads, sequences, sums: OnceLock::new() };
    qkv.contiguous()?.apply_op1(op)
}

/// Attention inside each of several sequences that lie one after the other in `qkv` (ΣT, 3·D); output (ΣT, D).
pub fn attention_packed(qkv: &Tensor, heads: usize, lengths: &[usize]) -> Result<Tensor> {
    let (rows, width) = qkv.dims2()?;
    check_heads(width, heads)?;
    let total: usize = lengths.iter().sum();
    if total != rows || rows == 0 {
        bail!("attention: {} sequences of {total} positions in all, but {rows} rows", lengths.len())
    }
    if !fast(&[qkv]) {
        let mut first = 0;
        let mut parts = Vec::with_capacity(lengths.len());
        for length in lengths.iter().copied().filter(|length| *length > 0) {
            parts.push(plain(&qkv.narrow(0, first, length)?.unsqueeze(0)?, heads, None)?.squeeze(0)?);
            first += length;
        }
        return Tensor::cat(&parts, 0);
    }
    qkv.contiguous()?.apply_op1(Attention { heads, sequences: Sequences::new(lengths, None), sums: OnceLock::new() })
}

/// As [`attention_packed`], but that a position sees itself and those before it in its sequence alone.
pub fn attention_packed_causal(qkv: &Tensor, heads: usize, lengths: &[usize]) -> Result<Tensor> {
    let (rows, width) = qkv.dims2()?;
    check_heads(width, heads)?;
    let total: usize = lengths.iter().sum();
    if total != rows || rows == 0 {
        bail!("attention: {} sequences of {total} positions in all, but {rows} rows", lengths.len())
    }
    if fast(&[qkv]) {
        let sequences = Sequences::new(lengths, None).causal();
        return qkv.contiguous()?.apply_op1(Attention { heads, sequences, sums: OnceLock::new() });
    }
    let mut first = 0;
    let mut parts = Vec::with_capacity(lengths.len());
    for length in lengths.iter().copied().filter(|length| *length > 0) {
        let own = qkv.narrow(0, first, length)?;
        // The last of its first positions sees what it may: position by position, for what has no kernel.
        for end in 1..=length {
            let seen = plain(&own.narrow(0, 0, end)?.unsqueeze(0)?, heads, None)?;
            parts.push(seen.squeeze(0)?.narrow(0, end - 1, 1)?);
        }
        first += length;
    }
    Tensor::cat(&parts, 0)
}

pub(crate) fn check_heads(width: usize, heads: usize) -> Result<()> {
    if heads == 0 || width == 0 || !width.is_multiple_of(3 * heads) {
        bail!("attention: {width} features do not divide into queries, keys and values of {heads} heads")
    }
    Ok(())
}

/// The same as a chain of candle's operations.
fn plain(qkv: &Tensor, heads: usize, mask: Option<&Tensor>) -> Result<Tensor> {
    let (b, t, width) = qkv.dims3()?;
    let d = width / 3 / heads;
    let split = qkv.reshape((b, t, 3, heads, d))?.permute((2, 0, 3, 1, 4))?.contiguous()?;
    let (q, k, v) = (split.get(0)?, split.get(1)?, split.get(2)?);
    let mut scores = (q.matmul(&k.t()?)? / (d as f64).sqrt())?;
    let mask = match mask {
        Some(mask) => Some(mask.ne(0f64)?.to_dtype(qkv.dtype())?.reshape((b, 1, 1, t))?),
        None => None,
    };
    if let Some(mask) = &mask {
        scores = scores.broadcast_add(&mask.affine(3e4, -3e4)?)?;
    }
    let mut weights = softmax_last(&scores)?;
    if let Some(mask) = &mask {
        weights = weights.broadcast_mul(mask)?;
    }
    weights.matmul(&v)?.transpose(1, 2)?.contiguous()?.reshape((b, t, heads * d))
}

/// Which keys `mask` keeps of `b` sequences of `t` positions; all without a mask.
pub(crate) fn sequences(op: &str, mask: Option<&Tensor>, (b, t): (usize, usize)) -> Result<Sequences> {
    let Some(mask) = mask else { return Ok(Sequences::new(&vec![t; b], None)) };
    check_shape(op, "the mask", mask, &[b, t])?;
    let mask = mask.to_dtype(DType::F32)?;
    let keep = with(&mask, |m| Ok(m.iter().map(|v| *v != 0.0).collect::<Vec<bool>>()))?;
    Ok(Sequences::new(&vec![t; b], Some(&keep)))
}

/// The output (ΣT, D) for qkv (ΣT, 3·D), and the logarithm of Σ e^score of each head and query.
pub(crate) fn weighted(heads: usize, width: usize, s: &Sequences, qkv: &[f32]) -> Result<(Vec<f32>, Vec<f32>)> {
    let h = Heads::new(heads, width, qkv.len());
    let mut sums = vec![0f32; heads * h.rows];
    // SAFETY: the sequences cover all rows, and each head writes its columns.
    let y = unsafe { build(h.rows * h.all, |y| forward::run(h, s, qkv, y, &mut sums)) }?;
    Ok((y, sums))
}

/// The gradient of qkv, for what [`weighted`] was given and gave, and the gradient of its output.
pub(crate) fn gradient(
    heads: usize,
    width: usize,
    s: &Sequences,
    (qkv, y, g, sums): (&[f32], &[f32], &[f32], &[f32]),
) -> Result<Vec<f32>> {
    let h = Heads::new(heads, width, qkv.len());
    // SAFETY: the sequences cover all rows, and each head writes its columns of all three parts.
    unsafe { build(qkv.len(), |gx| backward::run(h, s, (qkv, y, g, sums), gx)) }
}

struct Attention {
    heads: usize,
    sequences: Sequences,
    /// The logarithm of Σ e^score of each head and query: [head][position].
    sums: OnceLock<Vec<f32>>,
}

/// The sizes that all parts of an attention share.
#[derive(Clone, Copy)]
struct Heads {
    heads: usize,
    /// Features of a head.
    d: usize,
    /// Features of all heads.
    all: usize,
    /// Positions of all sequences.
    rows: usize,
}

impl Heads {
    /// Of `elements` of qkv.
    fn new(heads: usize, width: usize, elements: usize) -> Self {
        Self { heads, d: width / 3 / heads, all: width / 3, rows: elements / width }
    }

    /// Where part 0 (queries), 1 (keys) or 2 (values) of a head of a position is in qkv.
    fn at(self, row: usize, part: usize, head: usize) -> usize {
        row * 3 * self.all + part * self.all + head * self.d
    }

    fn scale(self) -> f32 {
        1.0 / (self.d as f32).sqrt()
    }
}

impl CustomOp1 for Attention {
    fn name(&self) -> &'static str {
        "manabi-attention"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Forward {
        let x = slice(storage, layout, self.name())?;
        let mut shape = layout.dims().to_vec();
        let width = shape.pop().unwrap_or(1);
        shape.push(width / 3);
        let (y, sums) = weighted(self.heads, width, &self.sequences, x)?;
        // The forward pass runs once for each instance.
        let _ = self.sums.set(sums);
        Ok((CpuStorage::F32(y), shape.into()))
    }

    fn bwd(&self, qkv: &Tensor, y: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let Some(sums) = self.sums.get() else { bail!("attention: backward before forward") };
        let width = qkv.dims().last().copied().unwrap_or(1);
        let gx =
            with(qkv, |x| with(y, |y| with(grad, |g| gradient(self.heads, width, &self.sequences, (x, y, g, sums)))))?;
        Ok(Some(tensor_like(gx, qkv)?))
    }
}

#[cfg(test)]
mod tests;
