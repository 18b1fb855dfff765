//! The training loop, for any modality and any method.
//!
//! batch → [`Method::loss`] → finite? → gradient → frozen dropped → clip → step →
//! [`Method::after_update`] → figures, and now and then: look at the features, save. All
//! state is in the trainer; nothing is global, and no number that is learnt depends on the clock.

use std::{sync::Arc, thread};

use candle_core::Device;

use super::{
    Batch, Clock, EncoderCard, EventWriter, Files, Health, Level, LoadJob, Loader, MetricsLog, Observer, Plan, RunDir,
    Setup, Signals, StepReport, SystemClock, TrainConfig, Verdict, feature_health, progress::duration, state::RunState,
    update::Outcome, write_encoder,
};
use crate::{
    Error, Result,
    data::{Skipped, Source},
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

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// All steps are done.
    Completed,
    /// The stop condition came true first.
    Deadline,
}

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Summary {
    /// Steps done, those before a resume included.
    pub steps: u64,
    /// Epochs done.
    pub epochs: f64,
    /// Seconds of this process.
    pub seconds: f64,
    /// Loss, smoothed over the last steps.
    pub loss: f64,
    /// The last look at the features.
    pub health: Option<Health>,
    /// True if the loss stood far above where it began.
    pub diverging: bool,
    /// Samples that could not be loaded.
    pub skipped: Vec<Skipped>,
    /// Why it ended.
    pub stopped: Stopped,
    /// Steps done and loss, as logged by this process.
    pub history: Vec<(u64, f64)>,
}

impl Summary {
    /// One sentence for the user.
    pub fn sentence(&self) -> String {
        let skipped = match self.skipped.len() {
            0 => String::new(),
            n => format!(", {n} samples could not be loaded"),
        };
        let steps = format!("{} steps ({:.1} epochs) in {}", self.steps, self.epochs, duration(self.seconds));
        format!("trained {steps}, loss {:.4}{skipped}", self.loss)
    }
}

/// Throughput of training on this machine.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Seconds a step, loading included.
    pub seconds_per_step: f64,
    /// Samples a second.
    pub samples_per_second: f64,
}

/// A run.
pub struct Trainer<'a, M: Modality> {
    modality: &'a M,
    pub(super) source: &'a dyn Source<M::Sample>,
    rows: &'a [usize],
    device: Device,
    labelled: bool,
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
    clock: Arc<dyn Clock>,
    signals: Option<&'a Signals>,
    stop: Option<Box<dyn Fn() -> bool + 'a>>,
    probe: Option<Probe<'a, M::Batch>>,
}

struct Logs {
    metrics: MetricsLog,
    events: EventWriter,
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
        let params = Params::new(config.seed, &setup.device);
        let student = params.pp(ENCODER);
        let encoder = setup.modality.encoder(&student)?;
        if let Some(weights) = &setup.encoder {
            student.load(weights)?;
        }
        // Defaults depend on batch and steps, and those on the defaults: two rounds settle it.
        let mut facts = DatasetFacts {
            samples,
            classes: setup.source.classes().len(),
            transformations: setup.modality.transformations(),
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
        let plan = config.resolve(samples, &(setup.method.defaults)(&facts))?;
        let method = (setup.method.build)(&BuildContext {
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

    /// The method.
    pub fn method(&self) -> &dyn Method<M::Batch> {
        self.method.as_ref()
    }

    /// Steps done.
    pub fn step(&self) -> u64 {
        self.state.step
    }

    /// Trains to the end of the plan (or a signal, or the stop condition).
    pub fn run(&mut self, observer: &mut dyn Observer) -> Result<Summary> {
        self.check_fresh()?;
        let first = self.state.step;
        let start = self.clock.now();
        let mut logs = self.open_logs()?;
        let mut saved_at = start;
        let mut stopped = Stopped::Completed;
        let mut health = None;
        let mut history = Vec::new();
        observer.start(&self.plan, first);
        thread::scope(|scope| -> Result<()> {
            let mut loader =
                Loader::spawn(scope, self.job(), first..self.plan.steps, self.config.prefetch, self.config.workers)?;
            while self.state.step < self.plan.steps {
                if let Some(signal) = self.signals.and_then(Signals::received) {
                    return Err(self.interrupted(signal, logs.as_mut()));
                }
                if self.stop.as_ref().is_some_and(|stop| stop()) {
                    stopped = Stopped::Deadline;
                    break;
                }
                let Some(batch) = loader.next_batch()? else {
                    return Err(Error::data(format!("the loader ended before step {}", self.state.step)));
                };
                self.count_skipped(&batch, observer)?;
                let outcome = self.update(&batch)?;
                self.state.step = batch.step + 1;
                if let Some(reason) = &outcome.refused {
                    let step = batch.step;
                    observer.note(Level::Warning, &format!("step {step}: {reason}; this update was not applied"));
                }
                let mut figures = Vec::new();
                if self.is_due(self.config.monitor_every) {
                    health = Some(self.look(&outcome, &mut figures, observer)?);
                }
                if self.is_due(self.config.probe_every)
                    && let Some(probe) = &mut self.probe
                {
                    figures.extend(probe(self.encoder.as_ref())?);
                }
                if self.is_due(self.config.log_every) || !figures.is_empty() {
                    history.push((self.state.step, outcome.loss));
                    self.log(logs.as_mut(), &outcome, figures)?;
                }
                let seconds = (self.clock.now() - start).as_secs_f64();
                observer.step(&self.report(&outcome, first, seconds));
                let now = self.clock.now();
                let by_time = (now - saved_at).as_secs_f64() >= self.config.checkpoint_seconds;
                let by_steps = self.config.checkpoint_steps.is_some_and(|n| self.state.step.is_multiple_of(n));
                if self.state.step < self.plan.steps && (by_time || by_steps) {
                    self.save_with(logs.as_mut())?;
                    saved_at = self.clock.now();
                }
            }
            Ok(())
        })?;
        self.save_with(logs.as_mut())?;
        self.export()?;
        let summary = Summary {
            steps: self.state.step,
            epochs: self.state.step as f64 / self.plan.steps_per_epoch as f64,
            seconds: (self.clock.now() - start).as_secs_f64(),
            loss: self.state.trend.smoothed(),
            health,
            diverging: self.state.trend.diverging(),
            skipped: self.state.skipped.values().cloned().collect(),
            stopped,
            history,
        };
        if summary.diverging {
            observer.note(Level::Warning, "the loss ended far above where it began; lower the learning rate");
        }
        observer.finish(&summary);
        Ok(summary)
    }

    /// Measures `steps` steps (after two to warm up) and puts everything back as it was.
    pub fn measure(&mut self, steps: u64) -> Result<Rate> {
        let before = self.capture()?;
        let first = self.state.step;
        let steps = steps.max(1);
        let clock = Arc::clone(&self.clock);
        let mut signalled = None;
        let seconds = thread::scope(|scope| -> Result<f64> {
            // More batches than are used, so that the last steps are timed with the loader at work, as all others.
            let batches = first..first + steps + 3 + self.config.prefetch as u64;
            let mut loader = Loader::spawn(scope, self.job(), batches, self.config.prefetch, self.config.workers)?;
            let mut start = clock.now();
            for done in 0..steps + 2 {
                signalled = self.signals.and_then(Signals::received);
                if signalled.is_some() {
                    break;
                }
                if done == 2 {
                    start = clock.now();
                }
                if let Some(batch) = loader.next_batch()? {
                    self.update(&batch)?;
                }
            }
            Ok((clock.now() - start).as_secs_f64())
        });
        // Whatever happened: what is saved from here on must not know of the measurement.
        self.restore(&before)?;
        if let Some(signal) = signalled {
            return Err(self.interrupted(signal, None));
        }
        let seconds_per_step = seconds? / steps as f64;
        Ok(Rate { seconds_per_step, samples_per_second: self.plan.batch as f64 / seconds_per_step.max(1e-9) })
    }

    fn job(&self) -> LoadJob<'a, M> {
        LoadJob {
            modality: self.modality,
            source: self.source,
            rows: self.rows,
            plan: self.method.plan(),
            labelled: self.labelled,
            seed: self.plan.seed,
            batch: self.plan.batch,
            device: self.device.clone(),
        }
    }

    /// True at every `every`-th step, the first and the last.
    fn is_due(&self, every: u64) -> bool {
        let step = self.state.step;
        every > 0 && (step.is_multiple_of(every) || step == 1 || step == self.plan.steps)
    }

    fn count_skipped(&mut self, batch: &Batch<M::Batch>, observer: &mut dyn Observer) -> Result<()> {
        for (row, skipped) in &batch.skipped {
            if self.state.skipped.insert(*row, skipped.clone()).is_none() {
                observer.note(Level::Warning, &format!("{} was left out: {}", skipped.id, skipped.reason));
            }
        }
        let (bad, all) = (self.state.skipped.len(), self.rows.len());
        if bad as f64 > self.config.max_bad * all as f64 {
            let some: Vec<String> =
                self.state.skipped.values().take(3).map(|s| format!("{} ({})", s.id, s.reason)).collect();
            return Err(Error::data(format!(
                "{bad} of {all} samples could not be loaded, more than max_bad = {}: {}",
                self.config.max_bad,
                some.join(", ")
            )));
        }
        Ok(())
    }

    /// Looks at the features of this step; warns at the 2nd, 4th, 8th … collapse in a row.
    fn look(
        &mut self,
        outcome: &Outcome,
        figures: &mut Vec<(String, f64)>,
        observer: &mut dyn Observer,
    ) -> Result<Health> {
        let mut health = feature_health(&outcome.parts.features, outcome.parts.second.as_ref())?;
        if self.labelled && health.verdict == Verdict::OneDimensional {
            health.verdict = Verdict::Healthy; // two classes need no more than one direction
        }
        for (name, value) in [
            ("feature_std", health.feature_std),
            ("feature_spread", health.spread),
            ("effective_rank", health.effective_rank),
            ("uniformity", health.uniformity),
        ] {
            figures.push((name.to_string(), value));
        }
        figures.extend(health.alignment.map(|value| ("alignment".to_string(), value)));
        self.state.collapsed = if health.verdict == Verdict::Healthy { 0 } else { self.state.collapsed + 1 };
        let count = self.state.collapsed;
        if let Some(warning) = health.verdict.warning().filter(|_| count >= 2 && count.is_power_of_two()) {
            observer.note(Level::Warning, &format!("step {}: {warning}", self.state.step));
        }
        observer.health(self.state.step, &health);
        Ok(health)
    }

    fn open_logs(&self) -> Result<Option<Logs>> {
        let Some(run) = self.run else { return Ok(None) };
        let metrics = MetricsLog::open(&run.metrics(), self.state.step)?;
        let events = EventWriter::create(&run.events(), self.state.step, self.clock.unix())?;
        Ok(Some(Logs { metrics, events }))
    }

    fn log(&self, logs: Option<&mut Logs>, outcome: &Outcome, more: Vec<(String, f64)>) -> Result<()> {
        let Some(logs) = logs else { return Ok(()) };
        let epoch = self.state.step as f64 / self.plan.steps_per_epoch as f64;
        let own = [("epoch", epoch), ("loss", outcome.loss), ("lr", outcome.lr), ("grad_norm", outcome.grad_norm)];
        let mut figures: Vec<(String, f64)> =
            own.iter().chain(&outcome.parts.metrics).map(|(name, value)| (name.to_string(), *value)).collect();
        figures.extend(more);
        logs.metrics.write(self.state.step, &figures)?;
        logs.events.write(self.state.step, self.clock.unix(), &figures)
    }

    fn report(&self, outcome: &Outcome, first: u64, seconds: f64) -> StepReport {
        let done = (self.state.step - first) as f64;
        let left = (self.plan.steps - self.state.step) as f64;
        StepReport {
            step: self.state.step,
            steps: self.plan.steps,
            epoch: self.state.step as f64 / self.plan.steps_per_epoch as f64,
            loss: outcome.loss,
            smoothed: self.state.trend.smoothed(),
            lr: outcome.lr,
            grad_norm: outcome.grad_norm,
            seconds,
            rate: done * self.plan.batch as f64 / seconds.max(1e-9),
            left: seconds / done.max(1.0) * left,
        }
    }

    /// Figures first, so that a checkpoint never stands ahead of the log.
    fn save_with(&mut self, logs: Option<&mut Logs>) -> Result<()> {
        if let Some(logs) = logs {
            logs.metrics.sync()?;
        }
        self.save()
    }

    fn interrupted(&mut self, signal: i32, logs: Option<&mut Logs>) -> Error {
        let Some(run) = self.run else {
            return Error::Interrupted { signal, hint: "nothing was saved, because this run keeps no folder".into() };
        };
        let path = run.path().display();
        match self.save_with(logs) {
            Ok(()) => Error::Interrupted {
                signal,
                hint: format!("{} steps are saved in {path}; {HINT} to go on", self.state.step),
            },
            Err(error) => error,
        }
    }

    fn export(&self) -> Result<()> {
        let Some(run) = self.run else { return Ok(()) };
        let settings = serde_json::to_value(self.modality.config()).map_err(|e| Error::config(e.to_string()))?;
        let card = EncoderCard {
            manabi_format: 1,
            modality: M::NAME.into(),
            settings,
            num_features: self.encoder.dim(),
            method: self.method.name().into(),
            steps: self.state.step,
            samples: self.rows.len(),
            weights: String::new(),
        };
        write_encoder(&run.encoder(), card, &self.params.pp(ENCODER), &self.files)?;
        if !self.state.skipped.is_empty() {
            let lines: Vec<String> =
                self.state.skipped.values().filter_map(|s| serde_json::to_string(s).ok()).collect();
            self.files.write_atomic(&run.path().join("skipped.jsonl"), (lines.join("\n") + "\n").as_bytes())?;
        }
        Ok(())
    }
}
