//! MAE: He et al., *Masked Autoencoders Are Scalable Vision Learners*, arXiv:2111.06377.
//!
//! The encoder sees only the tokens that are not hidden; a small decoder gets its output, a learnt mask token in each
//! hidden place and fixed positions, and predicts the content of all places; `ℓ` is the squared error of the hidden
//! ones (cross-entropy where the modality's targets are discrete). With three quarters hidden the encoder does a
//! quarter of the work, which on a CPU is what counts.
//!
//! Shapes: seen tokens `(N, V, D)`, decoder `(N, T, E)`, prediction `(N, T, C)`. Cost: an encoder pass over
//! `V = (1 − ratio)·T` tokens and a decoder pass of width `E` over `T`.
//!
//! Defaults: ratio 0.75, targets normalised by the encoder, AdamW (0.9, 0.95) with weight decay 0.05 (paper). The
//! paper's decoder of 8 blocks × 512 is for a 1024-wide encoder and 800 epochs; here it has half of the encoder's
//! width and 1 block, which its table 1a finds as good for fine-tuning, and a higher rate, for runs of minutes.

use candle_core::Tensor;
use manabi_kernels::index::gather_rows;
use serde::{Deserialize, Serialize};

use super::{
    mask::grid_mask,
    shared::{masked_error, no_tokens, one_view},
};
use crate::{
    Error, Result,
    encoder::{Encoder, Mask},
    method::{BuildContext, DatasetFacts, Family, Loss, Method, MethodEntry, Step, TrainDefaults, ViewPlan, settings},
    modality::ViewKind,
    nn::{Init, Linear, Role, Transformer, TransformerConfig, grid_positions},
    optim::OptimizerConfig,
};

/// Settings of the masked autoencoder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Share of tokens that is hidden.
    pub ratio: f64,
    /// Blocks of the decoder.
    pub depth: usize,
    /// Width `E` of the decoder, a multiple of 4 and of its heads.
    pub width: usize,
    /// Attention heads of the decoder.
    pub heads: usize,
}

impl Config {
    /// Defaults for such a dataset.
    pub fn for_dataset(facts: &DatasetFacts) -> Self {
        let heads = (facts.dim / 64).clamp(1, 16);
        Self { ratio: 0.75, depth: 1, width: 32 * heads, heads }
    }

    /// Says what cannot work.
    pub fn validate(&self) -> Result<()> {
        if !(self.ratio > 0.0 && self.ratio < 1.0) || self.depth == 0 {
            return Err(Error::config("MAE needs a ratio between 0 and 1 and a decoder of at least 1 block"));
        }
        Ok(())
    }
}

/// The list's entry.
pub fn entry<B: Clone + 'static>() -> MethodEntry<B> {
    MethodEntry {
        name: "mae",
        aliases: &["masked-autoencoder"],
        family: Family::Masked,
        paper: "He et al. 2022, arXiv:2111.06377",
        summary: "fill in hidden tokens from the seen ones alone (Transformer)",
        build: |context| Ok(Box::new(Autoencoder::new(context)?)),
        defaults: |facts| TrainDefaults {
            batch: 128.min(facts.samples),
            optimizer: OptimizerConfig::Adamw { lr: 1e-3, beta1: 0.9, beta2: 0.95, eps: 1e-8, weight_decay: 0.05 },
            ..TrainDefaults::transformer()
        },
        settings: |facts| settings::table(&Config::for_dataset(facts)),
    }
}

/// The method.
pub struct Autoencoder {
    config: Config,
    embed: Linear,
    mask_token: Tensor,
    decoder: Transformer,
    predict: Linear,
}

impl Autoencoder {
    fn new<B>(context: &BuildContext<B>) -> Result<Self> {
        let config: Config = context.overrides.apply("mae", &Config::for_dataset(&context.facts))?;
        config.validate()?;
        let tokens = context.encoder.tokens().ok_or_else(no_tokens)?;
        let heads = context.heads.pp("decoder");
        let blocks = TransformerConfig { depth: config.depth, dim: config.width, heads: config.heads };
        Ok(Self {
            embed: Linear::new(&heads.pp("embed"), context.encoder.dim(), config.width)?,
            mask_token: heads.get("mask_token", (1, config.width), Init::TruncatedNormal(0.02), Role::NoDecay)?,
            decoder: Transformer::new(&heads, &blocks)?,
            predict: Linear::new(&heads.pp("predict"), config.width, tokens.target_dim())?,
            config,
        })
    }

    /// Predictions `(N, T, C)` from the features `(N, V, D)` of the tokens in `seen`.
    fn decode(&self, features: &Tensor, seen: &Seen, grid: (usize, usize)) -> Result<Tensor> {
        let (n, v, d) = features.dims3()?;
        let e = self.config.width;
        let embedded = self.embed.forward(&features.reshape((n * v, d))?)?; // (N·V, E)
        let with_blank = Tensor::cat(&[&embedded, &self.mask_token], 0)?;
        let x = gather_rows(&with_blank, &seen.places)?.reshape((n, seen.places.len() / n.max(1), e))?;
        let x = x.broadcast_add(&grid_positions(grid, e, x.device())?)?;
        self.predict.forward(&self.decoder.forward(&x, None)?)
    }
}

/// Where the seen tokens are.
struct Seen {
    /// Their rows among all `N·T` tokens, sample by sample.
    rows: Vec<u32>,
    /// For each of the `N·T` places the row among the seen ones, or their number where the token is hidden.
    places: Vec<u32>,
}

impl Seen {
    fn of(mask: &Mask) -> Result<Self> {
        let hidden = mask.masked.flatten_all()?.to_vec1::<f32>()?;
        let rows: Vec<u32> = (0..hidden.len() as u32).filter(|&i| hidden[i as usize] < 0.5).collect();
        let mut places = vec![rows.len() as u32; hidden.len()];
        rows.iter().enumerate().for_each(|(at, &row)| places[row as usize] = at as u32);
        Ok(Self { rows, places })
    }
}

impl<B: Clone + 'static> Method<B> for Autoencoder {
    fn name(&self) -> &'static str {
        "mae"
    }

    fn plan(&self) -> ViewPlan {
        ViewPlan::Views(vec![ViewKind::Weak])
    }

    fn loss(&mut self, encoder: &dyn Encoder<B>, views: &[B], step: &Step) -> Result<Loss> {
        let batch = one_view(views)?;
        let tokens = encoder.tokens().ok_or_else(no_tokens)?;
        let grid = tokens.token_grid(batch)?;
        let device = self.mask_token.device();
        // Single tokens: every sample then hides as many, and what is seen is a plain tensor.
        let mask = grid_mask(step.seed, step.index, step.samples, grid, 1, self.config.ratio, device)?;
        let seen = Seen::of(&mask)?;
        let features = tokens.visible_tokens(batch, &seen.rows)?; // (N, V, D)
        let prediction = self.decode(&features, &seen, grid)?; // (N, T, C)
        let value = masked_error(&prediction, &tokens.targets(batch)?, &mask)?;
        Ok(Loss { value, features: features.detach().mean(1)?, second: None, metrics: Vec::new() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn seen_tokens_go_back_to_where_they_were() {
        let masked = Tensor::new(&[[1f32, 0., 1., 0.], [0., 0., 1., 1.]], &Device::Cpu).unwrap();
        let seen = Seen::of(&Mask { masked }).unwrap();
        assert_eq!(seen.rows, [1, 3, 4, 5]);
        assert_eq!(seen.places, [4, 0, 4, 1, 2, 3, 4, 4]);
    }

    #[test]
    fn a_decoder_that_cannot_be_is_refused() {
        let facts = DatasetFacts { samples: 10, classes: 0, transformations: 0, batch: 2, steps: 5, dim: 192 };
        let config = Config::for_dataset(&facts);
        config.validate().unwrap();
        assert_eq!((config.width, config.heads), (96, 3));
        assert!(Config { ratio: 1.0, ..config.clone() }.validate().is_err());
        assert!(Config { depth: 0, ..config }.validate().is_err());
    }
}
