//! Vision Transformers: Dosovitskiy et al., arXiv:2010.11929, in timm's layout and names.
//!
//! Patches → linear embedding + learnt positions → pre-norm blocks → layer norm; features
//! are the mean over tokens (as MAE's fine-tuning and SimMIM), so there is no class token.
//! *Tiny*: width 192, 3 heads; *small*: 384, 6; depth 12 at 224 pixels, 6 for pictures up to
//! 64, where twelve blocks cannot be trained in minutes.
//!
//! Shapes: `(N, C, S, S)` → tokens `(N, T, D)`, `T = (S/P)²` → `(N, D)`.

use candle_core::Tensor;
use manabi_core::{
    Error, Result,
    encoder::{Encoder, Mask, Mode, Targets, TokenEncoder},
    nn::{Conv2d, Init, Params, Role, Transformer, TransformerConfig},
};
use manabi_kernels::index::gather_rows;

/// What a ViT is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VitConfig {
    /// Colour channels of the input.
    pub channels: usize,
    /// Side of the input in pixels.
    pub size: usize,
    /// Side of a patch in pixels; divides the size.
    pub patch: usize,
    /// Depth, width and heads.
    pub blocks: TransformerConfig,
}

impl VitConfig {
    fn standard(channels: usize, size: usize, dim: usize, heads: usize) -> Self {
        let depth = if size <= 64 { 6 } else { 12 };
        Self { channels, size, patch: patch_for(size), blocks: TransformerConfig { depth, dim, heads } }
    }

    /// ViT-Tiny.
    pub fn tiny(channels: usize, size: usize) -> Self {
        Self::standard(channels, size, 192, 3)
    }

    /// ViT-Small.
    pub fn small(channels: usize, size: usize) -> Self {
        Self::standard(channels, size, 384, 6)
    }

    /// Tokens a picture.
    pub fn tokens(&self) -> usize {
        (self.size / self.patch).pow(2)
    }

    /// Multiply-adds of one forward pass of one picture.
    pub fn cost(&self) -> f64 {
        let (t, d) = (self.tokens() as f64, self.blocks.dim as f64);
        let patches = t * d * (self.patch * self.patch * self.channels) as f64;
        patches + self.blocks.depth as f64 * (12.0 * t * d * d + 2.0 * t * t * d)
    }
}

/// The divisor of `size` that gives about 8 × 8 tokens (14 × 14 at 224), as the small-picture ViTs have.
fn patch_for(size: usize) -> usize {
    let wanted = if size >= 160 { 16 } else { size.div_ceil(8).max(2) };
    let divisors = (1..=size).filter(|p| size.is_multiple_of(*p));
    divisors.min_by_key(|p| p.abs_diff(wanted)).unwrap_or(1)
}

/// A ViT without its classifier.
pub struct Vit {
    embed: Conv2d,
    positions: Tensor,
    mask_token: Tensor,
    blocks: Transformer,
    config: VitConfig,
}

impl Vit {
    /// Builds it below `params`.
    pub fn new(params: &Params, config: VitConfig) -> Result<Self> {
        let (dim, tokens) = (config.blocks.dim, config.tokens());
        if tokens < 4 {
            return Err(Error::config(format!(
                "pictures of {0} x {0} are too small for a ViT; choose a ResNet",
                config.size
            )));
        }
        Ok(Self {
            embed: Conv2d::patches(&params.pp("patch_embed.proj"), config.channels, dim, config.patch)?,
            positions: params.get("pos_embed", (1, tokens, dim), Init::TruncatedNormal(0.02), Role::NoDecay)?,
            mask_token: params.get("mask_token", (1, 1, dim), Init::TruncatedNormal(0.02), Role::NoDecay)?,
            blocks: Transformer::new(params, &config.blocks)?,
            config,
        })
    }

    /// Patch embeddings without positions, `(N, T, D)`.
    fn embed(&self, batch: &Tensor) -> Result<Tensor> {
        let (_, c, h, w) = batch.dims4()?;
        let VitConfig { channels, size, .. } = self.config;
        if (c, h, w) != (channels, size, size) {
            return Err(Error::config(format!(
                "this ViT was built for {channels} x {size} x {size} pictures, not {c} x {h} x {w}"
            )));
        }
        Ok(self.embed.forward(batch)?.flatten_from(2)?.transpose(1, 2)?.contiguous()?)
    }

    fn encode(&self, embedded: &Tensor) -> Result<Tensor> {
        self.blocks.forward(&embedded.broadcast_add(&self.positions)?, None)
    }
}

impl Encoder<Tensor> for Vit {
    fn features(&self, batch: &Tensor, _mode: Mode) -> Result<Tensor> {
        Ok(self.encode(&self.embed(batch)?)?.mean(1)?)
    }

    fn dim(&self) -> usize {
        self.config.blocks.dim
    }

    fn tokens(&self) -> Option<&dyn TokenEncoder<Tensor>> {
        Some(self)
    }
}

impl TokenEncoder<Tensor> for Vit {
    fn token_count(&self, _batch: &Tensor) -> Result<usize> {
        Ok(self.config.tokens())
    }

    fn token_grid(&self, _batch: &Tensor) -> Result<(usize, usize)> {
        let side = self.config.size / self.config.patch;
        Ok((side, side))
    }

    fn target_dim(&self) -> usize {
        self.config.channels * self.config.patch * self.config.patch
    }

    /// The patches' pixels, each patch with mean 0 and variance 1 (MAE's `norm_pix_loss`): `(N, T, C·P·P)`.
    fn targets(&self, batch: &Tensor) -> Result<Targets> {
        let (n, c, h, w) = batch.dims4()?;
        let p = self.config.patch;
        let patches = batch.detach().reshape((n, c, h / p, p, w / p, p))?.permute((0, 2, 4, 1, 3, 5))?;
        let patches = patches.reshape((n, (h / p) * (w / p), c * p * p))?;
        let centred = patches.broadcast_sub(&patches.mean_keepdim(2)?)?;
        let variance = centred.sqr()?.mean_keepdim(2)?;
        Ok(Targets::Continuous(centred.broadcast_div(&(variance + 1e-6)?.sqrt()?)?.detach()))
    }

    fn masked_tokens(&self, batch: &Tensor, mask: &Mask) -> Result<Tensor> {
        let embedded = self.embed(batch)?;
        let masked = mask.masked.unsqueeze(2)?; // (N, T, 1)
        let seen = masked.affine(-1.0, 1.0)?;
        let mixed = (embedded.broadcast_mul(&seen)? + masked.broadcast_mul(&self.mask_token)?)?;
        self.encode(&mixed)
    }

    fn visible_tokens(&self, batch: &Tensor, rows: &[u32]) -> Result<Tensor> {
        let placed = self.embed(batch)?.broadcast_add(&self.positions)?; // (N, T, D)
        let (n, t, d) = placed.dims3()?;
        if n == 0 || rows.is_empty() || !rows.len().is_multiple_of(n) {
            return Err(Error::config(format!("{} seen tokens cannot be shared out over {n} pictures", rows.len())));
        }
        let seen = gather_rows(&placed.reshape((n * t, d))?, rows)?;
        self.blocks.forward(&seen.reshape((n, rows.len() / n, d))?, None)
    }
}
