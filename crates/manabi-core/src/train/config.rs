//! How a run is trained: settings, and the plan that follows from them for a dataset.

use serde::{Deserialize, Serialize};

use super::Order;
use crate::{
    Error, Result,
    method::TrainDefaults,
    nn::{Compute, Precision},
    optim::{Groups, OptimizerConfig, schedule},
};

/// Settings of a run. What is `None` is filled in from the method's defaults.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainConfig {
    /// Seed of initial values, order, augmentation and everything else.
    pub seed: u64,
    /// Passes over the data; parts are allowed.
    pub epochs: f64,
    /// Steps instead of epochs.
    pub steps: Option<u64>,
    /// Samples a batch.
    pub batch: Option<usize>,
    /// Peak learning rate instead of the optimiser's own.
    pub lr: Option<f64>,
    /// Share of all steps spent warming up.
    pub warmup: Option<f64>,
    /// Global gradient norm above which gradients are scaled down; 0 for never.
    pub clip: Option<f64>,
    /// Largest share of samples that may fail to load before the run stops.
    pub max_bad: f64,
    /// Updates that may be refused as not finite within 100 steps before the run stops.
    pub max_spikes: usize,
    /// Steps between lines of `metrics.jsonl`.
    pub log_every: u64,
    /// Steps between looks at the features (collapse); 0 for never.
    pub monitor_every: u64,
    /// Steps between calls of the online probe, where there is one; 0 for never.
    pub probe_every: u64,
    /// Seconds between checkpoints.
    pub checkpoint_seconds: f64,
    /// Steps between checkpoints, besides.
    pub checkpoint_steps: Option<u64>,
    /// Newest checkpoints that are kept, besides the best one.
    pub keep: usize,
    /// Batches prepared ahead.
    pub prefetch: usize,
    /// Threads of the loader; 0 to share the threads of the tensor operations.
    pub workers: usize,
    /// Factors of matrix products: `f32` or `bf16`.
    pub precision: Precision,
    /// Compute the inside of blocks again in the backward pass instead of keeping it: less memory, more time.
    pub recompute: bool,
    /// Optimiser.
    pub optimizer: Option<OptimizerConfig>,
    /// Factors on the learning rate by name prefix.
    pub groups: Groups,
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            seed: 0,
            epochs: 100.0,
            steps: None,
            batch: None,
            lr: None,
            warmup: None,
            clip: None,
            max_bad: 0.05,
            max_spikes: 3,
            log_every: 10,
            monitor_every: 50,
            probe_every: 0,
            checkpoint_seconds: 300.0,
            checkpoint_steps: None,
            keep: 1,
            prefetch: 2,
            workers: 0,
            precision: Precision::F32,
            recompute: false,
            optimizer: None,
            groups: Groups::default(),
        }
    }
}

/// What a run will do: every figure that the mathematics depends on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Seed.
    pub seed: u64,
    /// Samples that are trained on.
    pub samples: usize,
    /// Samples a batch.
    pub batch: usize,
    /// Batches an epoch.
    pub steps_per_epoch: u64,
    /// Steps of the whole run.
    pub steps: u64,
    /// Steps of warm-up.
    pub warmup: u64,
    /// Global gradient norm above which gradients are scaled down; 0 for never.
    pub clip: f64,
    /// Optimiser with its peak learning rate.
    pub optimizer: OptimizerConfig,
    /// Factors on the learning rate.
    pub groups: Groups,
    /// Factors of matrix products. Left out where it is `f32`, as in runs that knew nothing else.
    #[serde(default, skip_serializing_if = "is_f32")]
    pub precision: Precision,
}

fn is_f32(precision: &Precision) -> bool {
    *precision == Precision::F32
}

impl TrainConfig {
    /// Refuses what cannot work; the message names the setting, its value and its range.
    pub fn validate(&self) -> Result<()> {
        let need = |good: bool, name: &str, value: String, range: &str| {
            if good { Ok(()) } else { Err(Error::config(format!("{name} is {value}; it must be {range}"))) }
        };
        need(self.epochs > 0.0 && self.epochs.is_finite(), "epochs", self.epochs.to_string(), "above 0")?;
        need(self.steps != Some(0), "steps", "0".into(), "1 or more")?;
        if let Some(batch) = self.batch {
            need(batch >= 2, "batch", batch.to_string(), "2 or more")?;
        }
        if let Some(lr) = self.lr {
            need(lr > 0.0 && lr.is_finite(), "lr", lr.to_string(), "above 0")?;
        }
        if let Some(w) = self.warmup {
            need((0.0..=1.0).contains(&w), "warmup", w.to_string(), "a share of the run, 0 to 1")?;
        }
        if let Some(clip) = self.clip {
            need(clip >= 0.0, "clip", clip.to_string(), "0 (never) or more")?;
        }
        need((0.0..=1.0).contains(&self.max_bad), "max_bad", self.max_bad.to_string(), "a share, 0 to 1")?;
        need(self.log_every > 0, "log_every", "0".into(), "1 or more")?;
        need(self.checkpoint_seconds > 0.0, "checkpoint_seconds", self.checkpoint_seconds.to_string(), "above 0")?;
        need(self.checkpoint_steps != Some(0), "checkpoint_steps", "0".into(), "1 or more")?;
        need((1..=64).contains(&self.prefetch), "prefetch", self.prefetch.to_string(), "1 to 64")?;
        need(self.workers <= 1024, "workers", self.workers.to_string(), "at most 1024")?;
        self.groups.validate()
    }

    /// How the layers of this run compute.
    pub fn compute(&self) -> Compute {
        Compute { precision: self.precision, recompute: self.recompute }
    }

    /// The batch for `samples` samples: never more than there are.
    pub fn batch_for(&self, samples: usize, default: usize) -> Result<usize> {
        if samples < 2 {
            return Err(Error::data(format!(
                "there are {samples} samples to train on; at least 2 are needed (and some hundred to learn anything)"
            )));
        }
        Ok(self.batch.unwrap_or(default).clamp(2, samples))
    }

    /// Steps of the run for `samples` samples in batches of `batch`.
    pub fn total_steps(&self, samples: usize, batch: usize) -> u64 {
        let per_epoch = Order::new(self.seed, samples, batch).steps_per_epoch();
        self.steps.unwrap_or_else(|| ((self.epochs * per_epoch as f64).round() as u64).max(1))
    }

    /// The plan for `samples` samples with a method's defaults where nothing is set; fills in the same here.
    pub fn resolve(&mut self, samples: usize, defaults: &TrainDefaults) -> Result<Plan> {
        self.validate()?;
        let batch = self.batch_for(samples, defaults.batch)?;
        let steps = self.total_steps(samples, batch);
        let mut optimizer = self.optimizer.unwrap_or(defaults.optimizer);
        if let Some(peak) = self.lr {
            let (OptimizerConfig::Sgd { lr, .. }
            | OptimizerConfig::Adamw { lr, .. }
            | OptimizerConfig::Lars { lr, .. }) = &mut optimizer;
            *lr = peak;
        }
        let warmup = *self.warmup.get_or_insert(defaults.warmup);
        let clip = *self.clip.get_or_insert(defaults.clip);
        (self.batch, self.optimizer) = (Some(batch), Some(optimizer));
        Ok(Plan {
            seed: self.seed,
            samples,
            batch,
            steps_per_epoch: Order::new(self.seed, samples, batch).steps_per_epoch(),
            steps,
            warmup: schedule::warmup_steps(warmup, steps),
            clip,
            optimizer,
            groups: self.groups.clone(),
            precision: self.precision,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defaults() -> TrainDefaults {
        let optimizer = OptimizerConfig::Sgd { lr: 0.1, momentum: 0.9, nesterov: true, weight_decay: 1e-4 };
        TrainDefaults { optimizer, batch: 256, warmup: 0.1, clip: 0.0 }
    }

    #[test]
    fn a_batch_is_never_larger_than_the_dataset() {
        let plan = TrainConfig { epochs: 3.0, ..Default::default() }.resolve(40, &defaults()).unwrap();
        assert_eq!((plan.batch, plan.steps_per_epoch, plan.steps), (40, 1, 3));
    }

    #[test]
    fn fewer_than_two_samples_are_refused_with_their_number() {
        let message = TrainConfig::default().resolve(1, &defaults()).unwrap_err().to_string();
        assert!(message.contains("there are 1 samples"), "{message}");
    }

    #[test]
    fn a_part_of_an_epoch_is_a_part_of_its_steps() {
        let config = TrainConfig { epochs: 0.5, batch: Some(10), ..Default::default() };
        assert_eq!(config.clone().resolve(100, &defaults()).unwrap().steps, 5);
        assert_eq!(TrainConfig { steps: Some(7), ..config }.resolve(100, &defaults()).unwrap().steps, 7);
    }

    #[test]
    fn what_is_resolved_resolves_to_the_same_plan_again_through_toml() {
        let mut config = TrainConfig { lr: Some(0.3), groups: Groups::one("encoder", 0.1), ..Default::default() };
        let plan = config.resolve(1000, &defaults()).unwrap();
        let text = toml::to_string(&config).unwrap();
        let mut again: TrainConfig = toml::from_str(&text).unwrap();
        let other = TrainDefaults { batch: 8, warmup: 0.5, ..defaults() };
        assert_eq!(again.resolve(1000, &other).unwrap(), plan);
    }

    #[test]
    fn bf16_is_another_plan_and_f32_the_one_of_runs_before_it() {
        let plan = |precision| TrainConfig { precision, ..Default::default() }.resolve(40, &defaults()).unwrap();
        let json = |plan: &Plan| serde_json::to_string(plan).unwrap();
        let (f32, bf16) = (plan(Precision::F32), plan(Precision::Bf16));
        assert!(!json(&f32).contains("precision"), "{}", json(&f32));
        assert!(json(&bf16).contains(r#""precision":"bf16""#), "{}", json(&bf16));
        for plan in [f32, bf16] {
            assert_eq!(serde_json::from_str::<Plan>(&json(&plan)).unwrap(), plan);
        }
    }

    #[test]
    fn a_setting_that_cannot_work_is_named_with_its_range() {
        let message = TrainConfig { epochs: -1.0, ..Default::default() }.validate().unwrap_err().to_string();
        assert!(message.contains("epochs is -1") && message.contains("above 0"), "{message}");
    }
}
