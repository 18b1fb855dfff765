//! VICReg: Bardes, Ponce & LeCun, *Variance-Invariance-Covariance Regularization for
//! Self-Supervised Learning*, arXiv:2105.04906.
//!
//! `features → expander → λ·invariance + μ·variance + ν·covariance`: no negatives, no teacher;
//! the variance term alone keeps the features from collapsing.
//!
//! Shapes: features `(N, D)`, expansions `(N, P)`. Cost: two passes and two `P × N × P` products.
//!
//! Defaults: weights 25, 25, 1 of the paper; the expander's width adapts to the encoder
//! (the paper's 8192 is for a 2048-wide ResNet-50; solo-learn's CIFAR runs use 2048 for 512).

use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    encoder::{Encoder, Mode},
    loss::vicreg,
    method::{BuildContext, DatasetFacts, Family, Loss, Method, MethodEntry, Step, TrainDefaults, ViewPlan, settings},
    modality::ViewKind,
    nn::{Mlp, MlpConfig},
};

/// Settings of VICReg.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Weight of the invariance term.
    pub invariance: f64,
    /// Weight of the variance term.
    pub variance: f64,
    /// Weight of the covariance term.
    pub covariance: f64,
    /// Width of the expander's two hidden layers and its output.
    pub expansion: usize,
}

impl Config {
    /// Defaults for such a dataset.
    pub fn for_dataset(facts: &DatasetFacts) -> Self {
        Self { invariance: 25.0, variance: 25.0, covariance: 1.0, expansion: (2 * facts.dim).clamp(128, 2048) }
    }

    /// Says what cannot work.
    pub fn validate(&self) -> Result<()> {
        if self.variance <= 0.0 {
            return Err(Error::config("VICReg collapses without its variance term: set variance above 0"));
        }
        if self.invariance < 0.0 || self.covariance < 0.0 || self.expansion == 0 {
            return Err(Error::config("VICReg needs weights of at least 0 and an expansion above 0"));
        }
        Ok(())
    }
}

/// The list's entry.
pub fn entry<B: Clone + 'static>() -> MethodEntry<B> {
    MethodEntry {
        name: "vicreg",
        aliases: &[],
        family: Family::Instance,
        paper: "Bardes et al. 2022, arXiv:2105.04906",
        summary: "views agree, features keep their variance and are decorrelated",
        build: |context| Ok(Box::new(VicReg::new(context)?)),
        defaults: |facts| TrainDefaults::contrastive(8e-3, facts.samples),
        settings: |facts| settings::table(&Config::for_dataset(facts)),
    }
}

/// The method.
pub struct VicReg {
    config: Config,
    expander: Mlp,
}

impl VicReg {
    fn new<B>(context: &BuildContext<B>) -> Result<Self> {
        let config: Config = context.overrides.apply("vicreg", &Config::for_dataset(&context.facts))?;
        config.validate()?;
        let e = config.expansion;
        let widths = vec![context.encoder.dim(), e, e, e];
        let expander = Mlp::new(&context.heads.pp("expander"), &MlpConfig { widths, last_norm: false })?;
        Ok(Self { config, expander })
    }
}

impl<B: Clone + 'static> Method<B> for VicReg {
    fn name(&self) -> &'static str {
        "vicreg"
    }

    fn plan(&self) -> ViewPlan {
        ViewPlan::Views(vec![ViewKind::Strong(0), ViewKind::Strong(1)])
    }

    fn loss(&mut self, encoder: &dyn Encoder<B>, views: &[B], _step: &Step) -> Result<Loss> {
        let [h0, h1] = super::two_views(encoder, views)?;
        let z0 = self.expander.forward(&h0, Mode::Train)?;
        let z1 = self.expander.forward(&h1, Mode::Train)?;
        let c = &self.config;
        let terms = vicreg(&z0, &z1, (c.invariance, c.variance, c.covariance))?;
        let metrics =
            [("invariance", &terms.invariance), ("variance", &terms.variance), ("covariance", &terms.covariance)]
                .into_iter()
                .map(|(name, t)| Ok((name, f64::from(t.to_scalar::<f32>()?))))
                .collect::<Result<_>>()?;
        Ok(Loss { value: terms.total, features: h0.detach(), second: Some(h1.detach()), metrics })
    }
}
