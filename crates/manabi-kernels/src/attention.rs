//! Multi-head self-attention, softmax(Q Kᵀ / √d + mask) V for each head.
//!
//! Shapes: qkv (B, T, 3·D) with queries, keys and values one after the other and heads of d = D / heads inside each;
//! mask (B, T), 1 keeps a key and 0 drops it; output (B, T, D). A sample whose keys are all dropped gives zeros. Cost
//! 4 B T² D operations forward and 8 B T² D backward; each task takes one sample, and the weights (B, heads, T, T) are
//! kept for the backward pass.

use std::sync::OnceLock;

use candle_core::{CpuStorage, CustomOp1, D, Layout, Result, Tensor, bail};
use rayon::prelude::*;

use crate::activation::softmax_last;
use crate::matmul::{Matrix, sgemm};
use crate::memory::{Scratch, build};
use crate::storage::{Forward, check_shape, fast, slice, tensor_like, with};
use crate::vector::{exp, sum_by};

/// Attention of each position to those that `mask` keeps.
pub fn attention(qkv: &Tensor, heads: usize, mask: Option<&Tensor>) -> Result<Tensor> {
    let (b, t, width) = qkv.dims3()?;
    if heads == 0 || width == 0 || width % (3 * heads) != 0 {
        bail!("attention: {width} features do not divide into queries, keys and values of {heads} heads")
    }
    if b * t == 0 {
        bail!("attention: empty input {:?}", qkv.dims())
    }
    if let Some(mask) = mask {
        check_shape("attention", "the mask", mask, &[b, t])?;
    }
    if !fast(&[qkv]) {
        return plain(qkv, heads, mask);
    }
    let keep = match mask {
        Some(mask) => {
            let mask = mask.to_dtype(candle_core::DType::F32)?;
            Some(with(&mask, |m| Ok(m.iter().map(|v| *v != 0.0).collect()))?)
        }
        None => None,
    };
    qkv.contiguous()?.apply_op1(Attention { heads, keep, weights: OnceLock::new() })
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

struct Attention {
    heads: usize,
    keep: Option<Vec<bool>>,
    weights: OnceLock<Vec<f32>>,
}

wide! {
    /// Scores to weights, row by row; those of dropped keys are zero.
    fn weigh(scores: &mut [f32], t: usize, scale: f32, keep: Option<&[bool]>) {
        for row in scores.chunks_exact_mut(t) {
            let mut top = f32::NEG_INFINITY;
            match keep {
                None => top = crate::vector::max(row),
                Some(keep) => {
                    for (v, keep) in row.iter().zip(keep) {
                        top = if *keep && *v > top { *v } else { top };
                    }
                }
            }
            for v in row.iter_mut() {
                *v = exp((*v - top) * scale);
            }
            if let Some(keep) = keep {
                for (v, keep) in row.iter_mut().zip(keep) {
                    *v = if *keep { *v } else { 0.0 };
                }
            }
            let total = sum_by(t, |i| row[i]);
            let share = if total == 0.0 { 0.0 } else { 1.0 / total };
            for v in row.iter_mut() {
                *v *= share;
            }
        }
    }

    /// The gradient of the weights to that of the unscaled scores, in place.
    fn unweigh(weights: &[f32], grad: &mut [f32], t: usize, scale: f32) {
        for (p, g) in weights.chunks_exact(t).zip(grad.chunks_exact_mut(t)) {
            let along = sum_by(t, |i| p[i] * g[i]);
            for i in 0..t {
                g[i] = p[i] * (g[i] - along) * scale;
            }
        }
    }
}

impl CustomOp1 for Attention {
    fn name(&self) -> &'static str {
        "manabi-attention"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Forward {
        let x = slice(storage, layout, self.name())?;
        let (b, t, width) = layout.shape().dims3()?;
        let (heads, all) = (self.heads, width / 3);
        let d = all / heads;
        let mut weights = Vec::new();
        let fill = |y: &mut [f32]| {
            let run = |weights: &mut [f32]| {
                let samples = y.par_chunks_mut(t * all).zip(weights.par_chunks_mut(heads * t * t));
                samples.zip(x.par_chunks(t * width)).enumerate().try_for_each(|(sample, ((y, weights), x))| {
                    let keep = self.keep.as_ref().map(|keep| &keep[sample * t..][..t]);
                    for (head, weights) in weights.chunks_exact_mut(t * t).enumerate() {
                        let part = |i: usize| Matrix::rows(&x[i * all + head * d..], width);
                        sgemm((t, t, d), part(0), part(1).t(), weights, t, false)?;
                        weigh(weights, t, 1.0 / (d as f32).sqrt(), keep);
                        sgemm((t, d, t), Matrix::rows(weights, t), part(2), &mut y[head * d..], all, false)?;
                    }
                    Ok::<(), candle_core::Error>(())
                })
            };
            // SAFETY: the samples cover the weights, and the first product writes all of a head's.
            weights = unsafe { build(b * heads * t * t, run) }?;
            Ok::<(), candle_core::Error>(())
        };
        // SAFETY: the samples cover the output, and each head writes its columns of all rows.
        let y = unsafe { build(b * t * all, fill) }?;
        // The forward pass runs once for each instance.
        let _ = self.weights.set(weights);
        Ok((CpuStorage::F32(y), (b, t, all).into()))
    }

    fn bwd(&self, qkv: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let (_, t, width) = qkv.dims3()?;
        let (heads, all) = (self.heads, qkv.dim(D::Minus1)? / 3);
        let d = all / heads;
        let Some(weights) = self.weights.get() else { bail!("attention: backward before forward") };
        let gx = with(qkv, |x| {
            with(grad, |g| {
                let fill = |gx: &mut [f32]| {
                    let samples = gx.par_chunks_mut(t * width).zip(weights.par_chunks(heads * t * t));
                    samples.zip(x.par_chunks(t * width)).zip(g.par_chunks(t * all)).try_for_each(
                        |(((gx, weights), x), g)| {
                            let mut gp = Scratch::new(t * t);
                            for (head, weights) in weights.chunks_exact(t * t).enumerate() {
                                let part = |i: usize| Matrix::rows(&x[i * all + head * d..], width);
                                let at = |i: usize| i * all + head * d;
                                let g = Matrix::rows(&g[head * d..], all);
                                let p = Matrix::rows(weights, t);
                                sgemm((t, d, t), p.t(), g, &mut gx[at(2)..], width, false)?;
                                sgemm((t, t, d), g, part(2).t(), &mut gp, t, false)?;
                                unweigh(weights, &mut gp, t, 1.0 / (d as f32).sqrt());
                                let gs = Matrix::rows(&gp, t);
                                sgemm((t, d, t), gs, part(1), &mut gx[at(0)..], width, false)?;
                                sgemm((t, d, t), gs.t(), part(0), &mut gx[at(1)..], width, false)?;
                            }
                            Ok::<(), candle_core::Error>(())
                        },
                    )
                };
                // SAFETY: each head writes its columns of queries, keys and values in all rows of its sample.
                unsafe { build(x.len(), fill) }
            })
        })?;
        Ok(Some(tensor_like(gx, qkv)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{close, finite_differences, flat, same_gradients, var};
    use candle_core::Device;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn attention_agrees_with_its_definition(
            b in 1usize..4, t in 1usize..40, heads in 1usize..4, d in 1usize..20, masked: bool, seed: u64,
        ) {
            let x = var(&[b, t, 3 * heads * d], seed);
            // The first key is always kept, the others by chance.
            let keep: Vec<f32> = (0..b * t).map(|i| f32::from(i % t == 0 || (seed >> (i % 60)) & 1 == 1)).collect();
            let mask = Tensor::from_vec(keep, (b, t), &Device::Cpu).unwrap();
            let mask = masked.then_some(&mask);
            same_gradients(&[&x], || attention(&x, heads, mask).unwrap(), || plain(&x, heads, mask).unwrap(), 5e-5);
        }
    }

    #[test]
    fn the_gradient_of_attention_agrees_with_finite_differences() {
        let x = var(&[2, 5, 12], 1);
        let mask = Tensor::new(&[[1f32, 1.0, 1.0, 0.0, 0.0], [1.0; 5]], &Device::Cpu).unwrap();
        finite_differences(&[&x], 1e-2, 1e-2, || attention(&x, 2, Some(&mask)).unwrap());
    }

    #[test]
    fn a_dropped_key_has_no_influence() {
        let x = var(&[1, 4, 6], 1);
        let mask = Tensor::new(&[[1u32, 1, 1, 0]], &Device::Cpu).unwrap();
        let whole = attention(&x, 1, Some(&mask)).unwrap().narrow(1, 0, 3).unwrap();
        let short = attention(&x.narrow(1, 0, 3).unwrap(), 1, None).unwrap();
        close("value", &whole, &short, 1e-5);
    }

    #[test]
    fn a_sample_without_keys_gives_zeros_on_every_path() {
        let x = var(&[1, 4, 6], 1);
        let mask = Tensor::zeros((1, 4), candle_core::DType::F32, &Device::Cpu).unwrap();
        for y in [attention(&x, 1, Some(&mask)).unwrap(), plain(&x, 1, Some(&mask)).unwrap()] {
            assert_eq!(flat(&y), [0.0; 8]);
        }
        let grads = attention(&x, 1, Some(&mask)).unwrap().sum_all().unwrap().backward().unwrap();
        assert!(flat(grads.get(&x).unwrap()).iter().all(|v| *v == 0.0));
    }

    #[test]
    fn features_that_do_not_divide_are_refused_with_both_numbers() {
        let message = attention(&var(&[1, 4, 10], 1), 2, None).unwrap_err().to_string();
        assert!(message.contains("10") && message.contains('2'), "{message}");
    }
}
