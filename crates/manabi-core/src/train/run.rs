//! The loop: batch → loss → finite? → gradient → frozen dropped → clip → step → after-update → figures, and
//! now and then a look at the features and a checkpoint. No number that is learnt depends on the clock.

use std::thread;

use super::{Batch, Level, LoadJob, Loader, Observer, Signals, Stopped, Summary, Trainer, record::Logs, trainer::HINT};
use crate::{Error, Result, modality::Modality};

impl<'a, M: Modality> Trainer<'a, M> {
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

    pub(super) fn job(&self) -> LoadJob<'a, M> {
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

    /// Figures first, so that a checkpoint never stands ahead of the log.
    fn save_with(&mut self, logs: Option<&mut Logs>) -> Result<()> {
        if let Some(logs) = logs {
            logs.metrics.sync()?;
        }
        self.save()
    }

    pub(super) fn interrupted(&mut self, signal: i32, logs: Option<&mut Logs>) -> Error {
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
}
