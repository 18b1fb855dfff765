//! Spectrogram Transformers: Dosovitskiy et al., arXiv:2010.11929, on patches of a log-mel map as in AST
//! (arXiv:2104.01778), SSAST (arXiv:2110.09784) and Audio-MAE (arXiv:2207.06405), with timm's names.
//!
//! Patches → linear embedding + fixed positions (sines and cosines, as MAE's, so that any length will do) → pre-norm
//! blocks → layer norm; features are the mean over tokens. `vit-tiny` (width 192, 3 heads) and `vit-small` (384, 6) have
//! patches of 16 bins × 16 frames, `vit-frames` those of all bins × 4 frames, a sequence in time. Six blocks: twelve
//! cannot be trained in minutes.
//!
//! Shapes: `(N, 1, F, T)` → tokens `(N, (F/p)·(T/q), D)` → `(N, D)`; the frames of `T` beyond the last whole patch are
//! left out.

use candle_core::Tensor;
use manabi_core::{
    Error, Result,
    encoder::{Encoder, Mask, Mode, Targets, TokenEncoder},
    nn::{Init, Params, Precision, Role, Transformer, TransformerConfig, grid_positions},
};
use manabi_kernels::{index::gather_rows, linear::linear_with};

/// What a spectrogram ViT is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VitConfig {
    /// Mel bins of the input.
    pub bins: usize,
    /// Mel bins and frames of a patch; the bins are divided by it.
    pub patch: (usize, usize),
    /// Depth, width and heads.
    pub blocks: TransformerConfig,
}

impl VitConfig {
    fn standard(bins: usize, patch: (usize, usize), dim: usize, heads: usize) -> Self {
        Self { bins, patch, blocks: TransformerConfig { depth: 6, dim, heads } }
    }

    /// Width 192, patches of about 16 × 16.
    pub fn tiny(bins: usize) -> Self {
        Self::standard(bins, (patch_bins(bins), 16), 192, 3)
    }

    /// Width 384, patches of about 16 × 16.
    pub fn small(bins: usize) -> Self {
        Self::standard(bins, (patch_bins(bins), 16), 384, 6)
    }

    /// Width 192, patches of all bins × 4 frames (SSAST's frame patches, of 40 ms).
    pub fn frames(bins: usize) -> Self {
        Self::standard(bins, (bins, 4), 192, 3)
    }

    /// Rows and columns of the grid of tokens of a map of `frames` frames.
    pub fn grid(&self, frames: usize) -> (usize, usize) {
        (self.bins / self.patch.0, frames / self.patch.1)
    }

    /// Multiply-adds of one forward pass of a map of `frames` frames.
    pub fn cost(&self, frames: usize) -> f64 {
        let (rows, columns) = self.grid(frames);
        let (t, d) = ((rows * columns) as f64, self.blocks.dim as f64);
        let patches = t * d * (self.patch.0 * self.patch.1) as f64;
        patches + self.blocks.depth as f64 * (12.0 * t * d * d + 2.0 * t * t * d)
    }
}

/// The divisor of `bins` that is nearest to 16.
fn patch_bins(bins: usize) -> usize {
    (1..=bins.max(1)).filter(|p| bins.is_multiple_of(*p)).min_by_key(|p| p.abs_diff(16)).unwrap_or(1)
}

/// A ViT without its classifier.
pub struct Vit {
    weight: Tensor,
    bias: Tensor,
    precision: Precision,
    mask_token: Tensor,
    blocks: Transformer,
    config: VitConfig,
}

impl Vit {
    /// Builds it below `params`.
    pub fn new(params: &Params, config: VitConfig) -> Result<Self> {
        let (dim, (high, wide)) = (config.blocks.dim, config.patch);
        if high == 0 || wide == 0 || !config.bins.is_multiple_of(high) {
            return Err(Error::config(format!("{} mel bins cannot be cut into patches of {high}", config.bins)));
        }
        let embed = params.pp("patch_embed.proj");
        Ok(Self {
            weight: embed.get("weight", (dim, 1, high, wide), Init::Xavier, Role::Weight)?,
            bias: embed.get("bias", dim, Init::Constant(0.0), Role::NoDecay)?,
            precision: params.compute().precision,
            mask_token: params.get("mask_token", (1, 1, dim), Init::TruncatedNormal(0.02), Role::NoDecay)?,
            blocks: Transformer::new(params, &config.blocks)?,
            config,
        })
    }

    /// The patches of a batch, row by row of the grid: `(N, T, p·q)`.
    fn patches(&self, batch: &Tensor) -> Result<Tensor> {
        let (n, c, bins, frames) = batch.dims4()?;
        let ((rows, columns), (high, wide)) = (self.config.grid(frames), self.config.patch);
        if c != 1 || bins != self.config.bins || columns == 0 {
            return Err(Error::config(format!(
                "this ViT was built for {} mel bins and {wide} frames or more, not {bins} and {frames}",
                self.config.bins
            )));
        }
        let whole = batch.narrow(3, 0, columns * wide)?.reshape((n, rows, high, columns, wide))?;
        Ok(whole.permute((0, 1, 3, 2, 4))?.reshape((n, rows * columns, high * wide))?)
    }

    /// Patch embeddings without positions, and the positions: `(N, T, D)`, `(1, T, D)`.
    fn embed(&self, batch: &Tensor) -> Result<(Tensor, Tensor)> {
        let (dim, (high, wide)) = (self.config.blocks.dim, self.config.patch);
        let weight = self.weight.reshape((dim, high * wide))?;
        let embedded = linear_with(&self.patches(batch)?, &weight, Some(&self.bias), self.precision)?;
        let positions = grid_positions(self.config.grid(batch.dim(3)?), dim, batch.device())?.unsqueeze(0)?;
        Ok((embedded, positions))
    }

    fn encode(&self, embedded: &Tensor, positions: &Tensor) -> Result<Tensor> {
        self.blocks.forward(&embedded.broadcast_add(positions)?, None)
    }

    fn tokens_of(&self, batch: &Tensor) -> Result<Tensor> {
        let (embedded, positions) = self.embed(batch)?;
        self.encode(&embedded, &positions)
    }
}

impl Encoder<Tensor> for Vit {
    fn features(&self, batch: &Tensor, _mode: Mode) -> Result<Tensor> {
        Ok(self.tokens_of(batch)?.mean(1)?)
    }

    fn dim(&self) -> usize {
        self.config.blocks.dim
    }

    fn tokens(&self) -> Option<&dyn TokenEncoder<Tensor>> {
        Some(self)
    }
}

impl TokenEncoder<Tensor> for Vit {
    fn token_count(&self, batch: &Tensor) -> Result<usize> {
        let (rows, columns) = self.config.grid(batch.dim(3)?);
        Ok(rows * columns)
    }

    fn token_grid(&self, batch: &Tensor) -> Result<(usize, usize)> {
        Ok(self.config.grid(batch.dim(3)?))
    }

    fn target_dim(&self) -> usize {
        self.config.patch.0 * self.config.patch.1
    }

    /// The patches' values, each patch with mean 0 and variance 1 (Audio-MAE's `norm_pix_loss`): `(N, T, p·q)`.
    fn targets(&self, batch: &Tensor) -> Result<Targets> {
        let patches = self.patches(&batch.detach())?;
        let centred = patches.broadcast_sub(&patches.mean_keepdim(2)?)?;
        let variance = centred.sqr()?.mean_keepdim(2)?;
        // Digital silence is constant: its target is zero, not noise that was blown up.
        Ok(Targets::Continuous(centred.broadcast_div(&(variance + 1e-4)?.sqrt()?)?.detach()))
    }

    fn masked_tokens(&self, batch: &Tensor, mask: &Mask) -> Result<Tensor> {
        let (embedded, positions) = self.embed(batch)?;
        let masked = mask.masked.unsqueeze(2)?; // (N, T, 1)
        let seen = masked.affine(-1.0, 1.0)?;
        let mixed = (embedded.broadcast_mul(&seen)? + masked.broadcast_mul(&self.mask_token)?)?;
        self.encode(&mixed, &positions)
    }

    fn visible_tokens(&self, batch: &Tensor, rows: &[u32]) -> Result<Tensor> {
        let (embedded, positions) = self.embed(batch)?;
        let placed = embedded.broadcast_add(&positions)?; // (N, T, D)
        let (n, t, d) = placed.dims3()?;
        if n == 0 || rows.is_empty() || !rows.len().is_multiple_of(n) {
            return Err(Error::config(format!("{} seen tokens cannot be shared out over {n} clips", rows.len())));
        }
        let seen = gather_rows(&placed.reshape((n * t, d))?, rows)?;
        self.blocks.forward(&seen.reshape((n, rows.len() / n, d))?, None)
    }
}
