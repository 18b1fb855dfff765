//! Pooling over windows of maps (N, C, H, W) and of series (N, C, T), or over whole ones.
//!
//! Windows may overlap, and the maximum may be taken with padding, which never wins. A series is a map of one row, under
//! windows of one row: the same kernels serve both. What no window covers is left out, as in PyTorch. Each task takes
//! whole maps.

mod average;
mod global;
mod max;
mod windows;

pub use average::{avg_pool1d, avg_pool2d};
pub use global::{global_avg_pool, global_avg_pool1d};
pub use max::{max_pool1d, max_pool2d};
