//! Clip order: three pieces in one of their six orders (as Lee et al., arXiv:1708.01246, with frames of videos).
//!
//! The pieces are cut from the map with gaps between them, so that they never fit: the seam of two neighbours in their
//! true order looks like any other seam. The whole is as long for every order.

use manabi_core::{Result, rng::Rng};

use crate::{
    augment::{Recipe, crop, recipe::placed},
    clip::Wave,
    frontend::LogMel,
};

/// 3! orders.
pub const CLASSES: usize = 6;
const ORDERS: [[usize; 3]; CLASSES] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
/// A piece is at most this share of a third of what is heard; the rest is gaps.
const PIECE: f32 = 0.8;

pub fn transform(recipe: &Recipe<'_>, wave: &Wave, class: usize, rng: &mut Rng) -> Result<LogMel> {
    // As long as the pieces and their gaps together may be.
    let wanted = (recipe.frames as f32 / PIECE) as usize;
    let heard = recipe.front.log_mel(crop::random(&wave.samples, recipe.front.samples(wanted), rng))?;
    let third = heard.frames / 3;
    let piece = ((third as f32 * PIECE) as usize).min(recipe.frames / 3).max(1);
    // Each piece lies somewhere in its third.
    let starts: Vec<usize> = (0..3)
        .map(|i| (i * third + rng.below(third.saturating_sub(piece) + 1)).min(heard.frames.saturating_sub(piece)))
        .collect();
    let mut values = Vec::with_capacity(heard.bins * 3 * piece);
    for row in heard.rows() {
        for i in ORDERS[class] {
            values.extend_from_slice(&row[starts[i]..starts[i] + piece]);
        }
    }
    let joined = LogMel { bins: heard.bins, frames: 3 * piece, values };
    let room = recipe.frames.saturating_sub(joined.frames);
    Ok(placed(&joined, recipe.frames, room / 2, recipe.front.silence()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        augment::{AugmentConfig, testing::rng},
        frontend::{FrontEnd, FrontEndConfig},
    };

    #[test]
    fn the_pieces_of_every_order_are_the_same_ones() {
        let front = FrontEnd::new(&FrontEndConfig::default(), 8_000).unwrap();
        let config = AugmentConfig::default();
        let recipe = Recipe {
            config: &config,
            front: &front,
            frames: 48,
            strong_frames: 32,
            local_frames: 16,
            statistics: (-6.0, 3.0),
        };
        let wave = Wave::new((0..9_000).map(|i| (i as f32 * i as f32 * 1e-4).sin()).collect(), 8_000);
        let of = |class| transform(&recipe, &wave, class, &mut rng(4)).unwrap();
        let first = of(0);
        for (class, order) in ORDERS.iter().enumerate() {
            let map = of(class);
            for (place, piece) in order.iter().enumerate() {
                assert_eq!(map.narrowed(16 * place, 16), first.narrowed(16 * piece, 16));
            }
        }
    }
}
