//! Speed: slowed down to three quarters, as it was, or sped up by a third; tempo and pitch change together.
//!
//! Every class is resampled, by a factor with a little chance in it, so that interpolation leaves its traces in all. A
//! clip that is slowed down has nothing in its top quarter, and one that is sped up has its own folded back below the top:
//! bins that either can reach are silenced in all classes, and those below four thirds of the lowest frequency as well.

use manabi_core::{Result, rng::Rng};

use crate::{
    augment::{Recipe, crop, recipe::placed, speed::resampled},
    clip::Wave,
    frontend::LogMel,
};

/// Slower, unchanged, faster.
pub const CLASSES: usize = 3;
const FACTORS: [f64; CLASSES] = [0.75, 1.0, 4.0 / 3.0];
/// Largest relative change by chance.
const JITTER: f32 = 0.03;
/// The smallest and the largest factor, chance included.
const SLOWEST: f64 = FACTORS[0] * (1.0 - JITTER as f64);
const FASTEST: f64 = FACTORS[CLASSES - 1] * (1.0 + JITTER as f64);

pub fn transform(recipe: &Recipe<'_>, wave: &Wave, class: usize, rng: &mut Rng) -> Result<LogMel> {
    let front = recipe.front;
    let factor = FACTORS[class] * f64::from(1.0 + rng.range(-JITTER, JITTER));
    let length = front.samples(recipe.frames);
    // Each class hears a stretch of the same number of samples after resampling; a short clip would betray its class by
    // its length, so all of them hear as much of it as the fastest can fill.
    let fills = (wave.samples.len() as f64 / FASTEST) as usize;
    let length = length.min(fills).max(1);
    let part = crop::random(&wave.samples, (length as f64 * factor).ceil() as usize + 2, rng);
    let samples = resampled(part, f64::from(rng.uniform()), factor, length);
    let mut map = front.log_mel(&samples)?;
    let (low, high) = kept(recipe, map.bins);
    let (frames, silence) = (map.frames, front.silence());
    for (bin, row) in map.values.chunks_exact_mut(frames).enumerate() {
        if bin < low || bin >= high {
            row.fill(silence);
        }
    }
    let room = recipe.frames.saturating_sub(map.frames);
    Ok(placed(&map, recipe.frames, rng.below(room + 1), silence))
}

/// The bins that every class can fill.
fn kept(recipe: &Recipe<'_>, bins: usize) -> (usize, usize) {
    let nyquist = f64::from(recipe.front.rate()) / 2.0;
    let f_max = f64::from(recipe.front.config().f_max.unwrap_or(0.0));
    // What is sped up beyond half the rate comes back from there, mirrored: down to `2 − FASTEST` of it.
    let top = (f_max * SLOWEST).min(nyquist * SLOWEST).min(nyquist * (2.0 - FASTEST));
    let bottom = f64::from(recipe.front.config().f_min) * FASTEST;
    let centres = recipe.front.centres();
    let low = centres.iter().position(|hz| *hz >= bottom).unwrap_or(0);
    let high = centres.iter().position(|hz| *hz > top).unwrap_or(bins);
    (low, high.max(low + 1).min(bins))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        augment::{AugmentConfig, testing::rng},
        frontend::{FrontEnd, FrontEndConfig},
    };

    fn of(class: usize, step: f32, length: usize) -> LogMel {
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
        let wave = Wave::new((0..length).map(|i| (i as f32 * step).sin()).collect(), 8_000);
        transform(&recipe, &wave, class, &mut rng(2)).unwrap()
    }

    fn loudest(map: &LogMel) -> usize {
        let sums: Vec<f32> = map.rows().map(|row| row.iter().sum()).collect();
        (0..sums.len()).max_by(|a, b| sums[*a].total_cmp(&sums[*b])).unwrap()
    }

    #[test]
    fn a_tone_is_lower_or_higher_and_the_same_bins_are_silent() {
        let maps: Vec<LogMel> = (0..3).map(|class| of(class, 0.8, 12_000)).collect();
        let places: Vec<usize> = maps.iter().map(loudest).collect();
        assert!(places[0] < places[1] && places[1] < places[2], "{places:?}");
        let silent = |map: &LogMel| -> Vec<bool> { map.rows().map(|r| r.iter().all(|v| *v < -15.9)).collect() };
        assert_eq!(silent(&maps[0]), silent(&maps[1]));
        assert_eq!(silent(&maps[1]), silent(&maps[2]));
        assert!(silent(&maps[0])[63] && !silent(&maps[0])[30]);
    }

    #[test]
    fn a_short_clip_is_heard_for_the_same_time_in_every_class() {
        let heard = |map: &LogMel| (0..map.frames).filter(|t| map.rows().any(|r| r[*t] > -15.0)).count();
        let lengths: Vec<usize> = (0..3).map(|class| heard(&of(class, 0.8, 1_600))).collect();
        assert_eq!((lengths[0], lengths[1]), (lengths[1], lengths[2]));
    }
}
