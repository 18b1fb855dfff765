//! How fast this machine trains, without a trace in the run.

use std::{sync::Arc, thread};

use super::{Loader, Rate, Signals, Trainer};
use crate::{Result, modality::Modality};

impl<M: Modality> Trainer<'_, M> {
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
}
