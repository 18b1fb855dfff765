//! What the methods of this family share: the one view that they take, and the error at hidden tokens.

use candle_core::{D, Device, Tensor};

use super::mask::grid_mask;
use crate::{
    Error, Result,
    encoder::{Mask, Targets, TokenEncoder},
    loss::{cross_entropy, masked_mse},
    method::Step,
};

/// What a method says where the encoder does not see tokens.
pub(in crate::method) fn no_tokens() -> Error {
    Error::config(
        "masked prediction needs an encoder of tokens: choose a Transformer with --encoder, or another method",
    )
}

/// The one view that masked prediction takes.
pub(in crate::method) fn one_view<B>(views: &[B]) -> Result<&B> {
    match views {
        [batch] => Ok(batch),
        _ => Err(Error::config(format!("masked prediction takes 1 view, not {}", views.len()))),
    }
}

/// The tokens that a step hides: a share `ratio` in blocks of `block`, among them only what was measured. Where that
/// would be none in the whole batch, all that were drawn.
///
/// # Shapes
/// `(N, T)`.
pub(in crate::method) fn hidden<B>(
    tokens: &dyn TokenEncoder<B>,
    batch: &B,
    step: &Step,
    (block, ratio): (usize, f64),
    device: &Device,
) -> Result<Mask> {
    let mask = grid_mask(step.seed, step.index, step.samples, tokens.token_grid(batch)?, block, ratio, device)?;
    let Some(measured) = tokens.measured(batch)? else { return Ok(mask) };
    let masked = (&mask.masked * measured.detach())?;
    Ok(if masked.sum_all()?.to_scalar::<f32>()? > 0.0 { Mask { masked } } else { mask })
}

/// Squared error of continuous targets, cross-entropy of discrete ones, at the hidden tokens alone.
///
/// # Shapes
/// `prediction (N, T, C)` → scalar.
pub(in crate::method) fn masked_error(prediction: &Tensor, targets: &Targets, mask: &Mask) -> Result<Tensor> {
    match targets {
        Targets::Continuous(target) => masked_mse(prediction, target, &mask.masked),
        Targets::Discrete { ids, .. } => {
            let hidden = mask.masked.flatten_all()?.to_vec1::<f32>()?;
            let rows: Vec<u32> = (0..hidden.len() as u32).filter(|&i| hidden[i as usize] > 0.5).collect();
            let logits = prediction.flatten_to(1)?;
            let ids = ids.flatten_all()?.to_vec1::<u32>()?;
            let labels: Vec<u32> = rows.iter().map(|&i| ids[i as usize]).collect();
            let logits = logits.index_select(&Tensor::new(rows, logits.device())?, D::Minus2)?;
            cross_entropy(&logits, &labels, 0.0)
        }
    }
}

/// How many classes discrete targets really use: exp of the entropy of their shares. One means that all tokens are alike
/// to whoever made the classes, and that there is nothing to learn.
pub(in crate::method) fn codes_used(targets: &Targets) -> Result<f64> {
    let Targets::Discrete { ids, classes } = targets else { return Ok(0.0) };
    let ids = ids.flatten_all()?.to_vec1::<u32>()?;
    let mut counts = vec![0usize; *classes];
    ids.iter().for_each(|&id| counts[id as usize] += 1);
    let shares = counts.iter().filter(|c| **c > 0).map(|c| *c as f64 / ids.len() as f64);
    Ok(shares.map(|p| -p * p.ln()).sum::<f64>().exp())
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn classes_that_are_used_equally_count_whole_and_a_single_one_counts_one() {
        let used = |ids: &[u32]| {
            let ids = Tensor::new(ids, &Device::Cpu).unwrap();
            codes_used(&Targets::Discrete { ids, classes: 5 }).unwrap()
        };
        assert!((used(&[0, 1, 2, 3]) - 4.0).abs() < 1e-9);
        assert_eq!(used(&[2, 2, 2]), 1.0);
        assert!((used(&[0, 0, 0, 1]) - 1.7548).abs() < 1e-4);
    }
}
