//! `cargo xtask peers`: our kernels, losses, steps and loading beside PyTorch's, alternately in one run.
//!
//! Both sides are processes that wait for a word (`benches/benches/peers`, `benches/peers/worker.py`). A round lets each
//! work once, every second round in reverse; a ratio is taken within a round and its median over the rounds, so that a
//! machine that others use slows both sides alike. Above 1 we are faster. Where the peer has several ways (memory
//! formats), the line compares with its fastest; torch.compile has a ratio of its own. A kernel has a second line, its
//! share of what the machine can do (`roofline`). docs/BENCHMARKS.md says what each word of a line means.

use std::{
    io::{IsTerminal, Write},
    path::{Path, PathBuf},
};

use anyhow::{Result, bail};

mod cases;
mod environment;
mod line;
mod roofline;
mod rounds;
mod worker;

use roofline::Roof;

/// Arguments of `peers`.
#[derive(clap::Args)]
pub struct Args {
    /// Only cases whose name starts with this: `step`, `conv`, `matmul`, `augment`, `loss`, …, or a whole name.
    #[arg(long, default_value = "")]
    only: String,
    /// Rounds a case.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Threads on both sides; views of pictures are always made with one.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Leave out torch.compile, which compiles for up to a minute a case.
    #[arg(long)]
    no_compile: bool,
    /// A Python that has PyTorch; without one an environment of pinned packages is made under target/peers (6 GB).
    #[arg(long)]
    python: Option<PathBuf>,
}

/// Compares.
pub fn run(args: &Args) -> Result<()> {
    let cases = cases::starting(&args.only);
    if cases.is_empty() {
        bail!("no case starts with \"{}\"; there are: {}", args.only, cases::names());
    }
    if args.rounds == 0 || args.threads == 0 {
        bail!("a comparison needs at least one round and one thread");
    }
    let python = environment::python(args.python.as_deref())?;
    let ours = environment::our_worker()?;
    let mut roof = None;
    if cases.iter().any(|case| case.is_kernel()) {
        roof = Some(machine(&ours, args.threads)?);
    }
    let mut failed = Vec::new();
    for case in cases {
        let compile = (case.compiles && !args.no_compile).then_some("compile");
        let ways: Vec<&'static str> = case.ways.iter().copied().chain(compile).collect();
        let threads = case.threads(args.threads);
        let roof = roof.as_mut().filter(|_| case.is_kernel());
        match rounds::run(case, &ways, (&ours, &python), roof, threads, args.rounds) {
            Ok(rounds) => {
                if rounds.peers.iter().all(|(way, turns)| *way == "compile" || turns.is_none()) {
                    failed.push(case.name);
                }
                line::lines(case.name, &rounds).iter().try_for_each(|line| print(line))?;
            }
            Err(error) => {
                eprintln!("{}: {error:#}", case.name);
                failed.push(case.name);
            }
        }
    }
    if !failed.is_empty() {
        bail!("nothing to compare in {}; the reasons are above", failed.join(", "));
    }
    Ok(())
}

/// Measures the machine alone, says what it can do, and keeps the workers that did so.
fn machine(ours: &Path, threads: usize) -> Result<Roof> {
    let one = Roof::start(ours, 1)?.best()?;
    let mut roof = Roof::start(ours, threads)?;
    let all = roof.best()?;
    for (peak, threads) in [(one, 1), (all, threads)] {
        print(&format!("peak threads={threads} {:.0} GFLOP/s, copy {:.1} GB/s", peak.0 / 1e9, peak.1 / 1e9))?;
    }
    Ok(roof)
}

/// A whole line for a program that reads it, a folded one for a terminal.
fn print(line: &str) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match out.is_terminal() {
        true => writeln!(out, "{}", line::folded(line))?,
        false => writeln!(out, "{line}")?,
    }
    Ok(out.flush()?)
}
