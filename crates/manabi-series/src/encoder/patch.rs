//! A Transformer of patches: Nie et al., *A Time Series is Worth 64 Words* (PatchTST), arXiv:2211.14730.
//!
//! The series is cut into patches of neighbouring time stamps, side by side; each patch, all channels together, is mapped
//! linearly to a token; positions are sines and cosines, so that any length works; pre-norm blocks follow. Features are
//! the mean over the tokens in which something was measured.
//!
//! The paper treats each channel as a series of its own. Here a token holds all channels: the mean over channels would
//! forget which sensor said what, and C channels would cost C times as much. With `instance_norm` each channel of each
//! series is brought to mean 0 and variance 1 first (RevIN, Kim et al., ICLR 2022, without its learnt scale): for data whose level
//! drifts, and where level and size do not matter.
//!
//! Shapes: `(N, C, L)` → tokens `(N, T, D)`, `T = ⌈L / P⌉` → `(N, D)`. Cost: `T·D·C·P + depth·(12·T·D² + 2·T²·D)`
//! multiply-adds.
//!
//! Defaults: patches of 12, width 128, 3 blocks (the paper's; its 16 heads are 8 here, whose products are wider); patches
//! are smaller where a series would have fewer than 8 of them, and larger where it would have more than 512. Targets of
//! masked prediction are the patches' values, each patch with mean 0 and variance 1.

use candle_core::Tensor;
use manabi_core::{
    Error, Result,
    encoder::{Encoder, Mask, Mode, Targets, TokenEncoder},
    nn::{Init, Linear, Params, Role, Transformer, TransformerConfig, grid_positions},
};
use manabi_kernels::index::gather_rows;

use super::shared;
use crate::batch::SeriesBatch;

/// What the encoder is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PatchConfig {
    /// Channels `C` of the input.
    pub channels: usize,
    /// Time stamps `P` of a patch.
    pub patch: usize,
    /// Depth, width and heads; the width is a multiple of 4.
    pub blocks: TransformerConfig,
    /// Bring each channel of each series to mean 0 and variance 1 first.
    pub instance_norm: bool,
}

impl PatchConfig {
    /// The default for series of `length` time stamps.
    pub fn new(channels: usize, length: usize, instance_norm: bool) -> Self {
        let patch = (length / 8).clamp(1, 12).max(length.div_ceil(512));
        Self { channels, patch, blocks: TransformerConfig { depth: 3, dim: 128, heads: 8 }, instance_norm }
    }

    /// Multiply-adds of one forward pass of one series.
    pub fn cost(&self, length: usize) -> f64 {
        let (t, d) = (length.div_ceil(self.patch) as f64, self.blocks.dim as f64);
        t * d * (self.channels * self.patch) as f64 + self.blocks.depth as f64 * (12.0 * t * d * d + 2.0 * t * t * d)
    }
}

/// The encoder.
pub struct Patch {
    embed: Linear,
    mask_token: Tensor,
    blocks: Transformer,
    config: PatchConfig,
}

impl Patch {
    /// Builds it below `params`.
    pub fn new(params: &Params, config: PatchConfig) -> Result<Self> {
        let (dim, inputs) = (config.blocks.dim, config.channels * config.patch);
        if config.patch == 0 {
            return Err(Error::config("a patch needs at least 1 time stamp, not 0"));
        }
        let bias = Some(Init::Constant(0.0));
        Ok(Self {
            embed: Linear::with_init(&params.pp("patch_embed.proj"), inputs, dim, Init::Xavier, bias)?,
            mask_token: params.get("mask_token", (1, 1, dim), Init::TruncatedNormal(0.02), Role::NoDecay)?,
            blocks: Transformer::new(params, &config.blocks)?,
            config,
        })
    }

    /// Patch embeddings without positions, `(N, T, D)`.
    fn embed(&self, batch: &SeriesBatch) -> Result<Tensor> {
        shared::check_channels("patch", batch, self.config.channels)?;
        let values = if self.config.instance_norm { instance_norm(batch)? } else { shared::seen_values(batch)? };
        self.embed.forward(&shared::patches(&values, self.config.patch)?)
    }

    /// Tokens with positions, `(N, T, D)`.
    fn placed(&self, embedded: &Tensor) -> Result<Tensor> {
        let (_, t, d) = embedded.dims3()?;
        Ok(embedded.broadcast_add(&grid_positions((1, t), d, embedded.device())?)?)
    }
}

/// Each channel of each series with mean 0 and variance 1 over what was seen, 0 elsewhere: `(N, C, L)`.
fn instance_norm(batch: &SeriesBatch) -> Result<Tensor> {
    let values = shared::seen_values(batch)?;
    let seen = batch.seen()?.unsqueeze(1)?; // (N, 1, L)
    let count = seen.sum_keepdim(2)?.maximum(1.0)?;
    let mean = values.sum_keepdim(2)?.broadcast_div(&count)?;
    let centred = values.broadcast_sub(&mean)?.broadcast_mul(&seen)?;
    let variance = centred.sqr()?.sum_keepdim(2)?.broadcast_div(&count)?;
    Ok(centred.broadcast_div(&(variance + 1e-5)?.sqrt()?)?)
}

impl Encoder<SeriesBatch> for Patch {
    fn features(&self, batch: &SeriesBatch, _mode: Mode) -> Result<Tensor> {
        let keep = self.measured(batch)?;
        let tokens = self.blocks.forward(&self.placed(&self.embed(batch)?)?, keep.as_ref())?;
        match keep {
            None => Ok(tokens.mean(1)?),
            Some(keep) => {
                let total = tokens.broadcast_mul(&keep.unsqueeze(2)?)?.sum(1)?;
                Ok(total.broadcast_div(&keep.sum_keepdim(1)?)?)
            }
        }
    }

    fn dim(&self) -> usize {
        self.config.blocks.dim
    }

    fn tokens(&self) -> Option<&dyn TokenEncoder<SeriesBatch>> {
        Some(self)
    }
}

impl TokenEncoder<SeriesBatch> for Patch {
    fn token_count(&self, batch: &SeriesBatch) -> Result<usize> {
        Ok(batch.dims()?.2.div_ceil(self.config.patch))
    }

    fn token_grid(&self, batch: &SeriesBatch) -> Result<(usize, usize)> {
        Ok((1, self.token_count(batch)?))
    }

    fn target_dim(&self) -> usize {
        self.config.channels * self.config.patch
    }

    fn targets(&self, batch: &SeriesBatch) -> Result<Targets> {
        Ok(Targets::Continuous(shared::normalised_patches(&batch.values, self.config.patch)?))
    }

    fn measured(&self, batch: &SeriesBatch) -> Result<Option<Tensor>> {
        shared::measured(batch, self.config.patch)
    }

    fn masked_tokens(&self, batch: &SeriesBatch, mask: &Mask) -> Result<Tensor> {
        let masked = mask.masked.unsqueeze(2)?; // (N, T, 1)
        let seen = masked.affine(-1.0, 1.0)?;
        let mixed = (self.embed(batch)?.broadcast_mul(&seen)? + masked.broadcast_mul(&self.mask_token)?)?;
        self.blocks.forward(&self.placed(&mixed)?, self.measured(batch)?.as_ref())
    }

    fn visible_tokens(&self, batch: &SeriesBatch, rows: &[u32]) -> Result<Tensor> {
        let placed = self.placed(&self.embed(batch)?)?;
        let (n, t, d) = placed.dims3()?;
        if n == 0 || rows.is_empty() || !rows.len().is_multiple_of(n) {
            return Err(Error::config(format!("{} seen tokens cannot be shared out over {n} series", rows.len())));
        }
        let seen = gather_rows(&placed.reshape((n * t, d))?, rows)?;
        self.blocks.forward(&seen.reshape((n, rows.len() / n, d))?, None)
    }
}

#[cfg(test)]
mod tests {
    use candle_core::{DType, Device};

    use super::*;
    use crate::encoder::testing::{apart, input};

    fn encoder(channels: usize, length: usize, instance_norm: bool) -> Patch {
        let params = Params::new(5, &Device::Cpu);
        Patch::new(&params, PatchConfig::new(channels, length, instance_norm)).unwrap()
    }

    #[test]
    fn patches_are_the_papers_where_the_length_allows() {
        let patch = |length| PatchConfig::new(1, length, false).patch;
        assert_eq!([1, 7, 24, 96, 500, 6144, 10_000].map(patch), [1, 1, 3, 12, 12, 12, 20]);
    }

    #[test]
    fn with_instance_norm_level_and_size_of_a_channel_do_not_count() {
        let batch = input(2, 2, 50, true);
        let moved = SeriesBatch { values: batch.values.affine(3.0, 5.0).unwrap(), seen: batch.seen.clone() };
        let features = |norm: bool, batch| encoder(2, 50, norm).features(batch, Mode::Eval).unwrap();
        assert!(apart(&features(true, &batch), &features(true, &moved)) < 1e-3);
        assert!(apart(&features(false, &batch), &features(false, &moved)) > 1e-2);
    }

    #[test]
    fn patches_without_a_measurement_are_left_out() {
        let encoder = encoder(2, 96, false);
        let batch = input(1, 2, 96, false);
        let seen: Vec<f32> = (0..96).map(|i| if i < 60 { 1.0 } else { 0.0 }).collect();
        let seen = Tensor::from_vec(seen, (1, 96), &Device::Cpu).unwrap();
        let part = encoder.features(&batch.crop(0, 60).unwrap(), Mode::Eval).unwrap();
        let whole = encoder.features(&batch.hide(&seen).unwrap(), Mode::Eval).unwrap();
        assert!(apart(&part, &whole) < 1e-4);
        let none = Tensor::zeros((1, 96), DType::F32, &Device::Cpu).unwrap();
        let blank = encoder.features(&batch.hide(&none).unwrap(), Mode::Eval).unwrap();
        assert!(blank.sum_all().unwrap().to_scalar::<f32>().unwrap().is_finite());
    }

    #[test]
    fn tokens_that_are_all_visible_are_those_of_an_empty_mask() {
        let (encoder, batch) = (encoder(2, 30, false), input(2, 2, 30, false));
        let t = encoder.token_count(&batch).unwrap();
        let masked = Tensor::zeros((2, t), DType::F32, &Device::Cpu).unwrap();
        let a = encoder.masked_tokens(&batch, &Mask { masked }).unwrap();
        let b = encoder.visible_tokens(&batch, &(0..2 * t as u32).collect::<Vec<_>>()).unwrap();
        assert!(apart(&a, &b) < 1e-5);
        assert!(encoder.visible_tokens(&batch, &[0]).is_err());
    }
}
