//! Wall-clock time of the phases, and how much of the budget is left.

use std::{
    cell::{Cell, RefCell},
    time::{Duration, Instant},
};

use crate::report::Phase;

/// Measures phases one after another.
#[derive(Debug)]
pub struct Stopwatch {
    start: Instant,
    lap: Cell<Instant>,
    budget: Duration,
    phases: RefCell<Vec<Phase>>,
}

impl Stopwatch {
    /// Starts now.
    pub fn start(budget: Duration) -> Self {
        let now = Instant::now();
        Self { start: now, lap: Cell::new(now), budget, phases: RefCell::default() }
    }

    /// Ends a phase; one that comes back is added to.
    pub fn lap(&self, name: &str) {
        let now = Instant::now();
        let seconds = (now - self.lap.replace(now)).as_secs_f64();
        let mut phases = self.phases.borrow_mut();
        match phases.iter_mut().find(|p| p.name == name) {
            Some(phase) => phase.seconds += seconds,
            None => phases.push(Phase { name: name.into(), seconds }),
        }
    }

    /// Seconds since the start.
    pub fn elapsed(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }

    /// Seconds of the budget that are left; negative beyond it.
    pub fn left(&self) -> f64 {
        self.budget.as_secs_f64() - self.elapsed()
    }

    /// The phases so far.
    pub fn phases(&self) -> Vec<Phase> {
        self.phases.borrow().clone()
    }
}
