//! What the user sees of a run: a bar where there is a terminal, plain lines where there is none.
//!
//! All output goes to standard error; standard output belongs to results.

use std::io::{IsTerminal, Write};

use indicatif::{ProgressBar, ProgressStyle};

use super::{Health, Plan, Summary};

/// One step, as it is shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepReport {
    /// Steps done.
    pub step: u64,
    /// Steps of the run.
    pub steps: u64,
    /// Epochs done.
    pub epoch: f64,
    /// Loss of this step; not finite if its update was refused.
    pub loss: f64,
    /// Loss smoothed over some 20 steps.
    pub smoothed: f64,
    /// Learning rate.
    pub lr: f64,
    /// Global gradient norm before clipping.
    pub grad_norm: f64,
    /// Seconds since this process began to train.
    pub seconds: f64,
    /// Samples a second since then.
    pub rate: f64,
    /// Seconds left at this rate.
    pub left: f64,
}

/// How much a message matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Good to know.
    Info,
    /// Must not be missed.
    Warning,
}

/// Watches a run. All methods do nothing by default.
pub trait Observer {
    /// The run begins (or goes on) with `step` steps done.
    fn start(&mut self, _plan: &Plan, _step: u64) {}
    /// A step is done.
    fn step(&mut self, _report: &StepReport) {}
    /// The features were looked at.
    fn health(&mut self, _step: u64, _health: &Health) {}
    /// Something to tell.
    fn note(&mut self, _level: Level, _message: &str) {}
    /// The run is over.
    fn finish(&mut self, _summary: &Summary) {}
}

/// Shows nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quiet;

impl Observer for Quiet {
    fn note(&mut self, level: Level, message: &str) {
        if level == Level::Warning {
            tracing::warn!("{message}");
        }
    }
}

/// A bar with rate and time left.
#[derive(Debug)]
pub struct Bar {
    bar: ProgressBar,
}

impl Default for Bar {
    fn default() -> Self {
        let bar = ProgressBar::new(0);
        let template = "{bar:30} {pos}/{len} steps · {msg}";
        bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { bar }
    }
}

impl Observer for Bar {
    fn start(&mut self, plan: &Plan, step: u64) {
        self.bar.set_length(plan.steps);
        self.bar.set_position(step);
    }

    fn step(&mut self, r: &StepReport) {
        self.bar.set_position(r.step);
        self.bar.set_message(figures(r));
    }

    fn note(&mut self, level: Level, message: &str) {
        self.bar.suspend(|| eprintln!("{}", line(level, message)));
    }

    fn finish(&mut self, summary: &Summary) {
        self.bar.finish_and_clear();
        eprintln!("{}", summary.sentence());
    }
}

/// A line now and then: at the first step, the last one, and every `every` seconds.
#[derive(Debug)]
pub struct Lines<W: Write> {
    out: W,
    every: f64,
    next: f64,
}

impl<W: Write> Lines<W> {
    /// Lines to `out`, `every` so many seconds.
    pub fn new(out: W, every: f64) -> Self {
        Self { out, every, next: 0.0 }
    }

    // A closed pipe must not end a run of hours: what cannot be shown is not shown.
    fn say(&mut self, text: &str) {
        let _ = writeln!(self.out, "{text}");
    }
}

impl<W: Write> Observer for Lines<W> {
    fn start(&mut self, plan: &Plan, step: u64) {
        let from = if step > 0 { format!(", from step {step}") } else { String::new() };
        self.say(&format!("{} steps of {} samples, {} samples in all{from}", plan.steps, plan.batch, plan.samples));
    }

    fn step(&mut self, r: &StepReport) {
        if r.seconds >= self.next || r.step == r.steps {
            self.next = r.seconds + self.every;
            self.say(&format!("step {}/{} · {}", r.step, r.steps, figures(r)));
        }
    }

    fn note(&mut self, level: Level, message: &str) {
        self.say(&line(level, message));
    }

    fn finish(&mut self, summary: &Summary) {
        self.say(&summary.sentence());
    }
}

/// The observer that fits: nothing, a bar on a terminal, or a line every ten seconds.
pub fn observer(quiet: bool) -> Box<dyn Observer> {
    if quiet {
        Box::new(Quiet)
    } else if std::io::stderr().is_terminal() {
        Box::new(Bar::default())
    } else {
        Box::new(Lines::new(std::io::stderr(), 10.0))
    }
}

fn figures(r: &StepReport) -> String {
    format!("epoch {:.1} · loss {:.4} · {:.0} samples/s · {} left", r.epoch, r.smoothed, r.rate, duration(r.left))
}

fn line(level: Level, message: &str) -> String {
    match level {
        Level::Info => message.to_string(),
        Level::Warning => format!("warning: {message}"),
    }
}

/// Seconds as `42 s`, `3 m 5 s`, `2 h 7 m`.
pub(super) fn duration(seconds: f64) -> String {
    if !seconds.is_finite() {
        return "?".into();
    }
    let s = seconds.round().max(0.0) as u64;
    match s {
        0..60 => format!("{s} s"),
        60..3600 => format!("{} m {} s", s / 60, s % 60),
        _ => format!("{} h {} m", s / 3600, s % 3600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(step: u64, seconds: f64) -> StepReport {
        StepReport {
            step,
            steps: 100,
            epoch: 0.5,
            loss: 1.0,
            smoothed: 1.25,
            lr: 0.1,
            grad_norm: 1.0,
            seconds,
            rate: 320.0,
            left: 185.0,
        }
    }

    #[test]
    fn lines_come_at_their_interval_and_at_the_end() {
        let mut lines = Lines::new(Vec::new(), 10.0);
        for (step, seconds) in [(1, 0.5), (2, 3.0), (3, 11.0), (4, 12.0), (100, 13.0)] {
            lines.step(&report(step, seconds));
        }
        lines.note(Level::Warning, "COLLAPSE");
        let text = String::from_utf8(lines.out).unwrap();
        assert_eq!(text.lines().count(), 4, "{text}");
        assert!(text.starts_with("step 1/100 · epoch 0.5 · loss 1.2500 · 320 samples/s · 3 m 5 s left"), "{text}");
        assert!(text.ends_with("warning: COLLAPSE\n"));
    }

    #[test]
    fn durations_are_words() {
        assert_eq!(
            [duration(42.2), duration(185.0), duration(7620.0), duration(f64::NAN)],
            ["42 s", "3 m 5 s", "2 h 7 m", "?"]
        );
    }
}
