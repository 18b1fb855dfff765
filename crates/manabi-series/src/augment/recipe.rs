//! Which operations make which view, in which order.

use manabi_core::{modality::ViewKind, rng::Rng};

use super::{
    AugmentConfig, Spectrum,
    crop::{crop, crop_resize},
    dropout::channel_dropout,
    frequency::mask_band,
    jitter::jitter,
    magnitude_warp::magnitude_warp,
    permute::permute,
    resample::resize,
    scale::scale,
    time_warp::time_warp,
};
use crate::{
    config::Normalise,
    normalise::{Statistics, by_window},
    series::Series,
};

/// Channels from which on one may fall silent.
const MANY: usize = 3;

/// Makes normalised views of `length` steps.
#[derive(Clone, Copy, Debug)]
pub struct Recipe<'a> {
    /// The settings.
    pub config: &'a AugmentConfig,
    /// Steps of a view.
    pub length: usize,
    /// Mean and deviation of each channel.
    pub statistics: &'a Statistics,
    /// Which of them are used.
    pub normalise: Normalise,
    /// The transform of `length` steps.
    pub spectrum: &'a Spectrum,
}

impl Recipe<'_> {
    /// One view: `length` steps, half of them for a local one. Series that are shorter are padded at the end with
    /// missing values, after all else, so that no operation sees the padding; longer ones are shrunk.
    pub fn view(&self, series: &Series, kind: ViewKind, rng: &mut Rng) -> Series {
        let mut view = self.normalised(series);
        match kind {
            ViewKind::Eval => {}
            ViewKind::Weak | ViewKind::Supervised => self.weaken(&mut view, rng),
            ViewKind::Strong(_) => self.strengthen(&mut view, rng),
            ViewKind::Local => {
                view = crop(&view, self.local_length(), rng);
                self.strengthen(&mut view, rng);
                return self.sized(view, self.local_length());
            }
        }
        self.sized(view, self.length)
    }

    /// Steps of a local view.
    pub fn local_length(&self) -> usize {
        (self.length / 2).max(1)
    }

    /// Normalised, and at most `length` steps long.
    pub fn normalised(&self, series: &Series) -> Series {
        let mut view = series.clone();
        match self.normalise {
            Normalise::Dataset => self.statistics.apply(&mut view),
            Normalise::Window => by_window(&mut view),
            Normalise::None => {}
        }
        if view.length > self.length { resize(&view, 0.0, view.length as f32, self.length) } else { view }
    }

    /// Padded to `length`.
    pub fn sized(&self, view: Series, length: usize) -> Series {
        if view.length == length { view } else { view.padded(length) }
    }

    /// Scaled and jittered.
    pub fn weaken(&self, view: &mut Series, rng: &mut Rng) {
        scale(view, self.config.scale, rng);
        jitter(view, self.config.jitter_weak, rng);
    }

    fn strengthen(&self, view: &mut Series, rng: &mut Rng) {
        let config = self.config;
        if config.crop < 1.0 {
            crop_resize(view, config.crop, rng);
        }
        if rng.chance(config.time_warp) {
            time_warp(view, config.time_sigma, rng);
        }
        if rng.chance(config.permute) {
            permute(view, config.segments, rng);
        }
        if rng.chance(config.magnitude_warp) {
            magnitude_warp(view, config.magnitude_sigma, rng);
        }
        if rng.chance(config.frequency) {
            mask_band(view, config.band, self.spectrum, rng);
        }
        if view.channels >= MANY {
            channel_dropout(view, config.dropout, rng);
        }
        scale(view, config.scale, rng);
        jitter(view, config.jitter, rng);
    }
}

#[cfg(test)]
mod tests {
    use super::{super::testing::ramps, super::testing::rng, *};

    fn view(series: &Series, kind: ViewKind, sample: u64) -> Series {
        let statistics = Statistics { mean: vec![10.0; 4], std: vec![2.0; 4] };
        let (config, spectrum) = (AugmentConfig::default(), Spectrum::new(32));
        let recipe = Recipe {
            config: &config,
            length: 32,
            statistics: &statistics,
            normalise: Normalise::Dataset,
            spectrum: &spectrum,
        };
        recipe.view(series, kind, &mut rng(sample))
    }

    const KINDS: [ViewKind; 4] = [ViewKind::Weak, ViewKind::Supervised, ViewKind::Strong(0), ViewKind::Local];

    #[test]
    fn the_same_stream_gives_the_same_view_and_another_one_does_not() {
        for kind in KINDS {
            assert_eq!(view(&ramps(4, 32), kind, 1), view(&ramps(4, 32), kind, 1));
            assert_ne!(view(&ramps(4, 32), kind, 1), view(&ramps(4, 32), kind, 2));
        }
        assert_eq!(view(&ramps(4, 32), ViewKind::Eval, 1).values[3], (3.0 - 10.0) / 2.0);
    }

    #[test]
    fn every_series_becomes_a_view_of_one_size_and_only_padding_is_missing() {
        for length in [1, 2, 20, 32, 100] {
            for kind in KINDS.into_iter().chain([ViewKind::Eval]) {
                for sample in 0..20 {
                    let found = view(&ramps(4, length), kind, sample);
                    let wanted = if kind == ViewKind::Local { 16 } else { 32 };
                    assert_eq!((found.channels, found.length), (4, wanted));
                    assert_eq!(found.missing(), 4 * wanted.saturating_sub(length), "{kind:?} of {length}");
                }
            }
        }
    }
}
