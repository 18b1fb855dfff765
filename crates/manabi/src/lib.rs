//! The manabi command line, and the facade that re-exports its crates.
//!
//! A Rust program takes one crate ([`image`], say) or all of them from here:
//! [`core`] has methods, losses, the trainer and evaluation; a modality crate has sources,
//! augmentations and encoders; [`pilot`] has the label-efficiency study and its report.
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub use manabi_audio as audio;
pub use manabi_core as core;
pub use manabi_image as image;
pub use manabi_kernels as kernels;
pub use manabi_pilot as pilot;
pub use manabi_series as series;
pub use manabi_text as text;

pub mod cli;
pub mod command;
pub mod datasets;
pub mod modality;
pub mod writer;

use anyhow::{Context, Result};
use cli::{Cli, Command};

/// Runs one command.
pub fn run(cli: &Cli) -> Result<()> {
    if cli.device != "cpu" {
        anyhow::bail!(
            "--device {}: this build computes on the CPU; build with --features cuda for a GPU, or leave the option out",
            cli.device
        );
    }
    if let Some(threads) = cli.threads {
        anyhow::ensure!(threads > 0, "--threads must be at least 1");
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build_global()
            .context("cannot set the number of threads")?;
    }
    let global = command::Global { quiet: cli.quiet, json: cli.json };
    match &cli.command {
        Command::Methods(args) => command::methods::run(args.name.as_deref(), cli.json),
        Command::Data(args) => command::data::run(args, cli.json, cli.quiet),
        Command::Inspect(args) => command::resolve::modality(&args.data)?.inspect(args, global),
        Command::Pretrain(args) => command::pretrain::modality(args)?.pretrain(args, global),
        Command::Embed(args) => command::resolve::modality(&args.data)?.embed(args, global),
        Command::Evaluate(args) => command::resolve::modality(&args.data)?.evaluate(args, global),
        Command::Finetune(args) => command::resolve::modality(&args.data)?.finetune(args, global),
        Command::Predict(args) => command::resolve::modality(&args.data)?.predict(args, global),
        Command::Anomaly(args) => command::resolve::modality(&args.data)?.anomaly(args, global),
        Command::Pilot(args) => command::pilot::modality(args)?.pilot(args, global),
    }
}

/// The exit code of a failed command: 130 and 143 where a signal stopped it after it had saved.
pub fn exit_code(error: &anyhow::Error) -> u8 {
    match error.downcast_ref::<manabi_core::Error>() {
        Some(manabi_core::Error::Interrupted { signal, .. }) => 128 + u8::try_from(*signal).unwrap_or(2),
        _ => 1,
    }
}
