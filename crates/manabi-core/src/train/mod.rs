//! The training loop and what it leaves behind.
//!
//! [`Trainer`] owns parameters, method and optimiser and pulls batches from a prefetching
//! [`Loader`]; an [`Observer`] shows progress, a [`RunDir`] keeps checkpoints, metrics and
//! the encoder. Randomness is a pure function of `(seed, epoch, sample, view)`, so a resumed
//! run has the bits of one that was never interrupted.

mod bits;
mod checkpoint;
mod clock;
mod config;
mod export;
mod files;
mod loader;
mod measure;
mod metrics;
mod monitor;
mod order;
mod progress;
mod record;
mod run;
mod run_dir;
mod setup;
mod signals;
mod spectrum;
mod state;
mod summary;
mod tensorboard;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod toy;
mod trainer;
mod update;

pub use checkpoint::{Checkpoint, CheckpointStore, Found, tensors_to_bytes};
pub use clock::{Clock, ManualClock, SystemClock};
pub use config::{Plan, TrainConfig};
pub use export::{EncoderCard, read_encoder, write_encoder};
pub use files::{Fault, Files, Operation, write_atomic};
pub use loader::{Batch, LoadJob, Loader};
pub use metrics::{MetricsLog, MetricsRow, read_metrics};
pub use monitor::{Health, LossTrend, Verdict, feature_health};
pub use order::{Order, epoch_order};
pub use progress::{Bar, Level, Lines, Observer, Quiet, StepReport, observer};
pub use run_dir::{Existing, RunDir};
pub use setup::Setup;
pub use signals::Signals;
pub use summary::{Rate, Stopped, Summary};
pub use tensorboard::EventWriter;
pub use trainer::{Probe, Trainer};
