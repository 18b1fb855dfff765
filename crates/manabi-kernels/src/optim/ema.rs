//! The exponential moving average, target ← m target + (1 − m) source, in place.

use candle_core::{Result, Tensor, Var};
use rayon::prelude::*;

use super::{check, with_mut};
use crate::storage::{PIECE, fast, with};

/// target ← momentum · target + (1 − momentum) · source, of one shape. A step can do it on its way: [`super::Also`].
pub fn ema_update(target: &Var, source: &Tensor, momentum: f32) -> Result<()> {
    check(target, source, &[])?;
    if !fast(&[target, source]) {
        let kept = (target.detach() * f64::from(momentum))?;
        return target.set(&(kept + (source.detach() * (1.0 - f64::from(momentum)))?)?);
    }
    with(&source.detach(), |s| {
        with_mut(target, |t| {
            t.par_chunks_mut(PIECE).zip(s.par_chunks(PIECE)).for_each(|(t, s)| ema(t, s, momentum));
            Ok(())
        })
    })
}

wide! {
    pub(super) fn ema(target: &mut [f32], source: &[f32], momentum: f32) {
        for (t, s) in target.iter_mut().zip(source) {
            *t = momentum * *t + (1.0 - momentum) * s;
        }
    }
}
