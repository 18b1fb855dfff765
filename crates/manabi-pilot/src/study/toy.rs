//! A modality of points, for the tests of this folder: what it encodes is a linear map of what it is given.

use std::sync::Arc;

use candle_core::{Device, Tensor};
use manabi_core::{
    Error, Result,
    data::{DataSpec, Record, Skipped, Source},
    encoder::{Encoder, Mask, Mode, Targets, TokenEncoder},
    modality::{Modality, Preview, ViewKind},
    nn::{Init, Params, Role},
    rng::Rng,
};

/// Values of a point.
pub const WIDTH: usize = 6;

/// Points in memory.
pub struct Points {
    pub records: Vec<Record>,
    pub classes: Vec<String>,
    pub points: Vec<Arc<Vec<f32>>>,
}

impl Source<Vec<f32>> for Points {
    fn records(&self) -> &[Record] {
        &self.records
    }
    fn classes(&self) -> &[String] {
        &self.classes
    }
    fn load(&self, index: usize) -> Result<Arc<Vec<f32>>> {
        Ok(Arc::clone(&self.points[index]))
    }
    fn skipped(&self) -> &[Skipped] {
        &[]
    }
}

/// A record without anything but its id.
pub fn record(row: usize) -> Record {
    Record { id: format!("row {row}"), label: None, group: None, split: None, target: None }
}

/// How much a point and its partner are alike, 0 to 5.
pub fn alike(point: &[f32]) -> f64 {
    f64::from((point[0].abs() * 997.0).floor() % 6.0)
}

/// The modality.
#[derive(Clone)]
pub struct Toy;

struct Map {
    features: Tensor,
    tokens: Tensor,
}

impl Encoder<Tensor> for Map {
    fn features(&self, batch: &Tensor, _: Mode) -> Result<Tensor> {
        Ok(batch.matmul(&self.features.t()?)?)
    }
    fn dim(&self) -> usize {
        4
    }
    fn tokens(&self) -> Option<&dyn TokenEncoder<Tensor>> {
        Some(self)
    }
}

/// Every value is a token; a hidden one is 0.
impl TokenEncoder<Tensor> for Map {
    fn token_count(&self, _: &Tensor) -> Result<usize> {
        Ok(WIDTH)
    }
    fn token_grid(&self, _: &Tensor) -> Result<(usize, usize)> {
        Ok((1, WIDTH))
    }
    fn target_dim(&self) -> usize {
        1
    }
    fn targets(&self, batch: &Tensor) -> Result<Targets> {
        Ok(Targets::Continuous(batch.unsqueeze(2)?))
    }
    fn masked_tokens(&self, batch: &Tensor, mask: &Mask) -> Result<Tensor> {
        let seen = (batch * mask.masked.affine(-1.0, 1.0)?)?;
        Ok(seen.matmul(&self.tokens.t()?)?.reshape((batch.dim(0)?, WIDTH, self.dim()))?)
    }
    fn visible_tokens(&self, _: &Tensor, _: &[u32]) -> Result<Tensor> {
        Err(Error::config("the toy sees all tokens"))
    }
}

impl Modality for Toy {
    const NAME: &'static str = "points";
    type Sample = Vec<f32>;
    type Batch = Tensor;
    type Config = ();

    fn detect(_: &DataSpec) -> bool {
        true
    }
    fn open(_: &DataSpec, (): &()) -> Result<Box<dyn Source<Vec<f32>>>> {
        Err(Error::config("the toy has no files"))
    }
    fn fit((): &(), _: &dyn Source<Vec<f32>>, _: &[usize]) -> Result<Self> {
        Ok(Self)
    }
    fn config(&self) -> &() {
        &()
    }
    fn describe(_: &dyn Source<Self::Sample>) -> Result<Vec<(String, String)>> {
        Ok(Vec::new())
    }
    fn augment(&self, sample: &Vec<f32>, _: ViewKind, _: &mut Rng) -> Result<Vec<f32>> {
        Ok(sample.clone())
    }
    fn transform(&self, sample: &Vec<f32>, _: usize, _: u32, _: &mut Rng) -> Result<Vec<f32>> {
        Ok(sample.clone())
    }
    fn collate(&self, samples: &[Vec<f32>], device: &Device) -> Result<Tensor> {
        Ok(Tensor::from_vec(samples.concat(), (samples.len(), WIDTH), device)?)
    }
    fn encoder(&self, params: &Params) -> Result<Box<dyn Encoder<Tensor>>> {
        Ok(Box::new(Map {
            features: params.get("features", (4, WIDTH), Init::Normal(1.0), Role::Weight)?,
            tokens: params.get("tokens", (WIDTH * 4, WIDTH), Init::Normal(0.1), Role::Weight)?,
        }))
    }
    fn encoders() -> &'static [&'static str] {
        &["map"]
    }
    fn cost(&self) -> f64 {
        1.0
    }
    fn raw_features(&self, sample: &Vec<f32>) -> Result<Vec<f32>> {
        Ok(sample.clone())
    }
    /// The first half is the sample's, the closer the more [`alike`] both are; the second is another.
    fn partner(sample: &Vec<f32>) -> Option<Vec<f32>> {
        let noise = |i: usize| (sample[i] * 91.7 + i as f32).sin();
        let off = 0.3 * (5.0 - alike(sample)) as f32;
        Some((0..WIDTH).map(|i| if i < WIDTH / 2 { sample[i] + off * noise(i) } else { noise(i) }).collect())
    }
    fn preview(&self, sample: &Vec<f32>) -> Result<Preview> {
        Ok(Preview::Text(format!("{sample:?}")))
    }
}
