//! An encoder of an earlier run, and the dataset seen through its settings.

use std::{collections::BTreeMap, path::Path};

use anyhow::{Result, bail};
use candle_core::Tensor;
use manabi_core::{
    data::{DataSpec, Source},
    modality::Modality,
    train::{EncoderCard, read_encoder},
};

use super::run_config::RunConfig;

/// A dataset and the modality that is bound to it.
pub type Opened<M> = (Box<dyn Source<<M as Modality>::Sample>>, M);

/// What a run left behind.
pub struct Trained<M: Modality> {
    /// Its configuration.
    pub config: RunConfig,
    /// The encoder's card.
    pub card: EncoderCard,
    /// The encoder's weights.
    pub weights: BTreeMap<String, Tensor>,
    /// The modality's resolved settings.
    pub settings: M::Config,
}

impl<M: Modality> Trained<M> {
    /// Reads the run folder `run`.
    pub fn read(run: &Path) -> Result<Self> {
        let config = RunConfig::read(run)?;
        let folder = run.join("encoder");
        if !folder.is_dir() {
            bail!("{}: the run has no encoder yet; finish it with --resume first", run.display());
        }
        let (card, weights) = read_encoder(&folder)?;
        if card.modality != M::NAME {
            bail!("{}: this encoder is for {}, but the data is {}", run.display(), card.modality, M::NAME);
        }
        let mut settings = serde_json::from_value(card.settings.clone())
            .map_err(|e| anyhow::anyhow!("{}: {e}", folder.join("config.json").display()))?;
        M::settle(&mut settings, &folder);
        Ok(Self { config, card, weights, settings })
    }

    /// The dataset `spec`, read as the run read its own.
    pub fn open(&self, spec: &DataSpec) -> Result<Opened<M>> {
        let source = M::open(spec, &self.settings)?;
        let rows: Vec<usize> = (0..source.len()).collect();
        let modality = M::fit(&self.settings, source.as_ref(), &rows)?;
        Ok((source, modality))
    }
}
