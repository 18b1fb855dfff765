//! The manabi command line, and the facade that re-exports its crates.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod datasets;
