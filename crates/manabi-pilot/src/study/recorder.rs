//! Watches pre-training for the report's curves, and passes everything on to the display.

use std::{cell::Cell, rc::Rc};

use manabi_core::train::{Health, Level, Observer, Plan, StepReport, Summary};

use crate::report::CurvePoint;

/// An observer that keeps the curve.
pub struct Recorder<'a> {
    inner: &'a mut dyn Observer,
    /// One point a look at the features.
    pub curve: Vec<CurvePoint>,
    /// Warnings.
    pub warnings: Vec<String>,
    /// The last look.
    pub health: Option<Health>,
    /// Where the online probe leaves its newest score.
    pub probe: Rc<Cell<Option<f64>>>,
    pending: Option<Health>,
}

impl<'a> Recorder<'a> {
    /// Around the display's observer.
    pub fn new(inner: &'a mut dyn Observer) -> Self {
        Self { inner, curve: Vec::new(), warnings: Vec::new(), health: None, probe: Rc::default(), pending: None }
    }
}

impl Observer for Recorder<'_> {
    fn start(&mut self, plan: &Plan, step: u64) {
        self.inner.start(plan, step);
    }

    fn step(&mut self, report: &StepReport) {
        let (health, probe) = (self.pending.take(), self.probe.take());
        if health.is_some() || probe.is_some() {
            self.curve.push(CurvePoint {
                epoch: report.epoch,
                step: report.step,
                loss: Some(report.smoothed).filter(|v| v.is_finite()),
                feature_std: health.map(|h| h.feature_std),
                effective_rank: health.map(|h| h.effective_rank),
                alignment: health.and_then(|h| h.alignment),
                uniformity: health.map(|h| h.uniformity),
                online_knn: probe,
            });
        }
        self.inner.step(report);
    }

    fn health(&mut self, step: u64, health: &Health) {
        self.health = Some(*health);
        self.pending = Some(*health);
        self.inner.health(step, health);
    }

    fn note(&mut self, level: Level, message: &str) {
        if level == Level::Warning {
            self.warnings.push(message.to_string());
        }
        self.inner.note(level, message);
    }

    fn finish(&mut self, summary: &Summary) {
        self.inner.finish(summary);
    }
}
