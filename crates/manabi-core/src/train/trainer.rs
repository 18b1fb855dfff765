//! The training loop, for any modality and any method.
//!
//! The [`Trainer`] owns all state; nothing is global. `run.rs` is the loop, `update.rs` one step of it,
//! `checkpoint.rs` saves and restores, `record.rs` writes figures down, `measure.rs` takes the machine's speed.

use std::{collections::BTreeMap, sync::Arc};

use candle_core::{Device, Tensor};

use super::{Clock, Files, Plan, RunDir, Setup, Signals, SystemClock, TrainConfig, state::RunState};
use crate::{
    Error, Result,
    data::Source,
    encoder::Encoder,
    method::{BuildContext, DatasetFacts, Method},
    modality::Modality,
    nn::Params,
    optim::Optimizer,
};

pub(super) const ENCODER: &str = "encoder";
pub(super) const HEAD: &str = "head";
pub(super) const HINT: &str = "repeat the command with --resume and the same settings";

/// Figures that are taken of the encoder while it trains (an online kNN, say). Must not change anything.
pub type Probe<'a, B> = Box<dyn FnMut(&dyn Encoder<B>) -> Result<Vec<(String, f64)>> + 'a>;

/// A run.
pub struct Trainer<'a, M: Modality> {
    pub(super) modality: &'a M,
    pub(super) source: &'a dyn Source<M::Sample>,
    pub(super) rows: &'a [usize],
    pub(super) device: Device,
    pub(super) labelled: bool,
    pub(super) run: Option<&'a RunDir>,
    pub(super) config: TrainConfig,
    pub(super) plan: Plan,
    pub(super) params: Params,
    pub(super) encoder: Box<dyn Encoder<M::Batch>>,
    pub(super) method: Box<dyn Method<M::Batch>>,
    pub(super) optimizer: Optimizer,
    pub(super) state: RunState,
    pub(super) files: Files,
    pub(super) looked_for_checkpoints: bool,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) signals: Option<&'a Signals>,
    pub(super) stop: Option<Box<dyn Fn() -> bool + 'a>>,
    pub(super) probe: Option<Probe<'a, M::Batch>>,
}

/// Classes of the pretext task of that name, or of the usual one.
fn task_classes<M: Modality>(method: &str) -> usize {
    let tasks = M::tasks();
    tasks.iter().find(|task| task.name == method).or(tasks.first()).map_or(0, |task| task.classes)
}

impl<'a, M: Modality> Trainer<'a, M> {
    /// Builds encoder, method and optimiser; nothing is loaded or written yet.
    pub fn new(setup: Setup<'a, M>) -> Result<Self> {
        let samples = setup.rows.len();
        let records = setup.source.len();
        if let Some(row) = setup.rows.iter().find(|&&row| row >= records) {
            return Err(Error::data(format!("row {row} is asked for, but the dataset has {records} rows")));
        }
        let mut config = setup.config.clone();
        config.validate()?;
        let params = Params::new(config.seed, &setup.device).with_compute(config.compute());
        let student = params.pp(ENCODER);
        let encoder = setup.modality.encoder(&student)?;
        if let Some(weights) = &setup.encoder {
            student.load(weights)?;
        }
        // Defaults depend on batch and steps, and those on the defaults: two rounds settle it.
        let mut facts = DatasetFacts {
            samples,
            classes: setup.source.classes().len(),
            transformations: task_classes::<M>(setup.method.name),
            batch: config.batch_for(samples, 256)?,
            steps: 0,
            dim: encoder.dim(),
        };
        for _ in 0..2 {
            facts.steps = config.total_steps(samples, facts.batch);
            facts.batch = config.batch_for(samples, (setup.method.defaults)(&facts).batch)?;
        }
        facts.steps = config.total_steps(samples, facts.batch);
        config.batch = Some(facts.batch);
        let rates = setup.modality.rates();
        let rate = if setup.labelled() { rates.labelled } else { rates.pretext };
        let plan = config.resolve(samples, &(setup.method.defaults)(&facts).scaled(rate))?;
        let method = (setup.method.build)(&BuildContext {
            name: setup.method.name,
            tasks: M::tasks(),
            heads: &params.pp(HEAD),
            encoder: encoder.as_ref(),
            student: &student,
            factory: &setup.modality.factory(),
            facts,
            overrides: &setup.overrides,
        })?;
        let optimizer = Optimizer::new(plan.optimizer, &params, &plan.groups)?;
        let state = RunState { fingerprint: setup.fingerprint(&plan), ..Default::default() };
        Ok(Self {
            labelled: setup.labelled(),
            modality: setup.modality,
            source: setup.source,
            rows: setup.rows,
            device: setup.device,
            run: setup.run,
            config,
            plan,
            params,
            encoder,
            method,
            optimizer,
            state,
            files: Files::default(),
            looked_for_checkpoints: false,
            clock: Arc::new(SystemClock::default()),
            signals: None,
            stop: None,
            probe: None,
        })
    }

    /// Another clock.
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Saves and leaves when a signal comes.
    pub fn with_signals(mut self, signals: &'a Signals) -> Self {
        self.signals = Some(signals);
        self
    }

    /// Ends the run, saved and whole, at the first step at which `stop` is true (a deadline).
    pub fn with_stop(mut self, stop: impl Fn() -> bool + 'a) -> Self {
        self.stop = Some(Box::new(stop));
        self
    }

    /// Figures of the encoder every `probe_every` steps.
    pub fn with_probe(mut self, probe: Probe<'a, M::Batch>) -> Self {
        self.probe = Some(probe);
        self
    }

    /// Another file system, for tests of failures.
    pub fn with_files(mut self, files: Files) -> Self {
        self.files = files;
        self
    }

    /// What the run will do.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The settings with everything filled in.
    pub fn config(&self) -> &TrainConfig {
        &self.config
    }

    /// All parameters: `encoder.…` and `head.…`.
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// The encoder.
    pub fn encoder(&self) -> &dyn Encoder<M::Batch> {
        self.encoder.as_ref()
    }

    /// The encoder's weights that are to be used: averaged ones where the method keeps some, else the last step's.
    pub fn encoder_weights(&self) -> Result<BTreeMap<String, Tensor>> {
        let Some(averaged) = self.method.averaged()? else { return self.params.pp(ENCODER).snapshot() };
        let own = |(name, tensor): (String, Tensor)| {
            Some((name.strip_prefix(ENCODER)?.strip_prefix('.')?.to_string(), tensor))
        };
        Ok(averaged.into_iter().filter_map(own).collect())
    }

    /// The method.
    pub fn method(&self) -> &dyn Method<M::Batch> {
        self.method.as_ref()
    }

    /// Steps done.
    pub fn step(&self) -> u64 {
        self.state.step
    }
}
