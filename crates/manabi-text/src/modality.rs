//! Text behind the core's trait.

use std::{path::Path, sync::Arc};

use candle_core::Device;
use manabi_core::{
    Error, Result,
    data::{DataSpec, Source},
    encoder::Encoder,
    method::MethodEntry,
    modality::{Companions, Modality, PretextTask, Preview, Rates, ViewKind},
    nn::Params,
    rng::Rng,
};

use crate::{
    augment,
    batch::TextBatch,
    config::TextConfig,
    encoder::{self, Shape, hub},
    inspect::inspect,
    method, preview,
    sample::{Sample, Tokens},
    source,
    start::{Fitted, fit},
    tokenizer,
};

/// Bytes of a window of text for each token that may be seen: enough for all of them.
const BYTES_A_TOKEN: usize = 6;

/// Text bound to a dataset.
#[derive(Clone, Debug)]
pub struct TextModality {
    config: TextConfig,
    fitted: Arc<Fitted>,
    /// Starts from chance although there are weights to start from.
    blank: bool,
}

impl TextModality {
    /// The tokeniser.
    pub fn tokenizer(&self) -> &tokenizer::Tokenizer {
        &self.fitted.tokenizer
    }

    /// Sizes of the encoder.
    pub fn shape(&self) -> &Shape {
        &self.fitted.shape
    }

    /// Most tokens of a text that are seen.
    pub fn max_tokens(&self) -> usize {
        self.fitted.most
    }

    fn tokens(&self, text: &str) -> Result<Tokens> {
        self.fitted.tokenizer.encode(text, self.fitted.most)
    }

    /// A stretch of the text, at random where it is longer than can be seen.
    fn stretch<'a>(&self, text: &'a str, rng: &mut Rng) -> &'a str {
        augment::window(text, self.fitted.most * BYTES_A_TOKEN, rng)
    }

    fn strong(&self, text: &str, rng: &mut Rng) -> Result<Tokens> {
        let tokens = self.tokens(self.stretch(text, rng))?;
        let usual = if matches!(self.fitted.shape, Shape::Static(_)) { 0.5 } else { 0.0 };
        let share = self.config.delete.unwrap_or(usual);
        let marks = self.fitted.tokenizer.marks();
        let kept = if share > 0.0 { augment::delete(&tokens, |id| marks.is(id), share, rng) } else { tokens };
        Ok(Tokens { dropout: Some(rng.bits()), ..kept })
    }
}

impl Modality for TextModality {
    const NAME: &'static str = "text";
    type Sample = Sample;
    type Batch = TextBatch;
    type Config = TextConfig;

    fn detect(spec: &DataSpec) -> bool {
        source::layout(&spec.path).is_some()
    }

    fn method_for(config: &TextConfig, _samples: usize) -> &'static str {
        match (config.init_from.is_some(), config.encoder.as_str()) {
            (true, _) => "simcse",
            (false, "static") => "skip-gram",
            (false, _) => "mlm",
        }
    }

    fn open(spec: &DataSpec, config: &TextConfig) -> Result<Box<dyn Source<Sample>>> {
        config.validate()?;
        if source::layout(&spec.path) == Some(source::Layout::Synthetic) {
            return Ok(Box::new(crate::synthetic::dataset(&crate::synthetic::Settings::default())?));
        }
        Ok(Box::new(source::open(spec, config)?))
    }

    fn fit(config: &TextConfig, source: &dyn Source<Sample>, train: &[usize]) -> Result<Self> {
        let mut config = config.clone();
        if config.init_from.is_some() {
            config.encoder = "pretrained".into();
        }
        config.validate()?;
        let fitted = fit(&config, source, train)?;
        config.max_tokens = Some(fitted.most);
        config.tokenizer.size = Some(fitted.tokenizer.size());
        if let Shape::Bert(layout) = fitted.shape {
            config.layout = Some(layout);
        }
        Ok(Self { config, fitted: Arc::new(fitted), blank: false })
    }

    fn config(&self) -> &TextConfig {
        &self.config
    }

    fn companions(&self) -> Result<Companions> {
        let file = (tokenizer::FILE.to_string(), self.fitted.tokenizer.to_json()?);
        let fields = match &self.fitted.shape {
            Shape::Bert(config) => hub::fields(config, self.fitted.tokenizer.marks().pad),
            Shape::Static(_) => serde_json::Map::new(),
        };
        Ok(Companions { fields, files: [file].into() })
    }

    fn settle(config: &mut TextConfig, folder: &Path) {
        config.tokenizer.path = Some(folder.join(tokenizer::FILE));
        // Absolute, so that it is found from elsewhere, too.
        config.given = config
            .init_from
            .take()
            .map(|folder| std::path::absolute(&folder).unwrap_or(folder))
            .or(config.given.take());
    }

    fn blank(&self) -> Option<Self> {
        (self.fitted.start.is_some() && !self.blank).then(|| Self { blank: true, ..self.clone() })
    }

    fn rates(&self) -> Rates {
        match (&self.fitted.shape, self.config.continues() && !self.blank) {
            (Shape::Static(_), _) => Rates::default(),
            (Shape::Bert(_), false) => Rates { pretext: 1.0, labelled: 0.1 },
            // BERT is tuned at 2e-5 to 5e-5 where others begin at a hundred times as much.
            (Shape::Bert(_), true) => Rates { pretext: 0.1, labelled: 0.01 },
        }
    }

    fn raw_scale() -> manabi_core::eval::linear::Scaling {
        manabi_core::eval::linear::Scaling::Whole
    }

    fn describe(source: &dyn Source<Sample>) -> Result<Vec<(String, String)>> {
        Ok(inspect(source)?.map_or_else(Vec::new, |inventory| inventory.facts()))
    }

    fn augment(&self, sample: &Sample, view: ViewKind, rng: &mut Rng) -> Result<Sample> {
        let text = &sample.text()?.text;
        let tokens = match view {
            ViewKind::Eval => self.tokens(text)?,
            ViewKind::Weak => self.tokens(self.stretch(text, rng))?,
            ViewKind::Supervised => Tokens { dropout: Some(rng.bits()), ..self.tokens(self.stretch(text, rng))? },
            ViewKind::Strong(_) => self.strong(text, rng)?,
            ViewKind::Local => {
                let tokens = self.tokens(self.stretch(text, rng))?;
                let marks = self.fitted.tokenizer.marks();
                Tokens { dropout: Some(rng.bits()), ..augment::span(&tokens, |id| marks.is(id), rng) }
            }
        };
        Ok(Sample::Tokens(tokens))
    }

    fn tasks() -> &'static [PretextTask] {
        &[augment::ORDER]
    }

    fn transform(&self, sample: &Sample, task: usize, class: u32, rng: &mut Rng) -> Result<Sample> {
        if task >= Self::tasks().len() || class > 1 {
            return Err(Error::config(format!("there is no class {class} of pretext task {task}")));
        }
        // A little less than can be seen, so that both orders are seen whole.
        let text = augment::window(&sample.text()?.text, self.fitted.most * 4, rng);
        let made = if class == 1 { augment::swapped(text) } else { text.to_string() };
        Ok(Sample::Tokens(Tokens { dropout: Some(rng.bits()), ..self.tokens(&made)? }))
    }

    fn methods() -> Vec<MethodEntry<TextBatch>> {
        method::methods()
    }

    fn collate(&self, samples: &[Sample], device: &Device) -> Result<TextBatch> {
        TextBatch::of(samples, &self.fitted.marks, device)
    }

    fn encoder(&self, params: &Params) -> Result<Box<dyn Encoder<TextBatch>>> {
        match self.fitted.start.as_ref().filter(|_| !self.blank) {
            Some(start) => self.fitted.shape.build(&params.starting_from(start), &self.fitted.weights),
            None => self.fitted.shape.build(params, &self.fitted.weights),
        }
    }

    fn encoders() -> &'static [&'static str] {
        encoder::NAMES
    }

    fn cost(&self) -> f64 {
        self.fitted.shape.cost(self.fitted.typical)
    }

    fn raw_features(&self, sample: &Sample) -> Result<Vec<f32>> {
        self.fitted.tfidf.row(&sample.text()?.text)
    }

    fn partner(sample: &Sample) -> Option<Sample> {
        let second = sample.text().ok()?.second.clone()?;
        Some(Sample::Text(crate::sample::Text { text: second, second: None }))
    }

    fn preview(&self, sample: &Sample) -> Result<Preview> {
        Ok(Preview::Text(preview::preview(sample.text()?)))
    }
}

#[cfg(test)]
mod tests;
