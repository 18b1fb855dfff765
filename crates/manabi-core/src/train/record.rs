//! What the loop writes down: looks at the features, lines of figures, reports to the observer, the encoder.

use super::{
    EncoderCard, EventWriter, Health, Level, MetricsLog, Observer, StepReport, Trainer, Verdict, feature_health,
    update::Outcome, write_encoder,
};
use crate::{Error, Result, modality::Modality};

/// The two logs of a run with a folder.
pub(super) struct Logs {
    pub(super) metrics: MetricsLog,
    events: EventWriter,
}

impl<M: Modality> Trainer<'_, M> {
    /// Looks at the features of this step; warns at the 2nd, 4th, 8th … collapse in a row.
    pub(super) fn look(
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

    pub(super) fn open_logs(&self) -> Result<Option<Logs>> {
        let Some(run) = self.run else { return Ok(None) };
        let metrics = MetricsLog::open(&run.metrics(), self.state.step)?;
        let events = EventWriter::create(&run.events(), self.state.step, self.clock.unix())?;
        Ok(Some(Logs { metrics, events }))
    }

    pub(super) fn log(&self, logs: Option<&mut Logs>, outcome: &Outcome, more: Vec<(String, f64)>) -> Result<()> {
        let Some(logs) = logs else { return Ok(()) };
        let epoch = self.state.step as f64 / self.plan.steps_per_epoch as f64;
        let own = [("epoch", epoch), ("loss", outcome.loss), ("lr", outcome.lr), ("grad_norm", outcome.grad_norm)];
        let mut figures: Vec<(String, f64)> =
            own.iter().chain(&outcome.parts.metrics).map(|(name, value)| (name.to_string(), *value)).collect();
        figures.extend(more);
        logs.metrics.write(self.state.step, &figures)?;
        logs.events.write(self.state.step, self.clock.unix(), &figures)
    }

    pub(super) fn report(&self, outcome: &Outcome, first: u64, seconds: f64) -> StepReport {
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

    pub(super) fn export(&self) -> Result<()> {
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
            others: serde_json::Map::new(),
        };
        let companions = self.modality.companions()?;
        write_encoder(&run.encoder(), card, &self.encoder_weights()?, companions, &self.files)?;
        if !self.state.skipped.is_empty() {
            let lines: Vec<String> =
                self.state.skipped.values().filter_map(|s| serde_json::to_string(s).ok()).collect();
            self.files.write_atomic(&run.path().join("skipped.jsonl"), (lines.join("\n") + "\n").as_bytes())?;
        }
        Ok(())
    }
}
