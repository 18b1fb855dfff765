//! Generated series of three classes, as a modality of their own, for the tests of this folder.
//!
//! Two channels of 64 time stamps, a sine in much noise. The class is its period; phases and sizes say nothing.

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
pub const LENGTH: usize = 64;
/// Of each class.
const PERIODS: [f32; 3] = [7.0, 9.0, 12.0];
const NOISE: f32 = 1.0;

/// One series, channel after channel.
pub type Series = Vec<f32>;

/// `rows` series, the classes in turn.
pub fn dataset(rows: usize) -> MemorySource<Series> {
    let sample = |row: usize| {
        let mut rng = Key::new(11, Purpose::Synthetic).sample(row as u64).rng();
        let period = PERIODS[row % PERIODS.len()] * rng.range(0.95, 1.05);
        let mut series = Vec::with_capacity(CHANNELS * LENGTH);
        for _ in 0..CHANNELS {
            let (start, size) = (rng.uniform(), rng.range(0.7, 1.3));
            let wave = |t: usize| size * (std::f32::consts::TAU * (start + t as f32 / period)).sin();
            series.extend((0..LENGTH).map(|t| wave(t) + NOISE * rng.normal()));
        }
        series
    };
    let label = |row: usize| Some((row % PERIODS.len()).to_string());
    let entry = |row: usize| Entry { label: label(row), ..Entry::new(row.to_string(), "") };
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
