//! The project's own automation.
//!
//! `cargo xtask validate` is everything that CI checks on a change; `cargo xtask e2e` the
//! slower runs on real data; `cargo xtask bench` the cross-modal benchmark; `cargo xtask peers` speed beside PyTorch;
//! `cargo xtask ucr` TS2Vec on the UCR archive; `cargo xtask sanitize` the kernels' tests under sanitisers.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

use anyhow::Result;
use clap::{Parser, Subcommand};

mod bench;
mod e2e;
mod peers;
mod sanitize;
mod tidy;
mod ucr;
mod validate;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "manabi's own automation")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Format, lints, tidy, all tests, doctests: what a change must pass.
    Validate,
    /// The command line on real data: pilot, interruption and resume, bad input.
    E2e(e2e::Args),
    /// The benchmark suite, through the public API.
    Bench(bench::Args),
    /// Kernels and training steps beside PyTorch's, alternately in one run.
    Peers(peers::Args),
    /// TS2Vec on the UCR archive beside 1-NN-DTW.
    Ucr(ucr::Args),
    /// The kernels' tests under AddressSanitizer and ThreadSanitizer, on nightly.
    Sanitize(sanitize::Args),
}

fn main() -> Result<()> {
    match Cli::parse().command {
        Command::Validate => validate::run(),
        Command::E2e(args) => e2e::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Peers(args) => peers::run(&args),
        Command::Ucr(args) => ucr::run(&args),
        Command::Sanitize(args) => sanitize::run(&args),
    }
}
