//! Masked reconstruction: SimMIM, Xie et al., arXiv:2111.09886, with MAE's normalised
//! targets (He et al., arXiv:2111.06377).
//!
//! A share of the tokens is replaced by a learnt mask token; the encoder sees all positions,
//! a linear decoder predicts the content of the hidden ones; `ℓ` is the squared error of
//! those alone, or the cross-entropy where the modality's targets are discrete.
//!
//! Shapes: tokens `(N, T, D)`, targets `(N, T, C)`, mask `(N, T)`. Cost: one pass a sample.
//!
//! Defaults: ratio 0.6 in blocks (SimMIM); AdamW (0.9, 0.95), weight decay 0.05 (MAE). The
//! encoder must see tokens (a Transformer); others are refused with the names that do.

use serde::{Deserialize, Serialize};

use super::shared::{hidden, masked_error, no_tokens, one_view};
use crate::{
    Error, Result,
    encoder::Encoder,
    method::{BuildContext, DatasetFacts, Family, Loss, Method, MethodEntry, Step, TrainDefaults, ViewPlan, settings},
    modality::ViewKind,
    nn::Linear,
};

/// Settings of masked reconstruction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Share of tokens that is hidden.
    pub ratio: f64,
    /// Side of the blocks that are hidden together, in tokens.
    pub block: usize,
}

impl Config {
    /// Defaults for such a dataset.
    pub fn for_dataset(_facts: &DatasetFacts) -> Self {
        Self { ratio: 0.6, block: 2 }
    }

    /// Says what cannot work.
    pub fn validate(&self) -> Result<()> {
        if !(self.ratio > 0.0 && self.ratio < 1.0) || self.block == 0 {
            return Err(Error::config(
                "masked reconstruction needs a ratio between 0 and 1 and blocks of at least 1 token",
            ));
        }
        Ok(())
    }
}

/// The list's entry.
pub fn entry<B: Clone + 'static>() -> MethodEntry<B> {
    MethodEntry {
        name: "masked",
        aliases: &["simmim"],
        family: Family::Masked,
        paper: "Xie et al. 2022, arXiv:2111.09886",
        summary: "fill in hidden tokens that the encoder sees as blanks (Transformer)",
        build: |context| Ok(Box::new(Reconstruction::new(context)?)),
        defaults: |facts| TrainDefaults { batch: 128.min(facts.samples), ..TrainDefaults::transformer() },
        settings: |facts| settings::table(&Config::for_dataset(facts)),
    }
}

/// The method.
pub struct Reconstruction {
    config: Config,
    decoder: Linear,
}

impl Reconstruction {
    fn new<B>(context: &BuildContext<B>) -> Result<Self> {
        let config: Config = context.overrides.apply("masked", &Config::for_dataset(&context.facts))?;
        config.validate()?;
        let tokens = context.encoder.tokens().ok_or_else(no_tokens)?;
        let decoder = Linear::new(&context.heads.pp("decoder"), context.encoder.dim(), tokens.target_dim())?;
        Ok(Self { config, decoder })
    }
}

impl<B: Clone + 'static> Method<B> for Reconstruction {
    fn name(&self) -> &'static str {
        "masked"
    }

    fn plan(&self) -> ViewPlan {
        ViewPlan::Views(vec![ViewKind::Weak])
    }

    fn loss(&mut self, encoder: &dyn Encoder<B>, views: &[B], step: &Step) -> Result<Loss> {
        let batch = one_view(views)?;
        let tokens = encoder.tokens().ok_or_else(no_tokens)?;
        let (targets, device) = (tokens.targets(batch)?, self.decoder.weight().device());
        let mask = hidden(tokens, batch, step, (self.config.block, self.config.ratio), device)?;
        let tokens = tokens.masked_tokens(batch, &mask)?; // (N, T, D)
        let prediction = self.decoder.forward(&tokens)?; // (N, T, C)
        let value = masked_error(&prediction, &targets, &mask)?;
        let features = tokens.detach().mean(1)?;
        Ok(Loss { value, features, second: None, metrics: Vec::new() })
    }
}
