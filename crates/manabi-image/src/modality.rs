//! Images behind the core's trait.

use candle_core::{Device, Tensor};
use manabi_core::{
    Error, Result,
    data::{DataSpec, Source},
    encoder::Encoder,
    modality::{Modality, PretextTask, Preview, ViewKind},
    nn::Params,
    rng::Rng,
};
use serde::{Deserialize, Serialize};

use crate::{
    augment::{AugmentConfig, Recipe},
    collate, encoder,
    image::Image,
    inspect::inspect,
    normalise::{Statistics, spread, statistics},
    open, preview, raw, transform,
};

/// Working size of photos that are larger than that.
const PHOTO_SIZE: usize = 64;

/// Settings of images. What is not given is taken from the data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ImageConfig {
    /// Side of the square that the encoder sees, in pixels: the images' own (median shorter)
    /// side up to 64, else 64.
    pub size: Option<usize>,
    /// 1 (grey) or 3 (colour): 3 as soon as one image has colour.
    pub channels: Option<usize>,
    /// Images with a longer shorter side are reduced to this when they are read; 1.5 times the size.
    pub load_size: Option<usize>,
    /// Mean of each channel over `[0, 1]`.
    pub mean: Option<Vec<f32>>,
    /// Standard deviation of each channel.
    pub std: Option<Vec<f32>>,
    /// Name of the encoder.
    pub encoder: String,
    /// How views are made.
    pub augment: AugmentConfig,
}

impl Default for ImageConfig {
    fn default() -> Self {
        Self {
            size: None,
            channels: None,
            load_size: None,
            mean: None,
            std: None,
            encoder: "small".into(),
            augment: AugmentConfig::default(),
        }
    }
}

impl ImageConfig {
    /// An error that names the first setting that cannot be.
    pub fn validate(&self) -> Result<()> {
        let fail = |message: String| Err(Error::config(message));
        if let Some(size) = self.size.filter(|s| !(8..=1024).contains(s)) {
            return fail(format!("size = {size} is not between 8 and 1024 pixels"));
        }
        if let Some(channels) = self.channels.filter(|c| !matches!(c, 1 | 3)) {
            return fail(format!("channels = {channels}; 1 (grey) or 3 (colour) are known"));
        }
        if let Some(load) = self.load_size.filter(|l| *l < self.size.unwrap_or(8)) {
            return fail(format!("load_size = {load} is smaller than the working size"));
        }
        if self.std.as_ref().is_some_and(|s| s.iter().any(|v| !(*v > 0.0 && v.is_finite()))) {
            return fail("std must be above 0 in every channel".into());
        }
        if !encoder::NAMES.contains(&self.encoder.as_str()) {
            return fail(format!("there is no encoder \"{}\"; known: {}", self.encoder, encoder::NAMES.join(", ")));
        }
        self.augment.validate()
    }

    fn load_size(&self) -> usize {
        self.load_size.unwrap_or(self.size.unwrap_or(PHOTO_SIZE) * 3 / 2)
    }
}

/// Images bound to a dataset.
#[derive(Clone, Debug)]
pub struct ImageModality {
    config: ImageConfig,
    size: usize,
    channels: usize,
    statistics: Statistics,
}

impl ImageModality {
    /// Side of the square that the encoder sees, in pixels.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Channels that the encoder sees.
    pub fn channels(&self) -> usize {
        self.channels
    }

    fn recipe(&self) -> Recipe<'_> {
        // A Transformer's positions fix its input size; convolutions take any.
        let fixed = self.config.encoder.starts_with("vit");
        let smaller = if fixed { self.size } else { (self.size * 3 / 4 / 4 * 4).max(8) };
        let strong_size = self.config.augment.strong_size.filter(|_| !fixed).unwrap_or(smaller);
        Recipe { config: &self.config.augment, size: self.size, strong_size, channels: self.channels }
    }
}

/// The images' own side up to [`PHOTO_SIZE`], a multiple of four: what strides and patches divide.
fn working_size(side: usize) -> usize {
    (side / 4 * 4).clamp(8, PHOTO_SIZE)
}

/// Median shorter side and largest number of channels of (at most 1 000 of) the rows.
fn survey(source: &dyn Source<Image>, rows: &[usize]) -> Result<(usize, usize)> {
    let (mut sides, mut channels) = (Vec::new(), 1);
    for row in spread(rows, 1_000) {
        let image = source.load(row)?;
        sides.push(image.width.min(image.height));
        channels = channels.max(image.channels);
    }
    sides.sort_unstable();
    match sides.get(sides.len() / 2) {
        Some(median) => Ok((*median, channels)),
        None => Err(Error::data("there is no training image")),
    }
}

impl Modality for ImageModality {
    const NAME: &'static str = "image";
    type Sample = Image;
    type Batch = Tensor;
    type Config = ImageConfig;

    fn detect(spec: &DataSpec) -> bool {
        open::layout(&spec.path).is_some()
    }

    fn open(spec: &DataSpec, config: &ImageConfig) -> Result<Box<dyn Source<Image>>> {
        config.validate()?;
        open::open(spec, config.load_size())
    }

    fn fit(config: &ImageConfig, source: &dyn Source<Image>, train: &[usize]) -> Result<Self> {
        config.validate()?;
        let (size, channels) = match (config.size, config.channels) {
            (Some(size), Some(channels)) => (size, channels),
            (size, channels) => {
                let (side, found) = survey(source, train)?;
                (size.unwrap_or(working_size(side)), channels.unwrap_or(found))
            }
        };
        let statistics = match (&config.mean, &config.std) {
            (Some(mean), Some(std)) => Statistics { mean: mean.clone(), std: std.clone() },
            (None, None) => statistics(source, train, channels)?,
            _ => return Err(Error::config("give both mean and std, or neither")),
        };
        if statistics.mean.len() != channels || statistics.std.len() != channels {
            let (means, stds) = (statistics.mean.len(), statistics.std.len());
            return Err(Error::config(format!(
                "{channels} channels, but {means} means and {stds} standard deviations"
            )));
        }
        let config = ImageConfig {
            size: Some(size),
            channels: Some(channels),
            load_size: Some(config.load_size().max(size)),
            mean: Some(statistics.mean.clone()),
            std: Some(statistics.std.clone()),
            ..config.clone()
        };
        Ok(Self { config, size, channels, statistics })
    }

    fn config(&self) -> &ImageConfig {
        &self.config
    }

    fn describe(source: &dyn Source<Image>) -> Result<Vec<(String, String)>> {
        Ok(inspect(source)?.map_or_else(Vec::new, |inventory| inventory.facts()))
    }

    fn augment(&self, sample: &Image, view: ViewKind, rng: &mut Rng) -> Result<Image> {
        self.recipe().view(sample, view, rng)
    }

    fn tasks() -> &'static [PretextTask] {
        &[transform::ROTATION]
    }

    fn transform(&self, sample: &Image, _task: usize, class: u32, rng: &mut Rng) -> Result<Image> {
        // A photo upside down and mirrored is a half turn: mirroring top and bottom would
        // make the classes undecidable.
        transform::quarter_turns(&self.recipe().weak(sample, 0.0, rng)?, class)
    }

    fn collate(&self, samples: &[Image], device: &Device) -> Result<Tensor> {
        collate::collate(samples, &self.statistics, device)
    }

    fn encoder(&self, params: &Params) -> Result<Box<dyn Encoder<Tensor>>> {
        encoder::build(&self.config.encoder, self.channels, self.size, params)
    }

    fn encoders() -> &'static [&'static str] {
        encoder::NAMES
    }

    fn cost(&self) -> f64 {
        encoder::cost(&self.config.encoder, self.channels, self.size)
    }

    fn raw_features(&self, sample: &Image) -> Result<Vec<f32>> {
        Ok(raw::raw_features(sample, self.size, self.channels))
    }

    fn preview(&self, sample: &Image) -> Result<Preview> {
        preview::preview(sample).map(Preview::Png)
    }
}

#[cfg(test)]
mod tests {
    use manabi_core::{
        data::{Entry, Listing, MemorySource},
        rng::{Key, Purpose},
    };

    use super::*;
    use crate::image::Pixels;

    fn source(sizes: &[(usize, usize, usize)]) -> MemorySource<Image> {
        let images = sizes.iter().map(|(w, h, c)| {
            let values = (0..w * h * c).map(|i| (i * 31 % 251) as u8).collect();
            Image::new(*w, *h, *c, Pixels::U8(values)).unwrap()
        });
        let entries = (0..sizes.len()).map(|i| Entry::new(i.to_string(), "")).collect();
        MemorySource::new(Listing { entries, ..Listing::default() }, images.collect()).unwrap()
    }

    fn fitted(sizes: &[(usize, usize, usize)]) -> ImageModality {
        let rows: Vec<usize> = (0..sizes.len()).collect();
        ImageModality::fit(&ImageConfig::default(), &source(sizes), &rows).unwrap()
    }

    #[test]
    fn the_working_size_and_the_channels_follow_the_data() {
        let of = |sizes: &[_]| (fitted(sizes).size(), fitted(sizes).channels());
        assert_eq!(of(&[(28, 28, 1), (28, 28, 1)]), (28, 1));
        assert_eq!(of(&[(32, 32, 3), (32, 32, 1)]), (32, 3));
        assert_eq!(of(&[(300, 100, 1), (96, 200, 1)]), (64, 1));
        assert_eq!(of(&[(45, 50, 1)]), (44, 1));
    }

    #[test]
    fn fitting_the_resolved_settings_needs_no_data() {
        let modality = fitted(&[(40, 30, 3), (30, 50, 1)]);
        let again = ImageModality::fit(modality.config(), &source(&[]), &[]).unwrap();
        assert_eq!(again.config(), modality.config());
        assert_eq!(again.statistics, modality.statistics);
    }

    #[test]
    fn views_of_any_image_become_one_batch_of_finite_values() {
        let sizes = [(40, 30, 3), (30, 90, 1), (1, 1, 1), (64, 64, 3)];
        let (modality, source) = (fitted(&sizes), source(&sizes));
        for kind in [
            ViewKind::Eval,
            ViewKind::Weak,
            ViewKind::Supervised,
            ViewKind::Strong(0),
            ViewKind::Strong(1),
            ViewKind::Local,
        ] {
            let views: Vec<Image> = (0..4)
                .map(|row| {
                    modality.augment(
                        &source.load(row).unwrap(),
                        kind,
                        &mut Key::new(0, Purpose::Augment).sample(row as u64).rng(),
                    )
                })
                .collect::<Result<_>>()
                .unwrap();
            let batch = modality.collate(&views, &Device::Cpu).unwrap();
            let side = match kind {
                ViewKind::Local => 12,
                ViewKind::Strong(_) => 20,
                _ => 28,
            };
            assert_eq!(batch.dims(), [4, 3, side, side]);
            assert!(batch.flatten_all().unwrap().to_vec1::<f32>().unwrap().iter().all(|v| v.is_finite()));
        }
    }

    #[test]
    fn raw_features_are_always_of_one_length() {
        let sizes = [(40, 30, 3), (30, 90, 1), (1, 1, 1)];
        let (modality, source) = (fitted(&sizes), source(&sizes));
        let lengths: Vec<usize> =
            (0..3).map(|r| modality.raw_features(&source.load(r).unwrap()).unwrap().len()).collect();
        assert_eq!(lengths, [768; 3]);
        assert!(matches!(modality.preview(&source.load(1).unwrap()).unwrap(), Preview::Png(_)));
    }

    #[test]
    fn impossible_settings_are_refused_by_name() {
        let refused = |config: ImageConfig| config.validate().unwrap_err().to_string();
        assert!(refused(ImageConfig { size: Some(2), ..Default::default() }).contains("size = 2"));
        assert!(refused(ImageConfig { channels: Some(4), ..Default::default() }).contains("channels = 4"));
        assert!(refused(ImageConfig { encoder: "tiny".into(), ..Default::default() }).contains("\"tiny\""));
        assert!(refused(ImageConfig { std: Some(vec![0.0]), ..Default::default() }).contains("std"));
        let half = ImageConfig { mean: Some(vec![0.5]), ..Default::default() };
        assert!(ImageModality::fit(&half, &source(&[(9, 9, 1)]), &[0]).is_err());
    }

    #[test]
    fn a_quarter_turn_turns_the_weak_view() {
        let (modality, source) = (fitted(&[(32, 32, 1)]), source(&[(32, 32, 1)]));
        let image = source.load(0).unwrap();
        let turned = |class| modality.transform(&image, 0, class, &mut Key::new(0, Purpose::Augment).rng()).unwrap();
        assert_eq!(transform::quarter_turns(&turned(0), 3).unwrap(), turned(3));
        assert!(modality.transform(&image, 0, 4, &mut Key::new(0, Purpose::Augment).rng()).is_err());
    }
}
