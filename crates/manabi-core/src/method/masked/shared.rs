//! What the methods of this family share: the one view that they take, and the error at hidden tokens.

use candle_core::{D, Tensor};

use crate::{
    Error, Result,
    encoder::{Mask, Targets},
    loss::{cross_entropy, masked_mse},
};

/// What a method says where the encoder does not see tokens.
pub(super) fn no_tokens() -> Error {
    Error::config(
        "masked prediction needs an encoder of tokens: choose a Transformer with --encoder, or another method",
    )
}

/// The one view that masked prediction takes.
pub(super) fn one_view<B>(views: &[B]) -> Result<&B> {
    match views {
        [batch] => Ok(batch),
        _ => Err(Error::config(format!("masked prediction takes 1 view, not {}", views.len()))),
    }
}

/// Squared error of continuous targets, cross-entropy of discrete ones, at the hidden tokens alone.
///
/// # Shapes
/// `prediction (N, T, C)` → scalar.
pub(super) fn masked_error(prediction: &Tensor, targets: &Targets, mask: &Mask) -> Result<Tensor> {
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
