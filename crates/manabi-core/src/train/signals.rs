//! SIGINT and SIGTERM as a flag that the loop reads at every batch.
//!
//! The handler does nothing but set it; saving happens in the loop, between two steps. A
//! second signal ends the process at once (exit code 128 + its number).

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use signal_hook::{
    SigId,
    consts::{SIGINT, SIGTERM},
    flag, low_level,
};

use crate::{Error, Result};

/// The flag; handlers are taken away when it is dropped.
#[derive(Debug)]
pub struct Signals {
    number: Arc<AtomicUsize>,
    armed: Arc<AtomicBool>,
    ids: Vec<SigId>,
}

impl Signals {
    /// Puts up the handlers.
    pub fn register() -> Result<Self> {
        let mut signals = Self::manual();
        let armed = Arc::clone(&signals.armed);
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first signal finds `armed` false, the second one true.
            let added = [
                flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(&armed)),
                flag::register(signal, Arc::clone(&armed)),
                flag::register_usize(signal, Arc::clone(&signals.number), signal as usize),
            ];
            for id in added {
                signals.ids.push(id.map_err(|e| Error::config(format!("signal {signal} cannot be handled: {e}")))?);
            }
        }
        Ok(signals)
    }

    /// A flag without handlers, to be set by [`Signals::raise`].
    pub fn manual() -> Self {
        Self { number: Arc::default(), armed: Arc::default(), ids: Vec::new() }
    }

    /// Acts as if `signal` had come.
    pub fn raise(&self, signal: i32) {
        self.number.store(signal as usize, Ordering::SeqCst);
    }

    /// From now on nothing needs to be saved: already the first signal ends the process.
    pub fn end_at_once(&self) {
        self.armed.store(true, Ordering::SeqCst);
    }

    /// The signal that came, if any.
    pub fn received(&self) -> Option<i32> {
        match self.number.load(Ordering::SeqCst) {
            0 => None,
            number => Some(number as i32),
        }
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        for id in self.ids.drain(..) {
            low_level::unregister(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_sets_the_flag_with_its_number() {
        let signals = Signals::register().unwrap();
        assert_eq!(signals.received(), None);
        low_level::raise(SIGTERM).unwrap();
        assert_eq!(signals.received(), Some(SIGTERM));
    }
}
