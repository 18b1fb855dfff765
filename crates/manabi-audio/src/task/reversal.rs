//! Time reversal: is the clip played forwards? (the arrow of time, Wei et al., CVPR 2018, for sound).
//!
//! The map is reversed, not the samples: a Hann window has no direction, so the powers are the same, and the frames lie
//! at the same places for both classes.

use manabi_core::{Result, rng::Rng};

use crate::{augment::Recipe, clip::Wave, frontend::LogMel};

pub fn transform(recipe: &Recipe<'_>, wave: &Wave, class: usize, rng: &mut Rng) -> Result<LogMel> {
    let mut map = recipe.weak(wave, rng)?;
    if class == 1 {
        let frames = map.frames;
        map.values.chunks_exact_mut(frames).for_each(<[f32]>::reverse);
    }
    Ok(map)
}
