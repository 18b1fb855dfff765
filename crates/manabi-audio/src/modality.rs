//! Recordings behind the core's trait.

use candle_core::{Device, Tensor};
use manabi_core::{
    Error, Result,
    data::{DataSpec, Source},
    encoder::Encoder,
    modality::{Modality, PretextTask, Preview, ViewKind},
    nn::Params,
    rng::{Key, Rng},
};

use rayon::prelude::*;

use crate::{
    augment::{Recipe, mixup::log_mixup_exp},
    clip::Clip,
    collate,
    config::AudioConfig,
    encoder,
    frontend::FrontEnd,
    inspect::inspect,
    normalise::{statistics, survey},
    open, preview, raw, source, task,
};

/// The working length that is chosen without being asked for is at most this, in seconds.
const LONGEST: f64 = 5.0;
/// Share of the recordings that are no longer than the working length.
const COVERED: f64 = 0.9;
/// Views have a multiple of this many frames: what strides and patches divide.
const STEP: usize = 16;
/// A strong view is at most this long if nothing else is said, in seconds.
const STRONG: f64 = 2.0;

/// Recordings bound to a dataset.
#[derive(Clone, Debug)]
pub struct AudioModality {
    config: AudioConfig,
    front: FrontEnd,
    frames: usize,
    strong_frames: usize,
    local_frames: usize,
    statistics: (f32, f32),
}

impl AudioModality {
    /// The working rate in Hz.
    pub fn rate(&self) -> u32 {
        self.front.rate()
    }

    /// Mel bins and frames that evaluation sees.
    pub fn shape(&self) -> (usize, usize) {
        (self.front.bins(), self.frames)
    }

    /// Samples to maps.
    pub fn front(&self) -> &FrontEnd {
        &self.front
    }

    fn recipe(&self) -> Recipe<'_> {
        Recipe {
            config: &self.config.augment,
            front: &self.front,
            frames: self.frames,
            strong_frames: self.strong_frames,
            local_frames: self.local_frames,
            statistics: self.statistics,
        }
    }
}

/// Frames of `seconds`: the nearest multiple of [`STEP`], at least one.
fn frames_of(front: &FrontEnd, seconds: f64) -> usize {
    let frames = front.frames((seconds * f64::from(front.rate())).round() as usize);
    ((frames + STEP / 2) / STEP).max(1) * STEP
}

impl Modality for AudioModality {
    const NAME: &'static str = "audio";
    type Sample = Clip;
    type Batch = Tensor;
    type Config = AudioConfig;

    fn detect(spec: &DataSpec) -> bool {
        source::layout(&spec.path).is_some()
    }

    fn open(spec: &DataSpec, config: &AudioConfig) -> Result<Box<dyn Source<Clip>>> {
        config.validate()?;
        let options = open::Options {
            rate: config.rate,
            max_seconds: config.max_seconds,
            part_seconds: config.seconds.unwrap_or(LONGEST),
            split: config.split,
            held_out: config.held_out.as_deref(),
        };
        match open::open(spec, &options) {
            // The settings of a run meet other data, which need not have the group that was held out of its own.
            Err(Error::Config(_)) if config.mean.is_some() && options.held_out.is_some() => {
                open::open(spec, &open::Options { held_out: None, ..options })
            }
            opened => opened,
        }
    }

    fn fit(config: &AudioConfig, source: &dyn Source<Clip>, train: &[usize]) -> Result<Self> {
        config.validate()?;
        let (rate, seconds) = match (config.rate, config.seconds) {
            (Some(rate), Some(seconds)) => (rate, seconds),
            (rate, seconds) => {
                let (found, lengths) = survey(source, train)?;
                let covered = lengths[((lengths.len() - 1) as f64 * COVERED).round() as usize];
                (rate.unwrap_or(found), seconds.unwrap_or(covered.clamp(0.1, LONGEST)))
            }
        };
        let front = FrontEnd::new(&config.frontend, rate)?;
        let frames = frames_of(&front, seconds);
        let strong = config.augment.strong_seconds.unwrap_or((0.75 * seconds).min(STRONG));
        let local = config.augment.local_seconds.unwrap_or(strong / 2.0);
        let statistics = match (config.mean, config.std) {
            (Some(mean), Some(std)) => (mean, std),
            (None, None) => statistics(source, train, &front, frames)?,
            _ => return Err(Error::config("give both mean and std, or neither")),
        };
        let config = AudioConfig {
            rate: Some(rate),
            seconds: Some(seconds),
            mean: Some(statistics.0),
            std: Some(statistics.1),
            frontend: front.config().clone(),
            ..config.clone()
        };
        let (strong_frames, local_frames) = (frames_of(&front, strong), frames_of(&front, local));
        Ok(Self { config, front, frames, strong_frames, local_frames, statistics })
    }

    fn config(&self) -> &AudioConfig {
        &self.config
    }

    fn describe(source: &dyn Source<Clip>) -> Result<Vec<(String, String)>> {
        Ok(inspect(source)?.map_or_else(Vec::new, |inventory| inventory.facts()))
    }

    fn augment(&self, sample: &Clip, view: ViewKind, rng: &mut Rng) -> Result<Clip> {
        self.recipe().view(sample.wave()?, view, rng).map(Clip::Map)
    }

    /// Mixes into each strong view a little of another row's: row `i` hears row `p(i)`, where `p` is a random order
    /// without fixed points.
    fn mix(&self, mut views: Vec<Clip>, view: ViewKind, key: Key) -> Result<Vec<Clip>> {
        let most = self.config.augment.mixup;
        if !matches!(view, ViewKind::Strong(_) | ViewKind::Local) || most <= 0.0 || views.len() < 2 {
            return Ok(views);
        }
        let mut rng = key.rng();
        let order = rng.permutation(views.len());
        let shares: Vec<f32> = views.iter().map(|_| rng.range(0.0, most)).collect();
        let mut partners = vec![0; views.len()];
        for (place, &row) in order.iter().enumerate() {
            partners[row] = order[(place + 1) % order.len()];
        }
        // Partners are heard as they were before they were mixed themselves.
        let before = views.clone();
        views.par_iter_mut().zip(partners).zip(shares).for_each(|((view, partner), share)| {
            if let (Clip::Map(map), Some(Clip::Map(other))) = (view, before.get(partner)) {
                log_mixup_exp(map, other, share, self.front.silence());
            }
        });
        Ok(views)
    }

    fn tasks() -> &'static [PretextTask] {
        task::TASKS
    }

    fn transform(&self, sample: &Clip, task: usize, class: u32, rng: &mut Rng) -> Result<Clip> {
        task::transform(&self.recipe(), sample.wave()?, task, class, rng).map(Clip::Map)
    }

    fn collate(&self, samples: &[Clip], device: &Device) -> Result<Tensor> {
        collate::collate(samples, self.statistics, device)
    }

    fn encoder(&self, params: &Params) -> Result<Box<dyn Encoder<Tensor>>> {
        encoder::build(&self.config.encoder, self.front.bins(), params)
    }

    fn encoders() -> &'static [&'static str] {
        encoder::NAMES
    }

    fn cost(&self) -> f64 {
        encoder::cost(&self.config.encoder, self.front.bins(), self.frames)
    }

    fn raw_features(&self, sample: &Clip) -> Result<Vec<f32>> {
        raw::raw_features(sample.wave()?, &self.front, self.config.raw)
    }

    fn preview(&self, sample: &Clip) -> Result<Preview> {
        preview::preview(&self.front, sample).map(Preview::Png)
    }
}

#[cfg(test)]
mod tests;
