//! SimMTM: Dong et al., *SimMTM: A Simple Pre-Training Framework for Masked Time-Series Modeling*, arXiv:2302.00861.
//!
//! Of each series several copies are masked, each in other runs of tokens. `s` are the projected, pooled tokens of the
//! `M = (P + 1) N` series and copies, `R = cos(s, s)`. A series is rebuilt not from its own tokens but from those of all
//! others, weighted by how alike they are:
//! `ẑ_i = Σ_{j ≠ i} softmax_j(R_ij / τ) z_j`, `ℓ_R = mean ‖W ẑ_i − x_i‖²`; the weights are held to the copies of the
//! same series by `ℓ_C = mean_i Σ_{p of the same series} −log softmax_{j ≠ i}(R_ij / τ)[p]`.
//! `ℓ = Σ_k ℓ_k / 2u_k² + log(1 + u_k²)` with learnt `u` (Kendall et al., arXiv:1705.07115), as the authors' program.
//!
//! Shapes: tokens `(M, T, D)`, targets `(N, T, C)`. Cost: `P + 1` forward and backward passes, and `N·M·T·D`
//! multiply-adds of the weighted sums.
//!
//! Defaults: share 0.5 in runs of 3 tokens on average, 3 copies, temperature 0.2, the authors'. Works with every encoder
//! of tokens: patches, frames (resnet1d), time stamps (dilated). Their learning rate is 1e-3; in short runs 3e-3 learns
//! faster with convolutions and as fast with patches.

use candle_core::{D, DType, Tensor};
use manabi_core::{
    Error, Result,
    encoder::{Encoder, Mask, Mode, Targets},
    loss::masked_mse,
    method::{BuildContext, DatasetFacts, Family, Loss, Method, MethodEntry, Step, TrainDefaults, ViewPlan},
    modality::ViewKind,
    nn::{Init, Linear, Mlp, MlpConfig, Role},
};
use manabi_kernels::{
    activation::{log_softmax_last, softmax_last},
    matmul::matmul,
};
use serde::{Deserialize, Serialize};

mod masks;

use crate::batch::SeriesBatch;
use masks::masks;

/// What is added to the similarity of a row with itself: it then has no part in any sum.
const HIDDEN: f64 = -1e30;

/// Settings of SimMTM.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Share of tokens that is hidden in a copy.
    pub ratio: f64,
    /// Hidden tokens in a run, on average.
    pub run: f64,
    /// Masked copies `P` of each series.
    pub copies: usize,
    /// Temperature `τ` of the weights.
    pub temperature: f64,
    /// Hidden width of the projector.
    pub hidden: usize,
    /// Width of what is compared.
    pub projection: usize,
}

impl Config {
    /// Defaults for such a dataset.
    pub fn for_dataset(_facts: &DatasetFacts) -> Self {
        Self { ratio: 0.5, run: 3.0, copies: 3, temperature: 0.2, hidden: 256, projection: 128 }
    }

    /// Says what cannot work.
    pub fn validate(&self) -> Result<()> {
        if !(self.ratio > 0.0 && self.ratio < 1.0) || self.run < 1.0 || self.copies == 0 || self.temperature <= 0.0 {
            return Err(Error::config(format!(
                "SimMTM needs a ratio between 0 and 1, runs of 1 or more, 1 or more copies and a temperature above 0, not \
                 {}, {}, {} and {}",
                self.ratio, self.run, self.copies, self.temperature
            )));
        }
        if self.hidden == 0 || self.projection == 0 {
            return Err(Error::config("SimMTM's projector needs widths above 0"));
        }
        Ok(())
    }
}

/// The list's entry.
pub fn entry() -> MethodEntry<SeriesBatch> {
    MethodEntry {
        name: "simmtm",
        aliases: &[],
        family: Family::Masked,
        paper: "Dong et al. 2023, arXiv:2302.00861",
        summary: "rebuild a series from masked copies and neighbours, weighted by likeness",
        build: |context| Ok(Box::new(SimMtm::new(context)?)),
        defaults: |facts| {
            let defaults = TrainDefaults::contrastive(3e-3, facts.samples);
            TrainDefaults { batch: defaults.batch.min(64), ..defaults }
        },
        settings: |facts| super::table(&Config::for_dataset(facts)),
    }
}

/// The method.
pub struct SimMtm {
    config: Config,
    projector: Mlp,
    decoder: Linear,
    uncertainty: Tensor,
}

impl SimMtm {
    fn new(context: &BuildContext<SeriesBatch>) -> Result<Self> {
        let config: Config = context.overrides.apply("simmtm", &Config::for_dataset(&context.facts))?;
        config.validate()?;
        let tokens = super::tokens("SimMTM", context.encoder)?;
        let (heads, dim) = (context.heads, context.encoder.dim());
        let widths = vec![dim, config.hidden, config.projection];
        Ok(Self {
            projector: Mlp::new(&heads.pp("projector"), &MlpConfig { widths, last_norm: false })?,
            decoder: Linear::new(&heads.pp("decoder"), dim, tokens.target_dim())?,
            uncertainty: heads.get("uncertainty", 2, Init::Constant(1.0), Role::NoDecay)?,
            config,
        })
    }

    /// `ℓ / 2u² + log(1 + u²)`.
    fn weighed(&self, loss: &Tensor, which: usize) -> Result<Tensor> {
        let square = self.uncertainty.narrow(0, which, 1)?.sqr()?.squeeze(0)?;
        Ok(((loss / (&square * 2.0)?)? + (square + 1.0)?.log()?)?)
    }
}

/// `R / τ` of rows `(M, P)`, nothing to itself: `(M, M)`.
fn similarities(s: &Tensor, temperature: f64) -> Result<Tensor> {
    let unit = super::unit_rows(s)?;
    let own = (Tensor::eye(s.dim(0)?, DType::F32, s.device())? * HIDDEN)?;
    Ok((matmul(&unit, &unit.t()?)?.affine(1.0 / temperature, 0.0)? + own)?)
}

/// `mean_i Σ_{p of the same series} −log softmax_j(r_ij)[p]`; row `i` of `r (M, M)` is of series `i mod rows`.
fn constraint(r: &Tensor, rows: usize) -> Result<Tensor> {
    let m = r.dim(0)?;
    let pick = |at: usize| if at / m != at % m && at / m % rows == at % m % rows { 1f32 } else { 0.0 };
    let same = Tensor::from_vec((0..m * m).map(pick).collect::<Vec<_>>(), (m, m), r.device())?;
    Ok((log_softmax_last(r)? * same)?.sum_all()?.affine(-1.0 / m as f64, 0.0)?)
}

impl Method<SeriesBatch> for SimMtm {
    fn name(&self) -> &'static str {
        "simmtm"
    }

    fn plan(&self) -> ViewPlan {
        ViewPlan::Views(vec![ViewKind::Weak])
    }

    fn loss(&mut self, encoder: &dyn Encoder<SeriesBatch>, views: &[SeriesBatch], step: &Step) -> Result<Loss> {
        let [batch] = super::views("SimMTM", views)?;
        let tokens = super::tokens("SimMTM", encoder)?;
        let (n, ..) = batch.dims()?;
        let t = tokens.token_count(batch)?;
        let Targets::Continuous(targets) = tokens.targets(batch)? else {
            return Err(Error::config("SimMTM rebuilds numbers; this encoder's targets are classes"));
        };
        let copies = SeriesBatch::concat(&vec![batch.clone(); self.config.copies + 1])?;
        let mask = Mask { masked: masks(&self.config, step, n, t, batch.values.device())? };
        let z = tokens.masked_tokens(&copies, &mask)?; // (M, T, D)
        let (m, _, d) = z.dims3()?;
        let measured = tokens.measured(&copies)?.map_or_else(|| Tensor::ones((m, t), z.dtype(), z.device()), Ok)?;
        // Padding and gaps are neither pooled nor rebuilt.
        let pooled = z.broadcast_mul(&measured.unsqueeze(2)?)?.sum(1)?.broadcast_div(&measured.sum_keepdim(1)?)?;
        let s = self.projector.forward(&pooled, Mode::Train)?;
        let r = similarities(&s, self.config.temperature)?;
        let weights = softmax_last(&r.narrow(0, 0, n)?.contiguous()?)?; // (N, M)
        let rebuilt = matmul(&weights, &z.reshape((m, t * d))?)?.reshape((n * t, d))?;
        let prediction = self.decoder.forward(&rebuilt)?.reshape(targets.shape())?;
        let reconstruction = masked_mse(&prediction, &targets, &measured.narrow(0, 0, n)?)?;
        let constraint = constraint(&r, n)?;
        let number = |t: &Tensor| Ok::<_, Error>(f64::from(t.detach().to_scalar::<f32>()?));
        let metrics = vec![("reconstruction", number(&reconstruction)?), ("constraint", number(&constraint)?)];
        let value = (self.weighed(&reconstruction, 0)? + self.weighed(&constraint, 1)?)?;
        let part = |from| Ok::<_, Error>(pooled.detach().narrow(D::Minus2, from, n)?.contiguous()?);
        Ok(Loss { value, features: part(0)?, second: Some(part(n)?), metrics })
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    fn config() -> Config {
        Config::for_dataset(&DatasetFacts { samples: 10, classes: 0, transformations: 0, batch: 2, steps: 5, dim: 64 })
    }

    // import torch, torch.nn.functional as F
    // s = torch.sin(torch.arange(24.) * 0.7).reshape(6, 4); s = F.normalize(s, dim=1)    # 3 series, 1 copy each
    // r = (s @ s.T / 0.2).masked_fill(torch.eye(6, dtype=torch.bool), -1e9)
    // p = torch.arange(6).roll(3); print(-F.log_softmax(r, 1)[torch.arange(6), p].mean())
    #[test]
    fn the_constraint_is_pytorchs() {
        let s: Vec<f32> = (0..24).map(|i| (f64::from(i) * 0.7).sin() as f32).collect();
        let s = Tensor::from_vec(s, (6, 4), &Device::Cpu).unwrap();
        let r = similarities(&s, 0.2).unwrap();
        let loss = constraint(&r, 3).unwrap().to_scalar::<f32>().unwrap();
        assert!((loss - 6.1857).abs() < 1e-4, "{loss}");
    }

    #[test]
    fn settings_that_cannot_work_are_refused() {
        config().validate().unwrap();
        assert!(Config { ratio: 1.0, ..config() }.validate().is_err());
        assert!(Config { copies: 0, ..config() }.validate().is_err());
        assert!(Config { run: 0.5, ..config() }.validate().is_err());
    }
}
