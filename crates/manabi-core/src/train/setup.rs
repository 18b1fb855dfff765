//! What a run is built from, and the fingerprint by which its checkpoints know it again.

use std::collections::BTreeMap;

use candle_core::{Device, Tensor};

use super::{Plan, RunDir, TrainConfig};
use crate::{
    data::Source,
    method::{Family, MethodEntry, Overrides},
    modality::Modality,
};

/// Everything that [`super::Trainer::new`] needs.
pub struct Setup<'a, M: Modality> {
    /// The modality, bound to the dataset.
    pub modality: &'a M,
    /// The dataset.
    pub source: &'a dyn Source<M::Sample>,
    /// The rows to train on.
    pub rows: &'a [usize],
    /// The pretext task.
    pub method: MethodEntry<M::Batch>,
    /// The user's settings for it.
    pub overrides: Overrides,
    /// How to train.
    pub config: TrainConfig,
    /// Where to train.
    pub device: Device,
    /// Weights that the encoder starts from (fine-tuning); seeded ones if `None`.
    pub encoder: Option<BTreeMap<String, Tensor>>,
    /// Where to keep checkpoints, metrics and the encoder; nowhere if `None`.
    pub run: Option<&'a RunDir>,
}

impl<'a, M: Modality> Setup<'a, M> {
    /// On the CPU, from seeded weights, without a run folder.
    pub fn new(
        modality: &'a M,
        source: &'a dyn Source<M::Sample>,
        rows: &'a [usize],
        method: MethodEntry<M::Batch>,
        config: TrainConfig,
    ) -> Self {
        let overrides = Overrides::default();
        Self { modality, source, rows, method, overrides, config, device: Device::Cpu, encoder: None, run: None }
    }

    pub(super) fn labelled(&self) -> bool {
        self.method.family == Family::Supervised
    }

    /// A hash for each thing that decides the bits of a run.
    pub(super) fn fingerprint(&self, plan: &Plan) -> BTreeMap<String, String> {
        let json = |value: serde_json::Result<String>| value.unwrap_or_default();
        let mut data = blake3::Hasher::new();
        let records = self.source.records();
        for record in self.rows.iter().filter_map(|&row| records.get(row)) {
            data.update(record.id.as_bytes());
            let label = if self.labelled() { record.label.map_or(-1, i64::from) } else { 0 };
            data.update(&label.to_le_bytes());
        }
        let mut weights = blake3::Hasher::new();
        for (name, tensor) in self.encoder.iter().flatten() {
            weights.update(name.as_bytes());
            if let Ok(values) = tensor.flatten_all().and_then(|t| t.to_vec1::<f32>()) {
                values.iter().for_each(|v| {
                    weights.update(&v.to_le_bytes());
                });
            }
        }
        let text = |s: String| blake3::hash(s.as_bytes()).to_hex().to_string();
        [
            ("modality", text(format!("{} {}", M::NAME, json(serde_json::to_string(self.modality.config()))))),
            ("method", text(format!("{} {}", self.method.name, json(serde_json::to_string(&self.overrides))))),
            ("training", text(json(serde_json::to_string(plan)))),
            ("data", data.finalize().to_hex().to_string()),
            ("weights", weights.finalize().to_hex().to_string()),
        ]
        .map(|(name, hash)| (name.to_string(), hash))
        .into()
    }
}
