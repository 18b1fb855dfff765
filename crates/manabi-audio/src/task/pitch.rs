//! Pitch: the map shifted down, left alone, or shifted up along the mel axis, tempo unchanged.
//!
//! A shift empties bins at one edge. So a band as wide as the largest shift is silenced at both edges of every class.

use manabi_core::{Result, rng::Rng};

use crate::{augment::Recipe, clip::Wave, frontend::LogMel};

/// Down, unchanged, up.
pub const CLASSES: usize = 3;

pub fn transform(recipe: &Recipe<'_>, wave: &Wave, class: usize, rng: &mut Rng) -> Result<LogMel> {
    let map = recipe.weak(wave, rng)?;
    // A tenth of the bins and a little chance: some three semitones in the upper half of 64 bins.
    let step = (map.bins / 10).max(1);
    let most = step + step / 4;
    let by = (step + rng.below(most - step + 1)) as isize * (class as isize - 1);
    let mut values = vec![recipe.front.silence(); map.values.len()];
    for (bin, to) in values.chunks_exact_mut(map.frames).enumerate() {
        let inside = (most..map.bins.saturating_sub(most)).contains(&bin);
        if let (true, Ok(from)) = (inside, usize::try_from(bin as isize - by)) {
            to.copy_from_slice(&map.values[from * map.frames..(from + 1) * map.frames]);
        }
    }
    Ok(LogMel { values, ..map })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        augment::{AugmentConfig, testing::rng},
        frontend::{FrontEnd, FrontEndConfig},
    };

    #[test]
    fn the_map_moves_and_the_same_bins_are_silent() {
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
        let wave = Wave::new((0..9_000).map(|i| (i * 7919 % 1013) as f32 / 1013.0).collect(), 8_000);
        let of = |class| transform(&recipe, &wave, class, &mut rng(4)).unwrap();
        let (down, same, up) = (of(0), of(1), of(2));
        let row = |map: &LogMel, bin: usize| map.rows().nth(bin).unwrap().to_vec();
        let by = (1..10).find(|by| row(&down, 30 - by) == row(&same, 30)).unwrap();
        assert_eq!(row(&up, 30 + by), row(&same, 30));
        for map in [&down, &same, &up] {
            let silent: Vec<usize> = (0..64).filter(|b| row(map, *b).iter().all(|v| *v < -15.9)).collect();
            assert_eq!(silent, (0..7).chain(57..64).collect::<Vec<_>>());
        }
    }
}
