//! Generated series of three classes, as a modality of their own, for the tests of this folder.
//!
//! Two channels of 96 time stamps. The class is the shape of a repeated bump (sine, saw, square) on the first channel;
//! its period, phase and size, a drift, noise and the whole second channel say nothing.

use candle_core::{Device, Tensor};
use manabi_core::{
    Result,
    data::{DataSpec, Entry, Listing, MemorySource, Source},
    encoder::Encoder,
    method::{self, MethodEntry},
    modality::{Modality, Preview, ViewKind},
    nn::Params,
    rng::{Key, Purpose, Rng},
};
use manabi_series::{batch::SeriesBatch, encoder, method as own};
use serde::{Deserialize, Serialize};

pub const CHANNELS: usize = 2;
pub const LENGTH: usize = 96;
const CLASSES: usize = 3;

/// One series, channel after channel.
pub type Series = Vec<f32>;

fn shape(class: usize, phase: f32) -> f32 {
    let place = phase.fract();
    match class {
        0 => (std::f32::consts::TAU * place).sin(),
        1 => 2.0 * place - 1.0,
        _ => f32::from(place < 0.5) * 2.0 - 1.0,
    }
}

fn channel(class: usize, rng: &mut Rng, noise: f32) -> Vec<f32> {
    let (period, start, size) = (rng.range(8.0, 24.0), rng.uniform(), rng.range(0.6, 1.4));
    let mut drift = 0.0;
    let value = |t: usize| {
        drift = 0.95 * drift + 0.2 * rng.normal();
        size * shape(class, start + t as f32 / period) + drift + noise * rng.normal()
    };
    (0..LENGTH).map(value).collect()
}

/// `rows` series, the classes in turn.
pub fn dataset(rows: usize) -> MemorySource<Series> {
    let sample = |row: usize| {
        let mut rng = Key::new(11, Purpose::Synthetic).sample(row as u64).rng();
        let mut series = channel(row % CLASSES, &mut rng, 0.3);
        let other = rng.below(CLASSES);
        series.extend(channel(other, &mut rng, 0.3));
        series
    };
    let entry = |row: usize| Entry { label: Some((row % CLASSES).to_string()), ..Entry::new(row.to_string(), "") };
    let listing = Listing { entries: (0..rows).map(entry).collect(), ..Listing::default() };
    MemorySource::new(listing, (0..rows).map(sample).collect()).unwrap()
}

#[derive(Clone, Default, Serialize, Deserialize)]
pub struct WavesConfig {
    pub encoder: String,
}

#[derive(Clone)]
pub struct Waves {
    pub config: WavesConfig,
}

impl Modality for Waves {
    const NAME: &'static str = "waves";
    type Sample = Series;
    type Batch = SeriesBatch;
    type Config = WavesConfig;

    fn detect(_: &DataSpec) -> bool {
        false
    }
    fn open(_: &DataSpec, _: &WavesConfig) -> Result<Box<dyn Source<Series>>> {
        Ok(Box::new(dataset(12)))
    }
    fn fit(config: &WavesConfig, _: &dyn Source<Series>, _: &[usize]) -> Result<Self> {
        Ok(Self { config: config.clone() })
    }
    fn config(&self) -> &WavesConfig {
        &self.config
    }
    fn describe(_: &dyn Source<Series>) -> Result<Vec<(String, String)>> {
        Ok(Vec::new())
    }

    /// Weak: each channel scaled a little. Strong: scaled more, with noise, and cut into pieces in another order.
    fn augment(&self, sample: &Series, view: ViewKind, rng: &mut Rng) -> Result<Series> {
        let (scale, noise, pieces) = match view {
            ViewKind::Eval => return Ok(sample.clone()),
            ViewKind::Weak => (0.1, 0.05, 1),
            _ => (0.3, 0.2, 1 + rng.below(4)),
        };
        let order = rng.permutation(pieces);
        let each = LENGTH.div_ceil(pieces);
        let mut out = Vec::with_capacity(sample.len());
        for channel in sample.chunks(LENGTH) {
            let factor = 1.0 + scale * rng.normal();
            let parts: Vec<&[f32]> = channel.chunks(each).collect();
            let moved = order.iter().filter_map(|&i| parts.get(i)).flat_map(|part| part.iter());
            out.extend(moved.map(|v| factor * v + noise * rng.normal()));
        }
        Ok(out)
    }
    fn transform(&self, sample: &Series, _: usize, _: u32, _: &mut Rng) -> Result<Series> {
        Ok(sample.clone())
    }
    fn methods() -> Vec<MethodEntry<SeriesBatch>> {
        method::methods().into_iter().chain(own::methods()).collect()
    }
    fn collate(&self, samples: &[Series], device: &Device) -> Result<SeriesBatch> {
        let values = Tensor::from_vec(samples.concat(), (samples.len(), CHANNELS, LENGTH), device)?;
        SeriesBatch::new(values, None)
    }
    fn encoder(&self, params: &Params) -> Result<Box<dyn Encoder<SeriesBatch>>> {
        encoder::build(&self.config.encoder, CHANNELS, LENGTH, params)
    }
    fn encoders() -> &'static [&'static str] {
        encoder::NAMES
    }
    fn cost(&self) -> f64 {
        encoder::cost(&self.config.encoder, CHANNELS, LENGTH)
    }
    fn raw_features(&self, sample: &Series) -> Result<Vec<f32>> {
        Ok(sample.clone())
    }
    fn preview(&self, _: &Series) -> Result<Preview> {
        Ok(Preview::Text(String::new()))
    }
}
