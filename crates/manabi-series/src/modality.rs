//! Series behind the core's trait.

use candle_core::Device;
use manabi_core::{
    Error, Result,
    data::{DataSpec, Source},
    encoder::Encoder,
    method::MethodEntry,
    modality::{Modality, PretextTask, Preview, ViewKind},
    nn::Params,
    rng::Rng,
};

use crate::{
    augment::{Recipe, Spectrum},
    batch::SeriesBatch,
    collate,
    config::{Normalise, SeriesConfig},
    detect, encoder,
    inspect::inspect,
    method,
    normalise::{Statistics, spread},
    open, preview, raw,
    series::Series,
    transform,
};

/// The longest working length that is chosen by itself.
const MAX_LENGTH: usize = 2048;
/// Fewer samples than this are pre-trained without negatives.
const FEW_WINDOWS: usize = 1500;

/// Series bound to a dataset.
#[derive(Clone, Debug)]
pub struct SeriesModality {
    config: SeriesConfig,
    length: usize,
    channels: usize,
    statistics: Statistics,
    spectrum: Spectrum,
}

impl SeriesModality {
    /// Steps that the encoder sees.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Channels that the encoder sees.
    pub fn channels(&self) -> usize {
        self.channels
    }

    fn recipe(&self) -> Recipe<'_> {
        Recipe {
            config: &self.config.augment,
            length: self.length,
            statistics: &self.statistics,
            normalise: self.config.normalise,
            spectrum: &self.spectrum,
        }
    }

    fn check(&self, sample: &Series) -> Result<()> {
        if sample.channels == self.channels {
            return Ok(());
        }
        Err(Error::data(format!(
            "a series of {} channels, but the model is made for {}; name the channels with columns",
            sample.channels, self.channels
        )))
    }
}

/// Longest row and number of channels of (at most 10 000 of) the rows.
fn survey(source: &dyn Source<Series>, rows: &[usize]) -> Result<(usize, usize)> {
    let mut found: Option<(usize, usize)> = None;
    for row in spread(rows, 10_000) {
        let series = source.load(row)?;
        let (length, channels) = found.unwrap_or((0, series.channels));
        if channels != series.channels {
            let id = source.records().get(row).map_or("", |r| r.id.as_str());
            return Err(Error::data(format!("{id} has {} channels, others have {channels}", series.channels)));
        }
        found = Some((length.max(series.length), channels));
    }
    found.ok_or_else(|| Error::data("there is no training row"))
}

impl Modality for SeriesModality {
    const NAME: &'static str = "series";
    type Sample = Series;
    type Batch = SeriesBatch;
    type Config = SeriesConfig;

    fn detect(spec: &DataSpec) -> bool {
        detect::detect(&spec.path)
    }

    /// Few windows are passed over hundreds of times, and those of one recording are alike: telling each from all others
    /// learns recordings by heart (SKAB), which a method without negatives does not. In few passes over many windows
    /// SimCLR learns far more (docs/BENCHMARKS.md has both).
    fn method_for(_config: &SeriesConfig, samples: usize) -> &'static str {
        if samples < FEW_WINDOWS { "vicreg" } else { "simclr" }
    }

    fn open(spec: &DataSpec, config: &SeriesConfig) -> Result<Box<dyn Source<Series>>> {
        config.validate()?;
        open::open(spec, config)
    }

    fn fit(config: &SeriesConfig, source: &dyn Source<Series>, train: &[usize]) -> Result<Self> {
        config.validate()?;
        let (longest, length, channels) = match (config.length, config.channels) {
            (Some(length), Some(channels)) => (length, length, channels),
            (length, channels) => {
                let (longest, found) = survey(source, train)?;
                let longest = longest.clamp(4, MAX_LENGTH);
                (longest, length.unwrap_or(longest), channels.unwrap_or(found))
            }
        };
        let statistics = match (&config.mean, &config.std, config.normalise) {
            (Some(mean), Some(std), _) => Statistics { mean: mean.clone(), std: std.clone() },
            (None, None, Normalise::Dataset) => Statistics::of(source, train, channels)?,
            (None, None, _) => Statistics { mean: vec![0.0; channels], std: vec![1.0; channels] },
            _ => return Err(Error::config("give both mean and std, or neither")),
        };
        if statistics.mean.len() != channels || statistics.std.len() != channels {
            let (means, stds) = (statistics.mean.len(), statistics.std.len());
            return Err(Error::config(format!(
                "{channels} channels, but {means} means and {stds} standard deviations"
            )));
        }
        let config = SeriesConfig {
            // Recordings that come later are cut as these were, however long they are.
            window: config.window.or(Some(longest)),
            length: Some(length),
            channels: Some(channels),
            mean: Some(statistics.mean.clone()),
            std: Some(statistics.std.clone()),
            ..config.clone()
        };
        Ok(Self { config, length, channels, statistics, spectrum: Spectrum::new(length) })
    }

    fn config(&self) -> &SeriesConfig {
        &self.config
    }

    fn describe(source: &dyn Source<Series>) -> Result<Vec<(String, String)>> {
        let id = |row: usize| source.records().get(row).map_or_else(String::new, |r| r.id.clone());
        Ok(inspect(source)?.map_or_else(Vec::new, |inventory| inventory.facts(id)))
    }

    fn augment(&self, sample: &Series, view: ViewKind, rng: &mut Rng) -> Result<Series> {
        self.check(sample)?;
        Ok(self.recipe().view(sample, view, rng))
    }

    fn tasks() -> &'static [PretextTask] {
        transform::TASKS
    }

    fn transform(&self, sample: &Series, task: usize, class: u32, rng: &mut Rng) -> Result<Series> {
        self.check(sample)?;
        transform::transform(&self.recipe(), sample, task, class, rng)
    }

    fn methods() -> Vec<MethodEntry<SeriesBatch>> {
        let mut all = manabi_core::method::methods();
        all.extend(method::methods());
        all
    }

    fn collate(&self, samples: &[Series], device: &Device) -> Result<SeriesBatch> {
        collate::collate(samples, device)
    }

    fn encoder(&self, params: &Params) -> Result<Box<dyn Encoder<SeriesBatch>>> {
        encoder::build(&self.config.encoder, self.channels, self.length, params)
    }

    fn encoders() -> &'static [&'static str] {
        encoder::NAMES
    }

    fn cost(&self) -> f64 {
        encoder::cost(&self.config.encoder, self.channels, self.length)
    }

    fn raw_features(&self, sample: &Series) -> Result<Vec<f32>> {
        self.check(sample)?;
        Ok(raw::raw_features(sample, self.channels))
    }

    fn preview(&self, sample: &Series) -> Result<Preview> {
        Ok(Preview::Svg(preview::preview(sample)))
    }
}

#[cfg(test)]
mod tests {
    use manabi_core::{
        data::{Entry, Listing, MemorySource},
        rng::{Key, Purpose},
    };

    use super::*;

    fn source(sizes: &[(usize, usize)]) -> MemorySource<Series> {
        let series =
            sizes.iter().map(|(c, l)| Series::new(*c, *l, (0..c * l).map(|i| (i * 31 % 17) as f32).collect()).unwrap());
        let entries = (0..sizes.len()).map(|i| Entry::new(i.to_string(), "")).collect();
        MemorySource::new(Listing { entries, ..Listing::default() }, series.collect()).unwrap()
    }

    fn fitted(sizes: &[(usize, usize)]) -> SeriesModality {
        let rows: Vec<usize> = (0..sizes.len()).collect();
        SeriesModality::fit(&SeriesConfig::default(), &source(sizes), &rows).unwrap()
    }

    #[test]
    fn the_working_length_is_the_longest_rows() {
        let of = |sizes: &[_]| (fitted(sizes).length(), fitted(sizes).channels());
        assert_eq!(of(&[(3, 40), (3, 70)]), (70, 3));
        assert_eq!(of(&[(1, 5000)]), (MAX_LENGTH, 1));
        let mixed = SeriesModality::fit(&SeriesConfig::default(), &source(&[(1, 8), (2, 8)]), &[0, 1]);
        assert!(mixed.unwrap_err().to_string().contains("1 has 2 channels, others have 1"));
        assert!(SeriesModality::fit(&SeriesConfig::default(), &source(&[]), &[]).is_err());
    }

    #[test]
    fn fitting_the_resolved_settings_needs_no_data() {
        let modality = fitted(&[(2, 40), (2, 30)]);
        let again = SeriesModality::fit(modality.config(), &source(&[]), &[]).unwrap();
        assert_eq!((again.config(), &again.statistics), (modality.config(), &modality.statistics));
    }

    #[test]
    fn views_of_any_series_become_one_batch_of_finite_values() {
        let sizes = [(3, 64), (3, 10), (3, 1), (3, 3000)];
        let (modality, source) = (fitted(&sizes[..2]), source(&sizes));
        for kind in [ViewKind::Eval, ViewKind::Weak, ViewKind::Supervised, ViewKind::Strong(1), ViewKind::Local] {
            let view = |row: usize| {
                let mut rng = Key::new(0, Purpose::Augment).sample(row as u64).rng();
                modality.augment(&source.load(row).unwrap(), kind, &mut rng).unwrap()
            };
            let batch = modality.collate(&[view(0), view(1), view(2), view(3)], &Device::Cpu).unwrap();
            assert_eq!(batch.values.dims(), [4, 3, if kind == ViewKind::Local { 32 } else { 64 }]);
            assert!(batch.values.flatten_all().unwrap().to_vec1::<f32>().unwrap().iter().all(|v| v.is_finite()));
        }
    }

    #[test]
    fn a_series_of_other_channels_is_refused_with_both_numbers() {
        let (modality, other) = (fitted(&[(3, 64)]), Series::new(2, 8, vec![0.0; 16]).unwrap());
        let mut rng = Key::new(0, Purpose::Augment).rng();
        let message = modality.augment(&other, ViewKind::Eval, &mut rng).unwrap_err().to_string();
        assert!(message.contains("2 channels") && message.contains("made for 3"), "{message}");
        assert!(modality.raw_features(&other).is_err());
    }
}
