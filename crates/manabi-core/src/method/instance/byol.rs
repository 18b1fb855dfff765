//! BYOL: Grill et al., *Bootstrap Your Own Latent*, arXiv:2006.07733.
//!
//! The student predicts the teacher's projection of the other view:
//! `ℓ = ½ [2 − 2 cos(q(z_s(v₀)), z_t(v₁)) + 2 − 2 cos(q(z_s(v₁)), z_t(v₀))]`; no negatives,
//! so small batches do. The teacher is the moving average of the student.
//!
//! Shapes: features `(N, D)`, projections `(N, P)`. Cost: four forward and two backward passes.
//!
//! Defaults: momentum 0.99 → 1 from 15 000 steps on (solo-learn's CIFAR runs; the paper's 0.996 is for 1000
//! epochs of ImageNet). In a short run such a teacher stays random for most of it and the student ends below
//! a random encoder, so the momentum is `1 − 150 / steps`, at least 0.5 (docs/BENCHMARKS.md has the figures);
//! heads `D → H → 256`, one hidden layer.

use std::collections::BTreeMap;

use candle_core::Tensor;
use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    encoder::{Encoder, Mode},
    loss::regression,
    method::{
        BuildContext, DatasetFacts, Family, Loss, Method, MethodEntry, Step, TrainDefaults, ViewPlan, settings,
        teacher::Teacher,
    },
    modality::ViewKind,
    nn::{Mlp, MlpConfig, Params},
    optim::ema::Follower,
};

/// Settings of BYOL.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The teacher's momentum at the start; it rises to 1.
    pub momentum: f64,
    /// Hidden width of projector and predictor.
    pub hidden: usize,
    /// Output width of both.
    pub projection: usize,
}

impl Config {
    /// Defaults for such a dataset: the teacher looks back over a 150th part of the run at its start.
    pub fn for_dataset(facts: &DatasetFacts) -> Self {
        let momentum = (1.0 - 150.0 / facts.steps.max(1) as f64).clamp(0.5, 0.99);
        Self { momentum, hidden: (4 * facts.dim).clamp(256, 4096), projection: facts.dim.clamp(64, 256) }
    }

    /// Says what cannot work.
    pub fn validate(&self) -> Result<()> {
        if !(0.0..=1.0).contains(&self.momentum) || self.hidden == 0 || self.projection == 0 {
            return Err(Error::config("BYOL needs a momentum in [0, 1] and widths above 0"));
        }
        Ok(())
    }
}

/// The list's entry.
pub fn entry<B: Clone + 'static>() -> MethodEntry<B> {
    MethodEntry {
        name: "byol",
        aliases: &[],
        family: Family::Instance,
        paper: "Grill et al. 2020, arXiv:2006.07733",
        summary: "predict what a slowly moving teacher sees in the other view",
        build: |context| Ok(Box::new(Byol::new(context)?)),
        defaults: |facts| TrainDefaults::contrastive(8e-3, facts.samples),
        settings: |facts| settings::table(&Config::for_dataset(facts)),
    }
}

/// The method.
pub struct Byol<B> {
    projector: Mlp,
    predictor: Mlp,
    teacher: Teacher<B>,
}

impl<B> Byol<B> {
    fn new(context: &BuildContext<B>) -> Result<Self> {
        let config: Config = context.overrides.apply("byol", &Config::for_dataset(&context.facts))?;
        config.validate()?;
        let head = |first| MlpConfig { widths: vec![first, config.hidden, config.projection], last_norm: false };
        let projector = Mlp::new(&context.heads.pp("projector"), &head(context.encoder.dim()))?;
        let predictor = Mlp::new(&context.heads.pp("predictor"), &head(config.projection))?;
        let teacher = Teacher::new(context, &head(context.encoder.dim()), config.momentum)?;
        Ok(Self { projector, predictor, teacher })
    }
}

impl<B: Clone + 'static> Method<B> for Byol<B>
where
    Teacher<B>: Send,
{
    fn name(&self) -> &'static str {
        "byol"
    }

    fn plan(&self) -> ViewPlan {
        ViewPlan::Views(vec![ViewKind::Strong(0), ViewKind::Strong(1)])
    }

    fn loss(&mut self, encoder: &dyn Encoder<B>, views: &[B], _step: &Step) -> Result<Loss> {
        let [h0, h1] = super::two_views(encoder, views)?;
        let predict = |h: &Tensor| self.predictor.forward(&self.projector.forward(h, Mode::Train)?, Mode::Train);
        let (t0, t1) = (self.teacher.project(&views[0])?, self.teacher.project(&views[1])?);
        let value = ((regression(&predict(&h0)?, &t1)? + regression(&predict(&h1)?, &t0)?)? * 0.5)?;
        Ok(Loss { value, features: h0.detach(), second: Some(h1.detach()), metrics: Vec::new() })
    }

    fn followers(&self, student: &Params, step: &Step) -> Vec<Follower> {
        self.teacher.followers(student, step)
    }

    fn state(&self) -> BTreeMap<String, Tensor> {
        self.teacher.state()
    }

    fn load_state(&mut self, state: &BTreeMap<String, Tensor>) -> Result<()> {
        self.teacher.load_state(state)
    }
}
