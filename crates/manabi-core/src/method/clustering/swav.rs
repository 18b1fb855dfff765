//! SwAV: Caron et al., *Unsupervised Learning of Visual Features by Contrasting Cluster
//! Assignments*, arXiv:2006.09882.
//!
//! Projections are scored against normalised prototypes; the Sinkhorn code of one view is
//! predicted from the other (see [`crate::loss::swapped_prediction`]). A queue of earlier
//! projections steadies the codes where the batch is small against the prototypes; local
//! views (multi-crop) predict the codes of the two global ones.
//!
//! Shapes: features `(N, D)`, projections `(N, P)`, scores `(N, K)`. Cost: a pass for each view.
//!
//! Defaults: τ 0.1, ε 0.05, 3 iterations (paper). 3000 prototypes are for a million samples: on small
//! data they stay empty and the codes are noise, so K is the square root of their number,
//! bounded to 32–512 (lightly's CIFAR setting is 512). Prototypes are frozen for the first 5 % of the
//! steps (the paper freezes one epoch of a hundred; few-epoch runs need it as steps).

use std::collections::BTreeMap;

use candle_core::Tensor;
use manabi_kernels::norm::l2_normalize;
use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    encoder::{Encoder, Mode},
    loss::{sinkhorn, swapped_prediction},
    method::{BuildContext, DatasetFacts, Family, Loss, Method, MethodEntry, Step, TrainDefaults, ViewPlan, settings},
    modality::ViewKind,
    nn::{Init, Mlp, MlpConfig, Role},
};

/// Settings of SwAV.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Number of prototypes.
    pub prototypes: usize,
    /// Softmax temperature of the prediction.
    pub temperature: f64,
    /// Sinkhorn's entropy: lower gives harder codes.
    pub epsilon: f64,
    /// Sinkhorn's rounds.
    pub iterations: usize,
    /// Hidden width of the projector.
    pub hidden: usize,
    /// Output width of the projector.
    pub projection: usize,
    /// Rows of earlier projections that join the Sinkhorn step; 0 for none.
    pub queue: usize,
    /// Small extra views of each sample.
    pub local_views: usize,
    /// Share of the run for which the prototypes are frozen.
    pub freeze: f64,
}

impl Config {
    /// Defaults for such a dataset.
    pub fn for_dataset(facts: &DatasetFacts) -> Self {
        let prototypes = ((facts.samples as f64).sqrt() as usize).clamp(32, 512);
        // A queue only where the batch cannot fill the prototypes, and never a large part of the data.
        let queue = if facts.batch >= 2 * prototypes { 0 } else { (4 * prototypes).min(facts.samples / 4) };
        Self {
            prototypes,
            temperature: 0.1,
            epsilon: 0.05,
            iterations: 3,
            hidden: facts.dim.max(128),
            projection: 128,
            queue,
            local_views: 0,
            freeze: 0.05,
        }
    }

    /// Says what cannot work.
    pub fn validate(&self) -> Result<()> {
        if self.prototypes < 2 || self.iterations == 0 || self.epsilon <= 0.0 || self.temperature <= 0.0 {
            return Err(Error::config(
                "SwAV needs at least 2 prototypes, 1 iteration, and epsilon and temperature above 0",
            ));
        }
        Ok(())
    }
}

/// The list's entry.
pub fn entry<B: Clone + 'static>() -> MethodEntry<B> {
    MethodEntry {
        name: "swav",
        aliases: &[],
        family: Family::Clustering,
        paper: "Caron et al. 2020, arXiv:2006.09882",
        summary: "predict the cluster of the other view; clusters are used equally",
        build: |context| Ok(Box::new(SwAv::new(context)?)),
        defaults: |facts| TrainDefaults::contrastive(8e-3, facts.samples),
        settings: |facts| settings::table(&Config::for_dataset(facts)),
    }
}

/// The method.
pub struct SwAv {
    config: Config,
    projector: Mlp,
    prototypes: Tensor,
    /// Earlier projections of the two global views, newest first.
    queues: [Option<Tensor>; 2],
    latest: [Option<Tensor>; 2],
}

impl SwAv {
    fn new<B>(context: &BuildContext<B>) -> Result<Self> {
        let config: Config = context.overrides.apply("swav", &Config::for_dataset(&context.facts))?;
        config.validate()?;
        let widths = vec![context.encoder.dim(), config.hidden, config.projection];
        let projector = Mlp::new(&context.heads.pp("projector"), &MlpConfig { widths, last_norm: false })?;
        let shape = (config.prototypes, config.projection);
        let prototypes = context.heads.pp("prototypes").get("weight", shape, Init::Normal(1.0), Role::NoDecay)?;
        Ok(Self { config, projector, prototypes, queues: [None, None], latest: [None, None] })
    }

    /// The Sinkhorn code of the newest rows, the queue's rows helping to balance the clusters.
    fn code(&self, view: usize, scores: &Tensor, prototypes: &Tensor) -> Result<Tensor> {
        let rows = scores.dim(0)?;
        let all = match &self.queues[view] {
            Some(queue) => Tensor::cat(&[&scores.detach(), &queue.matmul(&prototypes.detach().t()?)?], 0)?,
            None => scores.detach(),
        };
        Ok(sinkhorn(&all, self.config.epsilon, self.config.iterations)?.narrow(0, 0, rows)?)
    }
}

impl<B: Clone + 'static> Method<B> for SwAv {
    fn name(&self) -> &'static str {
        "swav"
    }

    fn plan(&self) -> ViewPlan {
        let mut views = vec![ViewKind::Strong(0), ViewKind::Strong(1)];
        views.extend(std::iter::repeat_n(ViewKind::Local, self.config.local_views));
        ViewPlan::Views(views)
    }

    fn loss(&mut self, encoder: &dyn Encoder<B>, views: &[B], _step: &Step) -> Result<Loss> {
        let features = views.iter().map(|v| encoder.features(v, Mode::Train)).collect::<Result<Vec<_>>>()?;
        let prototypes = l2_normalize(&self.prototypes, 1e-12)?; // (K, P)
        let mut scores = Vec::with_capacity(features.len());
        for (i, h) in features.iter().enumerate() {
            let z = l2_normalize(&self.projector.forward(h, Mode::Train)?, 1e-12)?;
            if let Some(slot) = self.latest.get_mut(i) {
                *slot = Some(z.detach());
            }
            scores.push(z.matmul(&prototypes.t()?)?); // (N, K)
        }
        let codes =
            scores.iter().take(2).enumerate().map(|(i, s)| self.code(i, s, &prototypes)).collect::<Result<Vec<_>>>()?;
        let value = swapped_prediction(&codes, &scores, self.config.temperature)?;
        // How many prototypes the codes really use: exp of the entropy of the mean code.
        let mean = codes[0].mean(0)?;
        let entropy = (&mean * (&mean + 1e-12)?.log()?)?.sum_all()?.neg()?.to_scalar::<f32>()?;
        Ok(Loss {
            value,
            features: features[0].detach(),
            second: features.get(1).map(Tensor::detach),
            metrics: vec![("prototypes used", f64::from(entropy).exp())],
        })
    }

    fn after_update(&mut self, _student: &crate::nn::Params, _step: &Step) -> Result<()> {
        if self.config.queue == 0 {
            return Ok(());
        }
        for (queue, latest) in self.queues.iter_mut().zip(&mut self.latest) {
            let Some(rows) = latest.take() else { continue };
            let joined = match queue.take() {
                Some(old) => Tensor::cat(&[&rows, &old], 0)?,
                None => rows,
            };
            let keep = joined.dim(0)?.min(self.config.queue);
            *queue = Some(joined.narrow(0, 0, keep)?.contiguous()?.detach());
        }
        Ok(())
    }

    fn frozen(&self, step: &Step) -> Vec<String> {
        if step.progress() < self.config.freeze { vec!["head.prototypes".into()] } else { Vec::new() }
    }

    fn state(&self) -> BTreeMap<String, Tensor> {
        let queues = self.queues.iter().enumerate();
        queues.filter_map(|(i, q)| Some((format!("queue.{i}"), q.clone()?))).collect()
    }

    fn load_state(&mut self, state: &BTreeMap<String, Tensor>) -> Result<()> {
        for (i, queue) in self.queues.iter_mut().enumerate() {
            *queue = state.get(&format!("queue.{i}")).cloned();
        }
        Ok(())
    }
}
