//! The whole of what a new modality must say.

use std::{collections::BTreeMap, path::Path};

use candle_core::{Device, Tensor};

use crate::{
    Result,
    data::{DataSpec, Source},
    encoder::{Encoder, EncoderFactory},
    eval::linear::Scaling,
    method::{self, MethodEntry},
    nn::Params,
    rng::{Key, Rng},
};

/// Which view of a sample is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ViewKind {
    /// No randomness: what evaluation embeds.
    Eval,
    /// Mild augmentation (crop and flip, say): masked prediction, transformation prediction.
    Weak,
    /// The augmentation of labelled training; supervised baseline and fine-tuning.
    Supervised,
    /// Strong augmentation for instance discrimination; view 0, 1, … may be asymmetric.
    Strong(u32),
    /// A small part of the sample at a smaller size (multi-crop).
    Local,
}

/// How a sample is shown in a report.
#[derive(Clone, Debug, PartialEq)]
pub enum Preview {
    /// An encoded PNG file.
    Png(Vec<u8>),
    /// A small drawing, one `<svg>` element.
    Svg(String),
    /// A few words or numbers.
    Text(String),
}

/// A pretext task of transformation prediction: which of its `classes` was done to the sample?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PretextTask {
    /// The fixed word of the command line, a name in the field where there is one.
    pub name: &'static str,
    /// Number of classes.
    pub classes: usize,
    /// What is to be told, in one line.
    pub summary: &'static str,
}

/// What lies beside an encoder's weights, so that other tools can read them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Companions {
    /// More fields of `config.json`.
    pub fields: serde_json::Map<String, serde_json::Value>,
    /// Files by name (a tokeniser).
    pub files: BTreeMap<String, Vec<u8>>,
}

/// Factors of learning rates, for encoders that want slower steps than most.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// Of pretext tasks.
    pub pretext: f64,
    /// Of training on labels.
    pub labelled: f64,
}

impl Default for Rates {
    fn default() -> Self {
        Self { pretext: 1.0, labelled: 1.0 }
    }
}

/// A modality: sample, batch, augmentations, encoders and the honest raw baseline.
///
/// An instance is bound to a dataset by [`Modality::fit`]: it knows the working size,
/// the normalisation and the encoder's name.
pub trait Modality: Clone + Send + Sync + 'static {
    /// The fixed word of the command line.
    const NAME: &'static str;
    /// One decoded sample.
    type Sample: Send + Sync + 'static;
    /// A collated batch on a device.
    type Batch: Clone + Send + 'static;
    /// Settings, all with defaults; `fit` resolves what depends on the data.
    type Config: Clone + Default + serde::Serialize + serde::de::DeserializeOwned + Send + Sync;

    /// True if this modality can read what lies at `spec.path`.
    fn detect(spec: &DataSpec) -> bool;

    /// The method that is taken for such settings and so many samples where none is named.
    fn method_for(_config: &Self::Config, _samples: usize) -> &'static str {
        "simclr"
    }

    /// Opens a dataset: lists it, reads labels, groups and splits, decodes what fits in memory.
    fn open(spec: &DataSpec, config: &Self::Config) -> Result<Box<dyn Source<Self::Sample>>>;

    /// Binds the modality to a dataset. Statistics are taken from the rows `train` only.
    fn fit(config: &Self::Config, source: &dyn Source<Self::Sample>, train: &[usize]) -> Result<Self>;

    /// The resolved settings: `fit` on them gives the same instance without looking at data.
    fn config(&self) -> &Self::Config;

    /// What is written beside the encoder's weights.
    fn companions(&self) -> Result<Companions> {
        Ok(Companions::default())
    }

    /// Settings that were written with an encoder which now lies in `folder`, with its companions.
    fn settle(_config: &mut Self::Config, _folder: &Path) {}

    /// The same modality whose encoder starts from chance; `None` where it does so anyway.
    fn blank(&self) -> Option<Self> {
        None
    }

    /// Factors of learning rates.
    fn rates(&self) -> Rates {
        Rates::default()
    }

    /// How the columns of [`Modality::raw_features`] are brought to one scale before the probe.
    fn raw_scale() -> Scaling {
        Scaling::Columns
    }

    /// The other sample of a pair that is scored together.
    fn partner(_sample: &Self::Sample) -> Option<Self::Sample> {
        None
    }

    /// What `manabi inspect` says of a dataset beyond counts and labels: `(name, value)`.
    fn describe(source: &dyn Source<Self::Sample>) -> Result<Vec<(String, String)>>;

    /// One augmented view.
    fn augment(&self, sample: &Self::Sample, view: ViewKind, rng: &mut Rng) -> Result<Self::Sample>;

    /// Joins samples of one batch where an augmentation needs several (mixup): `views` are the batch's views of one
    /// kind, in order, and as many come back. A pure function of its arguments.
    fn mix(&self, views: Vec<Self::Sample>, _view: ViewKind, _key: Key) -> Result<Vec<Self::Sample>> {
        Ok(views)
    }

    /// The pretext tasks of transformation prediction, the usual one first.
    fn tasks() -> &'static [PretextTask] {
        &[]
    }

    /// The sample as class `class` of the task at `task` in [`Modality::tasks`], after weak augmentation.
    fn transform(&self, sample: &Self::Sample, task: usize, class: u32, rng: &mut Rng) -> Result<Self::Sample>;

    /// The methods that can be asked for: the core's, and the modality's own.
    fn methods() -> Vec<MethodEntry<Self::Batch>> {
        method::methods()
    }

    /// Stacks samples of one view into a batch.
    fn collate(&self, samples: &[Self::Sample], device: &Device) -> Result<Self::Batch>;

    /// The encoder named in the settings, with its parameters under `params`.
    fn encoder(&self, params: &Params) -> Result<Box<dyn Encoder<Self::Batch>>>;

    /// The encoder whose parameters are `weights`; none is drawn.
    ///
    /// # Errors
    /// If some are missing, unknown or of another shape; the message lists them.
    fn restore(&self, weights: &BTreeMap<String, Tensor>) -> Result<Box<dyn Encoder<Self::Batch>>> {
        let params = Params::new(0, &Device::Cpu).starting_from(weights);
        let encoder = self.encoder(&params)?;
        params.fits(weights)?;
        Ok(encoder)
    }

    /// Names of the encoders that can be asked for.
    fn encoders() -> &'static [&'static str];

    /// Multiply-adds of one forward pass of one sample, for planning.
    fn cost(&self) -> f64;

    /// The honest baseline's features of a sample (always the same length).
    fn raw_features(&self, sample: &Self::Sample) -> Result<Vec<f32>>;

    /// What a report shows of a sample.
    fn preview(&self, sample: &Self::Sample) -> Result<Preview>;

    /// The factory that methods build a teacher from.
    fn factory(&self) -> EncoderFactory<Self::Batch> {
        let modality = self.clone();
        std::sync::Arc::new(move |params| modality.encoder(params))
    }
}
