//! Hidden units: HuBERT, Hsu et al., arXiv:2106.07447: name the cluster of tokens that cannot be seen.
//!
//! First k-means clusters the tokens' own content; from `refine` of the run on it clusters what a frozen copy of the
//! encoder makes of them, which are better units (the paper's second iteration). Runs of tokens are hidden, a linear
//! layer names the unit of each; `ℓ` is the cross-entropy of the hidden ones.
//!
//! Shapes: tokens `(N, T, D)`, contents `(N, T, C)`, centres `(K, C)`, then `(K, D)`. Cost: one pass a sample, two after
//! the refinement, and k-means over one batch of tokens twice in a run.
//!
//! Defaults: half of the tokens hidden in blocks. 100, then 500 clusters are for a thousand hours of speech; here `K` is
//! twice the square root of the number of samples, within 16 and 500. The paper clusters a tenth of the data; a batch of
//! some thousand tokens is enough for so few centres, and keeps a run resumable to the bit.

use std::collections::BTreeMap;

use candle_core::{D, DType, Tensor};
use manabi_kernels::index::gather_rows;
use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    encoder::{Encoder, Mask, Targets},
    eval::{Features, unsupervised::KMeans},
    method::{
        BuildContext, DatasetFacts, Family, Loss, Method, MethodEntry, Step, TrainDefaults, ViewPlan,
        masked::{codes_used, hidden, masked_error, no_tokens, one_view},
        settings,
    },
    modality::ViewKind,
    nn::{Linear, Params},
};

/// Tokens of a batch that are clustered, at most.
const CLUSTERED: usize = 8192;

/// Settings of hidden units.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Share of tokens that is hidden.
    pub ratio: f64,
    /// Tokens that are hidden together: the side of a block, the length of a run.
    pub block: usize,
    /// Number of clusters, `K`.
    pub units: usize,
    /// Share of the run after which the encoder's own features are clustered; 1 for never.
    pub refine: f64,
}

impl Config {
    /// Defaults for such a dataset.
    pub fn for_dataset(facts: &DatasetFacts) -> Self {
        let units = (2.0 * (facts.samples as f64).sqrt()) as usize;
        Self { ratio: 0.5, block: 2, units: units.clamp(16, 500), refine: 0.4 }
    }

    /// Says what cannot work.
    pub fn validate(&self) -> Result<()> {
        if !(self.ratio > 0.0 && self.ratio < 1.0) || self.block == 0 || self.units < 2 || self.refine <= 0.0 {
            return Err(Error::config(
                "hidden units need a ratio between 0 and 1, blocks of at least 1, 2 units or more and refine above 0",
            ));
        }
        Ok(())
    }
}

/// The list's entry.
pub fn entry<B: Clone + 'static>() -> MethodEntry<B> {
    MethodEntry {
        name: "units",
        aliases: &["hubert"],
        family: Family::Clustering,
        paper: "Hsu et al. 2021, arXiv:2106.07447",
        summary: "name the cluster of hidden tokens; the clusters are made twice (Transformer)",
        build: |context| Ok(Box::new(Units::new(context)?)),
        defaults: |facts| TrainDefaults { batch: 128.min(facts.samples), ..TrainDefaults::transformer() },
        settings: |facts| settings::table(&Config::for_dataset(facts)),
    }
}

/// The method.
pub struct Units<B> {
    config: Config,
    head: Linear,
    /// Of the contents, or of the copy's features.
    centres: Option<Tensor>,
    /// Encoder whose features are clustered, once there is one.
    copy: Option<Frozen<B>>,
    build: BuildFrozen<B>,
}

/// Makes one from weights.
type BuildFrozen<B> = Box<dyn Fn(&BTreeMap<String, Tensor>) -> Result<Frozen<B>> + Send>;

/// A frozen encoder.
struct Frozen<B> {
    params: Params,
    encoder: Box<dyn Encoder<B>>,
}

impl<B: 'static> Units<B> {
    fn new(context: &BuildContext<B>) -> Result<Self> {
        let config: Config = context.overrides.apply("units", &Config::for_dataset(&context.facts))?;
        config.validate()?;
        context.encoder.tokens().ok_or_else(no_tokens)?;
        let head = Linear::new(&context.heads.pp("classifier"), context.encoder.dim(), config.units)?;
        let (factory, compute) = (context.factory.clone(), context.heads.compute());
        let (seed, device) = (context.heads.seed(), context.heads.device().clone());
        let build = move |weights: &BTreeMap<String, Tensor>| {
            let params = Params::new(seed, &device).with_compute(compute);
            let encoder = factory(&params)?;
            params.load(weights)?;
            Ok(Frozen { params, encoder })
        };
        Ok(Self { config, head, centres: None, copy: None, build: Box::new(build) })
    }

    /// What is clustered, `(N, T, W)`: contents, or the copy's features of tokens of which none is hidden.
    fn described(&self, encoder: &dyn Encoder<B>, batch: &B) -> Result<Tensor> {
        let encoder = self.copy.as_ref().map_or(encoder, |copy| copy.encoder.as_ref());
        let tokens = encoder.tokens().ok_or_else(no_tokens)?;
        if self.copy.is_some() {
            let contents = contents(tokens.targets(batch)?)?;
            let (n, t, _) = contents.dims3()?;
            let masked = Tensor::zeros((n, t), DType::F32, contents.device())?;
            return Ok(tokens.masked_tokens(batch, &Mask { masked })?.detach());
        }
        Ok(contents(tokens.targets(batch)?)?.detach())
    }

    /// The unit of each token, after clustering where there are no centres yet: `(N, T, W)` → `(N, T)`.
    fn units(&mut self, described: &Tensor, seed: u64) -> Result<Tensor> {
        let (n, t, width) = described.dims3()?;
        let rows = described.reshape((n * t, width))?.contiguous()?;
        let centres = match &self.centres {
            Some(centres) => centres.clone(),
            None => {
                let every = (n * t).div_ceil(CLUSTERED).max(1);
                let some: Vec<u32> = (0..(n * t) as u32).step_by(every).collect();
                if some.len() < self.config.units {
                    return Err(Error::config(format!(
                        "a batch has {} tokens, too few for {} units; set units lower or batch higher",
                        some.len(),
                        self.config.units
                    )));
                }
                let some = Features::from_tensor(&gather_rows(&rows, &some)?)?;
                let kmeans = KMeans { restarts: 1, max_iterations: 25, ..KMeans::new(self.config.units, seed) };
                kmeans.fit(&some)?.centres.to_tensor()?.to_device(rows.device())?
            }
        };
        self.centres = Some(centres.clone());
        // ‖x − c‖² without the part that is the same for all centres.
        let norms = centres.sqr()?.sum(1)?.affine(0.5, 0.0)?; // (K)
        let scores = rows.matmul(&centres.t()?)?.broadcast_sub(&norms)?;
        Ok(scores.argmax(D::Minus1)?.to_dtype(DType::U32)?.reshape((n, t))?)
    }
}

fn contents(targets: Targets) -> Result<Tensor> {
    match targets {
        Targets::Continuous(values) => Ok(values),
        Targets::Discrete { .. } => {
            Err(Error::config("hidden units cluster numbers, but these tokens are classes already; use masked"))
        }
    }
}

impl<B: Clone + 'static> Method<B> for Units<B> {
    fn name(&self) -> &'static str {
        "units"
    }

    fn plan(&self) -> ViewPlan {
        ViewPlan::Views(vec![ViewKind::Weak])
    }

    fn loss(&mut self, encoder: &dyn Encoder<B>, views: &[B], step: &Step) -> Result<Loss> {
        let batch = one_view(views)?;
        let described = self.described(encoder, batch)?;
        let targets = Targets::Discrete { ids: self.units(&described, step.seed)?, classes: self.config.units };
        let tokens = encoder.tokens().ok_or_else(no_tokens)?;
        let device = self.head.weight().device();
        let mask = hidden(tokens, batch, step, (self.config.block, self.config.ratio), device)?;
        let tokens = tokens.masked_tokens(batch, &mask)?; // (N, T, D)
        let value = masked_error(&self.head.forward(&tokens)?, &targets, &mask)?;
        let used = codes_used(&targets)?;
        Ok(Loss { value, features: tokens.detach().mean(1)?, second: None, metrics: vec![("units used", used)] })
    }

    fn after_update(&mut self, student: &Params, step: &Step) -> Result<()> {
        let at = (self.config.refine * step.total as f64).ceil() as u64;
        if self.copy.is_none() && step.index + 1 >= at.max(1) && step.index + 1 < step.total {
            self.copy = Some((self.build)(&student.pp("encoder").snapshot()?)?);
            self.centres = None;
        }
        Ok(())
    }

    fn state(&self) -> BTreeMap<String, Tensor> {
        let copy = self.copy.iter().flat_map(|copy| copy.params.named());
        let mut state: BTreeMap<String, Tensor> =
            copy.map(|(name, var, _)| (format!("copy.{name}"), var.as_tensor().detach())).collect();
        state.extend(self.centres.iter().map(|centres| ("centres".to_string(), centres.clone())));
        state
    }

    fn load_state(&mut self, state: &BTreeMap<String, Tensor>) -> Result<()> {
        self.centres = state.get("centres").cloned();
        let copy: BTreeMap<String, Tensor> =
            state.iter().filter_map(|(k, t)| Some((k.strip_prefix("copy.")?.to_string(), t.clone()))).collect();
        self.copy = if copy.is_empty() { None } else { Some((self.build)(&copy)?) };
        Ok(())
    }
}
