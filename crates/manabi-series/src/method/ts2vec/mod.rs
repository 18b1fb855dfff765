//! TS2Vec: Yue et al., *TS2Vec: Towards Universal Representation of Time Series*, arXiv:2106.10466.
//!
//! Two crops of each series overlap; in each, time stamps are hidden at random from the encoder's latents; the
//! representations of the overlap are compared at every scale, between series and between time stamps ([`loss`]).
//! Nothing is jittered, scaled or permuted: the context of a time stamp is what differs.
//!
//! The crops are those of the authors' program: lengths and places are drawn once for the batch, and each row moves them
//! by an offset of its own. Their representations pass a dropout of 0.1, and what is evaluated are weights averaged over
//! all steps (SWA, Izmailov et al., arXiv:1803.05407), as theirs.
//!
//! Shapes: one view `(N, C, L)`, representations `(N, T, D)` of the overlap, `T` from 2 to `L`. Cost: one forward and
//! backward pass over the two crops, five quarters of the series on average each, and the loss's products.
//!
//! Defaults are the authors': α 0.5, hidden share 0.5, AdamW at 1e-3, batches of 8 (16 from 1000 series on); they train
//! for [`iterations`]. Their learning rate is constant; here it falls along half a cosine, as for every method.

use std::collections::BTreeMap;

use candle_core::Tensor;
use manabi_core::{
    Error, Result,
    encoder::{Encoder, Mode},
    method::{BuildContext, DatasetFacts, Family, Loss, Method, MethodEntry, Step, TrainDefaults, ViewPlan},
    modality::ViewKind,
    nn::Params,
    optim::{OptimizerConfig, ema::Follower},
};
use serde::{Deserialize, Serialize};

mod crops;
mod fused;
pub mod loss;
mod noise;

use crate::batch::SeriesBatch;
use crops::Crops;

/// Settings of TS2Vec.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Share of the loss between series; the rest is between time stamps.
    pub alpha: f64,
    /// Share of time stamps that are hidden.
    pub hidden: f64,
    /// Dropout of the representations.
    pub dropout: f64,
    /// Evaluate weights averaged over all steps instead of the last step's.
    pub average: bool,
}

impl Config {
    /// Defaults for such a dataset.
    pub fn for_dataset(_facts: &DatasetFacts) -> Self {
        Self { alpha: 0.5, hidden: 0.5, dropout: 0.1, average: true }
    }

    /// Says what cannot work.
    pub fn validate(&self) -> Result<()> {
        if !(0.0..=1.0).contains(&self.alpha)
            || !(0.0..1.0).contains(&self.hidden)
            || !(0.0..1.0).contains(&self.dropout)
        {
            return Err(Error::config(format!(
                "TS2Vec needs an alpha from 0 to 1 and hidden and dropout below 1, not {}, {} and {}",
                self.alpha, self.hidden, self.dropout
            )));
        }
        Ok(())
    }
}

/// Steps that the authors train for on a dataset of so many measured values.
pub fn iterations(values: usize) -> u64 {
    if values <= 100_000 { 200 } else { 600 }
}

/// The list's entry.
pub fn entry() -> MethodEntry<SeriesBatch> {
    MethodEntry {
        name: "ts2vec",
        aliases: &[],
        family: Family::Instance,
        paper: "Yue et al. 2022, arXiv:2106.10466",
        summary: "overlapping crops with hidden time stamps agree at every time scale",
        build: |context| Ok(Box::new(Ts2Vec::new(context)?)),
        defaults: |facts| TrainDefaults {
            optimizer: OptimizerConfig::Adamw { lr: 1e-3, beta1: 0.9, beta2: 0.999, eps: 1e-8, weight_decay: 1e-2 },
            batch: if facts.samples < 1000 { 8 } else { 16 }.min(facts.samples),
            warmup: 0.0,
            clip: 0.0,
        },
        settings: |facts| super::table(&Config::for_dataset(facts)),
    }
}

/// The method.
pub struct Ts2Vec {
    config: Config,
    average: Option<Params>,
}

impl Ts2Vec {
    fn new(context: &BuildContext<SeriesBatch>) -> Result<Self> {
        let config: Config = context.overrides.apply("ts2vec", &Config::for_dataset(&context.facts))?;
        config.validate()?;
        super::frames("TS2Vec", context.encoder)?;
        let average = config.average.then(|| context.student.duplicate()).transpose()?;
        Ok(Self { config, average })
    }

    /// Representations `(N, T, D)` of the `overlap` time stamps behind the first `skip` ones of a crop.
    fn represent(
        &self,
        encoder: &dyn Encoder<SeriesBatch>,
        crop: &SeriesBatch,
        step: &Step,
        view: u32,
        (skip, overlap): (usize, usize),
    ) -> Result<Tensor> {
        let (n, _, length) = crop.dims()?;
        let kept = noise::kept_time_stamps(step, view, (n, length), self.config.hidden, crop.values.device())?;
        let all = super::frames("TS2Vec", encoder)?.frames(&crop.hide(&kept)?, Mode::Train)?;
        if all.dim(1)? != length {
            return Err(Error::config(format!(
                "TS2Vec needs a representation of each time stamp, and this encoder gives {} for {length}: choose \
                 --encoder dilated",
                all.dim(1)?
            )));
        }
        Ok(all.narrow(1, skip, overlap)?)
    }
}

impl Method<SeriesBatch> for Ts2Vec {
    fn name(&self) -> &'static str {
        "ts2vec"
    }

    fn plan(&self) -> ViewPlan {
        ViewPlan::Views(vec![ViewKind::Eval])
    }

    fn loss(&mut self, encoder: &dyn Encoder<SeriesBatch>, views: &[SeriesBatch], step: &Step) -> Result<Loss> {
        let [batch] = super::views("TS2Vec", views)?;
        let (n, _, length) = batch.dims()?;
        let Crops { first, second, overlap } = Crops::draw(step, n, length)?;
        // The overlap is the end of the first crop and the start of the second.
        let skip = first.length - overlap;
        let a = batch.crop_rows(&first.starts, first.length)?;
        let a = self.represent(encoder, &a, step, 0, (skip, overlap))?;
        let b = batch.crop_rows(&second.starts, second.length)?;
        let b = self.represent(encoder, &b, step, 1, (0, overlap))?;
        let drop = |z: &Tensor, view| noise::dropout(z, step, view, self.config.dropout);
        let value = loss::hierarchical(&drop(&a, 0)?, &drop(&b, 1)?, self.config.alpha)?;
        let pooled = |z: &Tensor| Ok::<_, Error>(z.detach().max(1)?);
        Ok(Loss { value, features: pooled(&a)?, second: Some(pooled(&b)?), metrics: Vec::new() })
    }

    fn followers(&self, student: &Params, step: &Step) -> Vec<Follower> {
        // The mean of the weights after each step so far.
        let momentum = step.index as f64 / (step.index + 1) as f64;
        let follower = |own: &Params| Follower { params: own.clone(), student: student.pp("encoder"), momentum };
        self.average.iter().map(follower).collect()
    }

    fn averaged(&self) -> Result<Option<BTreeMap<String, Tensor>>> {
        self.average.as_ref().map(Params::snapshot).transpose()
    }

    fn state(&self) -> BTreeMap<String, Tensor> {
        let entries = self.average.iter().flat_map(Params::named);
        entries.map(|(name, var, _)| (format!("average.{name}"), var.as_tensor().detach())).collect()
    }

    fn load_state(&mut self, state: &BTreeMap<String, Tensor>) -> Result<()> {
        let Some(average) = &self.average else { return Ok(()) };
        let own = state.iter().filter_map(|(name, t)| Some((name.strip_prefix("average.")?.to_string(), t.clone())));
        average.load(&own.collect())
    }
}
