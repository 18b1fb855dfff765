//! Position and counters of a run, and how a trainer goes into a checkpoint and comes back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Checkpoint, CheckpointStore, LossTrend, Trainer, bits, trainer::HINT};
use crate::{Error, Result, data::Skipped, modality::Modality, optim::Optimizer};

/// What a checkpoint holds besides tensors.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RunState {
    /// Steps done. Epoch, position and every random number follow from it.
    pub step: u64,
    /// The loss so far.
    pub trend: LossTrend,
    /// Steps whose update was refused, of the last 100.
    pub spikes: Vec<u64>,
    /// Rows that could not be loaded.
    pub skipped: BTreeMap<usize, Skipped>,
    /// Looks at collapsed features in a row.
    pub collapsed: u64,
    /// Step and smoothed loss of the best checkpoint.
    pub best: Option<Best>,
    /// What the run was started with.
    pub fingerprint: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Best {
    pub step: u64,
    #[serde(with = "bits")]
    pub loss: f64,
}

impl<M: Modality> Trainer<'_, M> {
    /// Everything that training changes, copied.
    pub(super) fn capture(&self) -> Result<Checkpoint> {
        let method =
            self.method.state().into_iter().map(|(name, t)| Ok((name, t.detach().copy()?))).collect::<Result<_>>()?;
        let state = serde_json::to_string(&self.state).map_err(|e| Error::config(e.to_string()))?;
        Ok(Checkpoint {
            step: self.state.step,
            config: config_hash(&self.state.fingerprint),
            parts: [
                ("model".to_string(), self.params.snapshot()?),
                ("optimizer".to_string(), self.optimizer.state()?),
                ("method".to_string(), method),
            ]
            .into(),
            state,
        })
    }

    /// The reverse of [`Trainer::capture`].
    pub(super) fn restore(&mut self, checkpoint: &Checkpoint) -> Result<()> {
        let state: RunState = serde_json::from_str(&checkpoint.state)
            .map_err(|e| Error::config(format!("the checkpoint's state.json: {e}")))?;
        let differing: Vec<&str> = self
            .state
            .fingerprint
            .iter()
            .filter(|(name, hash)| state.fingerprint.get(*name) != Some(hash))
            .map(|(name, _)| name.as_str())
            .collect();
        if !differing.is_empty() {
            return Err(Error::config(format!(
                "the checkpoint of step {} was made with other settings of: {}; {HINT}, or start anew with --overwrite",
                checkpoint.step,
                differing.join(", ")
            )));
        }
        let part = |name: &str| {
            checkpoint
                .parts
                .get(name)
                .ok_or_else(|| Error::config(format!("the checkpoint of step {} has no {name}", checkpoint.step)))
        };
        let (model, optimizer, method) = (part("model")?, part("optimizer")?, part("method")?);
        // Checked on a scratch optimiser first: a checkpoint fits as a whole or not at all.
        Optimizer::new(self.plan.optimizer, &self.params, &self.plan.groups)?.load_state(optimizer)?;
        self.params.load(model)?;
        self.optimizer.load_state(optimizer)?;
        self.method.load_state(method)?;
        self.state = state;
        Ok(())
    }

    /// Continues from the newest usable checkpoint of the run folder; the step, or `None` if there is none.
    /// Damaged ones are passed over and named in the second value.
    pub fn resume(&mut self) -> Result<(Option<u64>, Vec<String>)> {
        self.looked_for_checkpoints = true;
        let Some(store) = self.store() else { return Ok((None, Vec::new())) };
        let Some(found) = store.latest()? else { return Ok((None, Vec::new())) };
        self.restore(&found.checkpoint)?;
        Ok((Some(self.state.step), found.ignored))
    }

    /// Saves a checkpoint into the run folder, if there is one, and removes older ones.
    pub(super) fn save(&mut self) -> Result<()> {
        let Some(store) = self.store() else { return Ok(()) };
        let loss = self.state.trend.smoothed();
        if self.state.step > 0 && self.state.best.is_none_or(|best| loss < best.loss) {
            self.state.best = Some(Best { step: self.state.step, loss });
        }
        let checkpoint = self.capture()?;
        store.save(&checkpoint)?;
        store.retain(&checkpoint.config, checkpoint.step, self.config.keep, self.state.best.map(|b| b.step))
    }

    /// Refuses to start from nothing where checkpoints lie: they would be taken for this run's.
    pub(super) fn check_fresh(&self) -> Result<()> {
        match (self.run, self.store()) {
            (Some(run), Some(store)) if !self.looked_for_checkpoints && !store.steps()?.is_empty() => Err(Error::file(
                run.path(),
                "holds checkpoints of an earlier run; continue it with --resume or replace it with --overwrite",
            )),
            _ => Ok(()),
        }
    }

    fn store(&self) -> Option<CheckpointStore> {
        self.run.map(|run| CheckpointStore::new(run.checkpoints(), self.files.clone()))
    }
}

fn config_hash(fingerprint: &BTreeMap<String, String>) -> String {
    let mut hasher = blake3::Hasher::new();
    for (name, hash) in fingerprint {
        hasher.update(name.as_bytes()).update(hash.as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}
