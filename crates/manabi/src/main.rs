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
        // A closed pipe (`manabi … | head`) is the reader's wish, not a failure.
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("manabi: {}", sentence(&error));
            ExitCode::from(manabi::exit_code(&error))
        }
    }
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().filter_map(|c| c.downcast_ref::<std::io::Error>()).any(|e| e.kind() == std::io::ErrorKind::BrokenPipe)
}

/// The error and its causes, without those that it already names.
fn sentence(error: &anyhow::Error) -> String {
    error.chain().map(ToString::to_string).fold(String::new(), |text, cause| match text.as_str() {
        "" => cause,
        known if known.contains(&cause) => text,
        _ => format!("{text}: {cause}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_who_has_enough_is_no_failure() {
        let pipe = std::io::Error::from(std::io::ErrorKind::BrokenPipe);
        assert!(is_closed_pipe(&anyhow::Error::from(pipe).context("predictions")));
        assert!(!is_closed_pipe(&anyhow::anyhow!("line 3: broken")));
    }

    #[test]
    fn a_cause_that_the_error_names_is_not_said_twice() {
        let io = std::io::Error::other("no space is left");
        let error = manabi::core::Error::io("run/x", io);
        assert_eq!(sentence(&error.into()), "run/x: no space is left");
        let error = anyhow::anyhow!("line 3: broken").context("labels.csv");
        assert_eq!(sentence(&error), "labels.csv: line 3: broken");
    }
}
