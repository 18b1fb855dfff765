//! Optimisers whose whole state can be checkpointed.

mod config;

pub use config::OptimizerConfig;
