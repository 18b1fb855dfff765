//! TS-TCC: Eldele et al., *Time-Series Representation Learning via Temporal and Contextual Contrasting*,
//! arXiv:2106.14112.
//!
//! *Temporal*: a Transformer sums up the frames of one view up to a random moment in a context `c`; linear maps of `c`
//! predict the next `K` frames of the *other* view, and each prediction is to be told from the predictions for the other
//! rows: `ℓ_T = −mean_{i, k} log softmax_j (f_i,t+k · W_k c_j)[i]`, from either view. *Contextual*: NT-Xent between
//! the projected contexts of both views. `ℓ = λ₁ (ℓ_T(weak → strong) + ℓ_T(strong → weak)) + λ₂ ℓ_C`.
//!
//! Shapes: frames `(N, T, D)`, unit length each; contexts `(N, H)`. Cost: two forward and backward passes, and the
//! Transformer over at most [`Config::frames`] frames of each view.
//!
//! Defaults: `λ` 1 and 0.7, temperature 0.2, 6 steps ahead, 4 blocks with 4 heads, as the authors'; their width 100 is
//! 96 here. Their Transformer does not know the order of frames; here it has positions. Encoders with many frames have
//! them averaged over windows until at most `frames` are left (the authors' have 18), so that a step ahead is a step that must be guessed.

use candle_core::{D, Tensor};
use manabi_core::{
    Error, Result,
    encoder::{Encoder, Mode},
    loss::{cross_entropy, nt_xent},
    method::{BuildContext, DatasetFacts, Family, Loss, Method, MethodEntry, Step, TrainDefaults, ViewPlan},
    modality::ViewKind,
    nn::{Init, Linear, Mlp, MlpConfig, Role, Transformer, TransformerConfig, grid_positions},
    rng::{Key, Purpose},
};
use manabi_kernels::{norm::l2_normalize, pool::avg_pool1d};
use serde::{Deserialize, Serialize};

use crate::batch::SeriesBatch;

/// Settings of TS-TCC.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Frames `K` that are predicted; fewer where a series has not as many.
    pub ahead: usize,
    /// Frames that the Transformer sees at most.
    pub frames: usize,
    /// Temperature of the contextual loss.
    pub temperature: f64,
    /// Weight `λ₁` of the temporal losses.
    pub temporal: f64,
    /// Weight `λ₂` of the contextual loss.
    pub contextual: f64,
    /// Width `H` of the context, a multiple of 4 and of the heads.
    pub width: usize,
    /// Blocks of the Transformer.
    pub depth: usize,
    /// Its attention heads.
    pub heads: usize,
}

impl Config {
    /// Defaults for such a dataset.
    pub fn for_dataset(_facts: &DatasetFacts) -> Self {
        Self { ahead: 6, frames: 24, temperature: 0.2, temporal: 1.0, contextual: 0.7, width: 96, depth: 4, heads: 4 }
    }

    /// Says what cannot work.
    pub fn validate(&self) -> Result<()> {
        if self.ahead == 0 || self.frames < 2 || self.depth == 0 || self.width == 0 {
            return Err(Error::config(format!(
                "TS-TCC needs 1 or more frames ahead, 2 or more frames, a depth and a width above 0, not {}, {}, {} and {}",
                self.ahead, self.frames, self.depth, self.width
            )));
        }
        if self.temperature <= 0.0 || self.temporal < 0.0 || self.contextual < 0.0 {
            return Err(Error::config(
                "TS-TCC needs a temperature above 0 and weights of its losses that are not below 0",
            ));
        }
        Ok(())
    }
}

/// The list's entry.
pub fn entry() -> MethodEntry<SeriesBatch> {
    MethodEntry {
        name: "ts-tcc",
        aliases: &["tstcc"],
        family: Family::Instance,
        paper: "Eldele et al. 2021, arXiv:2106.14112",
        summary: "the past of one view predicts the future of the other, and contexts agree",
        build: |context| Ok(Box::new(TsTcc::new(context)?)),
        defaults: |facts| TrainDefaults::contrastive(2e-3, facts.samples),
        settings: |facts| super::table(&Config::for_dataset(facts)),
    }
}

/// The method.
pub struct TsTcc {
    config: Config,
    frame_dim: usize,
    embed: Linear,
    start: Tensor,
    transformer: Transformer,
    predict: Linear,
    projector: Mlp,
}

impl TsTcc {
    fn new(context: &BuildContext<SeriesBatch>) -> Result<Self> {
        let config: Config = context.overrides.apply("ts-tcc", &Config::for_dataset(&context.facts))?;
        config.validate()?;
        let frame_dim = super::frames("TS-TCC", context.encoder)?.frame_dim();
        let (heads, width) = (context.heads, config.width);
        let blocks = TransformerConfig { depth: config.depth, dim: width, heads: config.heads };
        let projector =
            MlpConfig { widths: vec![width, (frame_dim / 2).max(1), (frame_dim / 4).max(1)], last_norm: false };
        Ok(Self {
            embed: Linear::new(&heads.pp("context.embed"), frame_dim, width)?,
            start: heads.get("context.start", (1, 1, width), Init::TruncatedNormal(0.02), Role::NoDecay)?,
            transformer: Transformer::new(&heads.pp("context"), &blocks)?,
            predict: Linear::new(&heads.pp("predict"), width, config.ahead * frame_dim)?,
            projector: Mlp::new(&heads.pp("projector"), &projector)?,
            frame_dim,
            config,
        })
    }

    /// Frames `(N, T, D)` of unit length, at most as many as the Transformer is to see.
    fn frames(&self, encoder: &dyn Encoder<SeriesBatch>, batch: &SeriesBatch) -> Result<Tensor> {
        let all = super::frames("TS-TCC", encoder)?.frames(batch, Mode::Train)?.transpose(1, 2)?; // (N, D, T)
        let window = all.dim(2)?.div_ceil(self.config.frames);
        let few = if window > 1 { avg_pool1d(&all, window, window)? } else { all };
        let (n, d, t) = few.dims3()?;
        if t < 2 {
            return Err(Error::data(format!(
                "TS-TCC predicts frames from those before them, and there is {t}: series must be longer"
            )));
        }
        let rows = few.transpose(1, 2)?.reshape((n * t, d))?;
        Ok(l2_normalize(&rows, 1e-12)?.reshape((n, t, d))?)
    }

    /// The context `(N, H)` of frames `(N, t, D)`.
    fn context(&self, past: &Tensor) -> Result<Tensor> {
        let embedded = self.embed.forward(&past.contiguous()?)?;
        let (n, _, h) = embedded.dims3()?;
        let start = self.start.broadcast_as((n, 1, h))?.contiguous()?;
        let x = Tensor::cat(&[&start, &embedded], 1)?;
        let x = x.broadcast_add(&grid_positions((1, x.dim(1)?), h, x.device())?)?;
        Ok(self.transformer.forward(&x, None)?.narrow(1, 0, 1)?.squeeze(1)?)
    }

    /// The context of `past`'s first `now + 1` frames, and how well it tells the next ones of `other`.
    fn predict(&self, past: &Tensor, other: &Tensor, now: usize, ahead: usize) -> Result<(Tensor, Tensor)> {
        let n = past.dim(0)?;
        let context = self.context(&past.narrow(1, 0, now + 1)?)?;
        let predictions = self.predict.forward(&context)?; // (N, K·D)
        let labels: Vec<u32> = (0..n as u32).collect();
        let told = |k: usize| {
            let prediction = predictions.narrow(1, k * self.frame_dim, self.frame_dim)?.contiguous()?;
            let frame = other.narrow(1, now + 1 + k, 1)?.squeeze(1)?.contiguous()?;
            cross_entropy(&manabi_kernels::matmul::matmul(&frame, &prediction.t()?)?, &labels, 0.0)
        };
        let losses = (0..ahead).map(told).collect::<Result<Vec<_>>>()?;
        Ok((context, Tensor::stack(&losses, 0)?.mean_all()?))
    }
}

impl Method<SeriesBatch> for TsTcc {
    fn name(&self) -> &'static str {
        "ts-tcc"
    }

    fn plan(&self) -> ViewPlan {
        ViewPlan::Views(vec![ViewKind::Weak, ViewKind::Strong(0)])
    }

    fn loss(&mut self, encoder: &dyn Encoder<SeriesBatch>, views: &[SeriesBatch], step: &Step) -> Result<Loss> {
        let [weak, strong] = super::views("TS-TCC", views)?;
        let (weak, strong) = (self.frames(encoder, weak)?, self.frames(encoder, strong)?);
        let t = weak.dim(1)?.min(strong.dim(1)?);
        let ahead = self.config.ahead.min(t / 2).max(1);
        let mut rng = Key::new(step.seed, Purpose::Method).epoch(step.index).rng();
        let mut moment = || rng.below(t - ahead);
        let (c0, of_strong) = self.predict(&weak, &strong, moment(), ahead)?;
        let (c1, of_weak) = self.predict(&strong, &weak, moment(), ahead)?;
        let project = |c: &Tensor| self.projector.forward(c, Mode::Train);
        let contextual = nt_xent(&project(&c0)?, &project(&c1)?, self.config.temperature)?;
        let temporal = (of_strong + of_weak)?;
        let number = |t: &Tensor| Ok::<_, Error>(f64::from(t.detach().to_scalar::<f32>()?));
        let metrics = vec![("temporal", number(&temporal)?), ("contextual", number(&contextual)?)];
        let value = ((temporal * self.config.temporal)? + (contextual * self.config.contextual)?)?;
        let pooled = |frames: &Tensor| Ok::<_, Error>(frames.detach().mean(D::Minus2)?);
        Ok(Loss { value, features: pooled(&weak)?, second: Some(pooled(&strong)?), metrics })
    }
}
