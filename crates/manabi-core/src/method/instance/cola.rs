//! COLA: Saeed, Grangier & Zeghidour, arXiv:2010.10915: two segments of one recording belong together.
//!
//! `g = tanh(LayerNorm(Linear(features)))`, `s(i, k) = g_iᵀ W g'_k / √P`, `ℓ = InfoNCE` over the batch
//! ([`crate::loss::info_nce`]): the similarity is learnt instead of being a cosine over a temperature. The division is
//! ours: without it the similarities of a random `W` are so large that the first steps throw the encoder far off.
//!
//! Shapes: features `(N, D)`, projections `(N, P)`, `W (P, P)`. Cost: two passes a sample and an `N × N` product.
//!
//! Defaults: projection 512 (paper). The paper's batch of 1 024 and rate of 1e-4 are for millions of segments; here the
//! batch follows the data as for SimCLR.

use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    encoder::Encoder,
    loss::info_nce,
    method::{BuildContext, DatasetFacts, Family, Loss, Method, MethodEntry, Step, TrainDefaults, ViewPlan, settings},
    modality::ViewKind,
    nn::{LayerNorm, Linear},
};

/// Settings of COLA.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Width of the projections that are compared.
    pub projection: usize,
}

impl Config {
    /// Defaults for such a dataset.
    pub fn for_dataset(_facts: &DatasetFacts) -> Self {
        Self { projection: 512 }
    }

    /// Says what cannot work.
    pub fn validate(&self) -> Result<()> {
        if self.projection == 0 {
            return Err(Error::config("COLA needs a projection width above 0"));
        }
        Ok(())
    }
}

/// The list's entry.
pub fn entry<B: Clone + 'static>() -> MethodEntry<B> {
    MethodEntry {
        name: "cola",
        aliases: &[],
        family: Family::Instance,
        paper: "Saeed et al. 2021, arXiv:2010.10915",
        summary: "two parts of a sample belong together, by a similarity that is learnt",
        build: |context| Ok(Box::new(Cola::new(context)?)),
        defaults: |facts| TrainDefaults::contrastive(2e-3, facts.samples),
        settings: |facts| settings::table(&Config::for_dataset(facts)),
    }
}

/// The method.
pub struct Cola {
    projector: Linear,
    norm: LayerNorm,
    bilinear: Linear,
    scale: f64,
}

impl Cola {
    fn new<B>(context: &BuildContext<B>) -> Result<Self> {
        let config: Config = context.overrides.apply("cola", &Config::for_dataset(&context.facts))?;
        config.validate()?;
        let width = config.projection;
        Ok(Self {
            projector: Linear::new(&context.heads.pp("projector"), context.encoder.dim(), width)?,
            norm: LayerNorm::new(&context.heads.pp("norm"), width)?,
            bilinear: Linear::without_bias(&context.heads.pp("bilinear"), width, width)?,
            scale: 1.0 / (width as f64).sqrt(),
        })
    }
}

impl<B: Clone + 'static> Method<B> for Cola {
    fn name(&self) -> &'static str {
        "cola"
    }

    fn plan(&self) -> ViewPlan {
        ViewPlan::Views(vec![ViewKind::Strong(0), ViewKind::Strong(1)])
    }

    fn loss(&mut self, encoder: &dyn Encoder<B>, views: &[B], _step: &Step) -> Result<Loss> {
        let [h0, h1] = super::two_views(encoder, views)?;
        let project = |h| Ok::<_, Error>(self.norm.forward(&self.projector.forward(h)?)?.tanh()?);
        let (g0, g1) = (project(&h0)?, project(&h1)?);
        let value = info_nce(&self.bilinear.forward(&g0)?, &g1, self.scale)?;
        Ok(Loss { value, features: h0.detach(), second: Some(h1.detach()), metrics: Vec::new() })
    }
}
