//! `cargo xtask peers`: our kernels, steps and loading beside PyTorch's, alternately in one run.
//!
//! Both sides are processes that wait for a word (`benches/benches/peers`, `benches/peers/worker.py`). A round lets each
//! work once, every second round in reverse; a ratio is taken within a round and its median over the rounds, so that a
//! machine that others use slows both sides alike. Above 1 we are faster. Where the peer has several ways (memory
//! formats), the line compares with its fastest.

use std::path::PathBuf;

use anyhow::{Result, bail};

mod cases;
mod environment;
mod rounds;
mod worker;

use cases::Case;
use rounds::Comparison;

/// Arguments of `peers`.
#[derive(clap::Args)]
pub struct Args {
    /// Only cases whose name contains this: `step`, `conv`, `matmul`, `augment`, `jpeg`, or a whole name.
    #[arg(long, default_value = "")]
    only: String,
    /// Rounds a case.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Threads on both sides; views of pictures are always made with one.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Compare with torch.compile too; it compiles for about a minute a case.
    #[arg(long)]
    compile: bool,
    /// A Python that has PyTorch; without one an environment of pinned packages is made under target/peers.
    #[arg(long)]
    python: Option<PathBuf>,
}

/// Compares.
pub fn run(args: &Args) -> Result<()> {
    let cases: Vec<&Case> = cases::ALL.iter().filter(|case| case.name.contains(&args.only)).collect();
    if cases.is_empty() {
        bail!("no case contains \"{}\"; there are: {}", args.only, cases::names());
    }
    if args.rounds == 0 || args.threads == 0 {
        bail!("a comparison needs at least one round and one thread");
    }
    let python = environment::python(args.python.as_deref())?;
    let ours = environment::our_worker()?;
    for case in cases {
        let compile = (args.compile && case.compiles()).then_some("compile");
        let variants: Vec<&str> = case.variants.iter().copied().chain(compile).collect();
        let threads = case.threads(args.threads);
        let comparisons = rounds::compare(case, &variants, &ours, &python, threads, args.rounds)?;
        let (compiled, plain): (Vec<_>, Vec<_>) = comparisons.iter().partition(|one| one.variant == "compile");
        // The fastest way of the peer is what we are measured against.
        for best in plain.into_iter().min_by(|a, b| a.ratio.total_cmp(&b.ratio)).into_iter().chain(compiled) {
            println!("{}", line(case.name, best));
        }
    }
    Ok(())
}

fn line(name: &str, one: &Comparison) -> String {
    let suffix = if one.variant == "compile" { "-compile" } else { "" };
    format!(
        "{name}{suffix} ours={:.1}ms peer={:.1}ms ratio={:.2} ({:.2}-{:.2}, {}) memory ours={}MiB peer={}MiB",
        1e3 * one.ours,
        1e3 * one.peer,
        one.ratio,
        one.low,
        one.high,
        one.variant,
        one.our_memory >> 20,
        one.peer_memory >> 20
    )
}
