//! `cargo xtask sanitize`: the kernels' tests under AddressSanitizer and ThreadSanitizer.
//!
//! All `unsafe` is in `manabi-kernels`, so that its tests are what a sanitiser has to see: every kernel on random shapes
//! and odd inputs, and every tile of the products that the processor can run, the portable one included. It needs the
//! nightly toolchain with its `rust-src`: ThreadSanitizer must see the standard library's own synchronisation.

use std::process::Command;

use anyhow::{Context, Result, bail};

/// What is looked for.
#[derive(clap::Args)]
pub struct Args {
    /// One of them alone; both one after the other without.
    #[arg(value_enum)]
    only: Option<Sanitizer>,
}

#[derive(Clone, Copy, PartialEq, clap::ValueEnum)]
enum Sanitizer {
    /// Reads and writes outside of what is allocated, and of what is freed.
    Address,
    /// Two threads at one place, one of them writing.
    Thread,
}

/// Builds the tests for each sanitiser under `target/sanitize` and runs them.
pub fn run(args: &Args) -> Result<()> {
    let host = host()?;
    for sanitizer in [Sanitizer::Address, Sanitizer::Thread] {
        if args.only.is_some_and(|only| only != sanitizer) {
            continue;
        }
        let (name, std) = match sanitizer {
            Sanitizer::Address => ("address", None),
            Sanitizer::Thread => ("thread", Some("-Zbuild-std")),
        };
        println!("$ cargo +nightly test -p manabi-kernels, with -Zsanitizer={name}");
        let status = Command::new("cargo")
            // The toolchain that runs this program is not the one that is asked for.
            .env_remove("RUSTUP_TOOLCHAIN")
            .env_remove("CARGO")
            .env_remove("RUSTC")
            .env("RUSTFLAGS", format!("-Zsanitizer={name}"))
            .args(["+nightly", "test", "-p", "manabi-kernels", "--lib", "--tests", "--target", &host])
            .args(["--target-dir", &format!("target/sanitize/{name}")])
            .args(std)
            .status()
            .context("cannot start cargo")?;
        if !status.success() {
            bail!(
                "the {name} sanitiser found something, or `cargo +nightly` is missing: \
                 `rustup toolchain install nightly --component rust-src`"
            );
        }
    }
    Ok(())
}

/// The triple of this machine: a sanitiser wants it named, so that it leaves build scripts alone.
fn host() -> Result<String> {
    let output = Command::new("rustc").arg("-vV").output().context("cannot start rustc")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(line.context("rustc does not say for which machine it compiles")?.to_owned())
}
