//! Optimisers whose whole state can be checkpointed, walked in name order.
//!
//! One update is: collect the gradients ([`Gradients`]) → drop what is frozen →
//! clip → [`Optimizer::step_with`] the factor of [`schedule`] and the teachers that follow ([`ema`]).

mod clip;
mod config;
pub mod ema;
mod gradients;
mod groups;
mod optimizer;
pub mod schedule;
mod step;

pub use config::OptimizerConfig;
pub use gradients::Gradients;
pub use groups::{Group, Groups};
pub use optimizer::Optimizer;
