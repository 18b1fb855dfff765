//! Time as a thing that is handed in: training itself never asks what time it is.
//!
//! Only the checkpoint interval, the deadline and the displays read it; no number that is
//! learnt depends on it.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// A clock.
pub trait Clock: Send + Sync {
    /// Time since some fixed moment; never goes back.
    fn now(&self) -> Duration;

    /// Seconds since 1970, for the stamps of event files.
    fn unix(&self) -> f64;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    start: Instant,
}

impl Default for SystemClock {
    fn default() -> Self {
        Self { start: Instant::now() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn unix(&self) -> f64 {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
    }
}

/// A clock that stands still until it is set, or moves on a fixed amount each time it is read.
#[derive(Debug, Default)]
pub struct ManualClock {
    millis: AtomicU64,
    tick: u64,
}

impl ManualClock {
    /// A clock that moves on `tick` milliseconds at each look.
    pub fn ticking(tick: u64) -> Self {
        Self { millis: AtomicU64::new(0), tick }
    }

    /// Moves the clock on.
    pub fn advance(&self, by: Duration) {
        self.millis.fetch_add(by.as_millis() as u64, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Duration {
        Duration::from_millis(self.millis.fetch_add(self.tick, Ordering::SeqCst))
    }

    fn unix(&self) -> f64 {
        self.now().as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let clock = ManualClock::default();
        assert_eq!(clock.now(), clock.now());
        clock.advance(Duration::from_secs(3));
        assert_eq!(clock.now(), Duration::from_secs(3));
    }
}
