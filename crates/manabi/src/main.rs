//! The `manabi` command: exit code 0 done, 1 failed, 2 wrong usage, 130 and 143 interrupted and saved.

use std::process::ExitCode;

use clap::Parser;
use manabi::cli::Cli;

fn main() -> ExitCode {
    // Freed tensors are used again instead of going back to the system: fresh pages cost ten times a warm copy.
    manabi_kernels::memory::tune_allocator();
    manabi_kernels::memory::quiet_candle_threads();
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::try_from_env("MANABI_LOG").unwrap_or_else(|_| "warn".into()))
        .with_writer(std::io::stderr)
        .without_time()
        .with_target(false)
        .init();
    match manabi::run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // A closed pipe (`manabi … | head`) is the reader's wish, not a failure.
            eprintln!("manabi: {error:#}");
            ExitCode::from(manabi::exit_code(&error))
        }
    }
}
