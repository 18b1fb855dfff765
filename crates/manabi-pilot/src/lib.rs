//! The label-efficiency study: what self-supervision saves, what it costs, and the report that says so.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod error;
pub mod report;
pub mod study;

pub use error::{Error, Result};
