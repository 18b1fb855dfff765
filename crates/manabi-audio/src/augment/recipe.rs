//! Which operations make which view, in which order.

use manabi_core::{Result, modality::ViewKind, rng::Rng};

use super::{AugmentConfig, crop, fader::fader, gain::gain, mask, noise::noise, resize, shift::shift, speed};
use crate::{
    clip::Wave,
    frontend::{FrontEnd, LogMel},
};

/// Makes log-mel views of waveforms.
#[derive(Clone, Copy, Debug)]
pub struct Recipe<'a> {
    /// The settings.
    pub config: &'a AugmentConfig,
    /// Samples to maps.
    pub front: &'a FrontEnd,
    /// Frames of a view.
    pub frames: usize,
    /// Frames of a strong view.
    pub strong_frames: usize,
    /// Frames of a local view.
    pub local_frames: usize,
    /// Mean and standard deviation of the training rows' log-mel values.
    pub statistics: (f32, f32),
}

impl Recipe<'_> {
    /// One view, not normalised.
    ///
    /// Evaluation hears the middle of the recording, or all of one that is shorter, with digital silence on both sides.
    /// Only a strong view is changed in everything that a sound keeps when it is heard again elsewhere: loudness, noise,
    /// pitch and tempo a little, fading; what makes it louder or longer in itself stays. Mixup joins rows of a batch and
    /// comes after this.
    pub fn view(&self, wave: &Wave, kind: ViewKind, rng: &mut Rng) -> Result<LogMel> {
        match kind {
            ViewKind::Eval => self.eval(wave),
            ViewKind::Weak => self.weak(wave, rng),
            ViewKind::Supervised => self.supervised(wave, rng),
            ViewKind::Strong(_) => self.strong(wave, self.strong_frames, rng),
            ViewKind::Local => self.strong(wave, self.local_frames, rng),
        }
    }

    fn eval(&self, wave: &Wave) -> Result<LogMel> {
        let heard = crop::middle(&wave.samples, self.front.samples(self.frames));
        let map = self.front.log_mel(heard)?;
        let room = self.frames.saturating_sub(map.frames);
        Ok(placed(&map, self.frames, room / 2, self.front.silence()))
    }

    /// A random stretch, and nothing else.
    pub(crate) fn weak(&self, wave: &Wave, rng: &mut Rng) -> Result<LogMel> {
        let samples = crop::random(&wave.samples, self.front.samples(self.frames), rng);
        self.anywhere(samples, self.frames, rng)
    }

    fn supervised(&self, wave: &Wave, rng: &mut Rng) -> Result<LogMel> {
        let mut samples = crop::random(&wave.samples, self.front.samples(self.frames), rng).to_vec();
        gain(&mut samples, self.config.gain * rng.range(-0.5, 0.5));
        self.anywhere(&samples, self.frames, rng)
    }

    fn strong(&self, wave: &Wave, frames: usize, rng: &mut Rng) -> Result<LogMel> {
        let config = self.config;
        let length = self.front.samples(frames);
        let mut samples = match config.speed {
            0.0 => crop::random(&wave.samples, length, rng).to_vec(),
            most => {
                let factor = f64::from(rng.range(-most, most)).exp();
                let part = crop::random(&wave.samples, (length as f64 * factor).ceil() as usize, rng);
                let length = ((part.len() as f64 / factor) as usize).clamp(1, length);
                speed::resampled(part, 0.0, factor, length)
            }
        };
        gain(&mut samples, rng.range(-config.gain, config.gain));
        if rng.chance(config.noise) {
            let (low, high) = config.noise_snr;
            noise(&mut samples, rng.range(low, high), rng);
        }
        let mut map = self.anywhere(&samples, frames, rng)?;
        let (mean, deviation) = self.statistics;
        if rng.chance(config.resize) {
            let region = resize::random_region(&map, config.resize_bins, config.resize_frames, rng);
            map = resize::resize_crop(&map, region, mean);
        }
        if config.fader > 0.0 {
            let most = config.fader * deviation;
            fader(&mut map, rng.range(-most, most), rng.range(-most, most));
        }
        if config.shift > 0.0 {
            let most = (config.shift * frames as f32) as usize;
            shift(&mut map, rng.below(2 * most + 1) + frames - most.min(frames));
        }
        for _ in 0..config.masks {
            if config.mask_bins > 0.0 {
                mask::bins(&mut map, config.mask_bins, mean, rng);
            }
            if config.mask_frames > 0.0 {
                mask::frames(&mut map, config.mask_frames, mean, rng);
            }
        }
        Ok(map)
    }

    /// The map of `samples`, which are at most `frames` long, with silence before and after it, as chance has it.
    fn anywhere(&self, samples: &[f32], frames: usize, rng: &mut Rng) -> Result<LogMel> {
        let map = self.front.log_mel(samples)?;
        let room = frames.saturating_sub(map.frames);
        Ok(placed(&map, frames, rng.below(room + 1), self.front.silence()))
    }
}

/// `map` from frame `start` on in a map of `frames` frames of `silence`.
pub(crate) fn placed(map: &LogMel, frames: usize, start: usize, silence: f32) -> LogMel {
    if map.frames >= frames {
        return map.narrowed(0, frames);
    }
    let mut values = vec![silence; map.bins * frames];
    for (to, row) in values.chunks_exact_mut(frames).zip(map.rows()) {
        let start = start.min(frames - row.len());
        to[start..start + row.len()].copy_from_slice(row);
    }
    LogMel { bins: map.bins, frames, values }
}

#[cfg(test)]
mod tests {
    use super::{super::testing::rng, *};
    use crate::frontend::FrontEndConfig;

    const KINDS: [ViewKind; 5] =
        [ViewKind::Eval, ViewKind::Weak, ViewKind::Supervised, ViewKind::Strong(0), ViewKind::Local];

    fn wave(length: usize) -> Wave {
        Wave::new((0..length).map(|i| (i as f32 * 0.3).sin() * (i as f32 * 0.001).sin()).collect(), 8_000)
    }

    fn view(config: &AugmentConfig, length: usize, kind: ViewKind, sample: u64) -> LogMel {
        let front = FrontEnd::new(&FrontEndConfig::default(), 8_000).unwrap();
        let recipe =
            Recipe { config, front: &front, frames: 48, strong_frames: 32, local_frames: 16, statistics: (-6.0, 3.0) };
        recipe.view(&wave(length), kind, &mut rng(sample)).unwrap()
    }

    #[test]
    fn views_have_their_length_whatever_the_clips() {
        let all = AugmentConfig {
            mask_bins: 0.2,
            mask_frames: 0.2,
            speed: 0.2,
            shift: 0.5,
            noise: 1.0,
            ..AugmentConfig::default()
        };
        for length in [1, 2, 79, 500, 3_760, 3_761, 20_000] {
            for kind in KINDS {
                let wanted = match kind {
                    ViewKind::Strong(_) => 32,
                    ViewKind::Local => 16,
                    _ => 48,
                };
                let v = view(&all, length, kind, length as u64);
                assert_eq!((v.bins, v.frames), (64, wanted), "{length} samples, {kind:?}");
                assert!(v.values.iter().all(|v| v.is_finite()));
            }
        }
    }

    #[test]
    fn the_same_stream_gives_the_same_view_and_another_one_does_not() {
        let config = AugmentConfig::default();
        for kind in &KINDS[1..] {
            assert_eq!(view(&config, 9_000, *kind, 1), view(&config, 9_000, *kind, 1));
            assert_ne!(view(&config, 9_000, *kind, 1), view(&config, 9_000, *kind, 2));
        }
        assert_eq!(view(&config, 9_000, ViewKind::Eval, 1), view(&config, 9_000, ViewKind::Eval, 2));
    }

    #[test]
    fn a_short_clip_lies_in_the_middle_of_silence() {
        let v = view(&AugmentConfig::default(), 800, ViewKind::Eval, 0);
        let silent = |t: usize| v.rows().all(|row| row[t] < -15.0);
        let heard: Vec<usize> = (0..48).filter(|t| !silent(*t)).collect();
        assert_eq!((heard[0], heard.len()), (18, 11));
    }
}
