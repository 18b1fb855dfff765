//! A process that runs one case when asked.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use anyhow::{Context, Result, bail};

use super::environment;

/// What one turn measured.
#[derive(Clone, Copy)]
pub struct Turn {
    /// Seconds of one run.
    pub seconds: f64,
    /// Peak memory of the process so far, in bytes.
    pub peak_memory: u64,
}

/// A worker that has warmed up.
pub struct Worker {
    what: String,
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Worker {
    /// Starts `command` with `threads` threads and waits until it is ready.
    pub fn start(mut command: Command, threads: usize) -> Result<Self> {
        let what = format!("{command:?}");
        for name in ["RAYON_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"] {
            command.env(name, threads.to_string());
        }
        command.env("MANABI_PEERS_JPEG", environment::photo_folder());
        let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = spawned.with_context(|| format!("cannot start {what}"))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            bail!("{what} has no pipes");
        };
        let mut worker = Self { what, child, input, output: BufReader::new(output) };
        let word = worker.read()?;
        if word != "ready" {
            bail!("{} said \"{word}\" instead of \"ready\"", worker.what);
        }
        Ok(worker)
    }

    /// Runs the case `runs` times.
    pub fn turn(&mut self, runs: usize) -> Result<Turn> {
        writeln!(self.input, "{runs}").with_context(|| format!("{} has ended", self.what))?;
        let answer = self.read()?;
        let parsed = answer
            .split_once(' ')
            .and_then(|(seconds, peak)| Some(Turn { seconds: seconds.parse().ok()?, peak_memory: peak.parse().ok()? }));
        parsed.with_context(|| format!("{} said \"{answer}\" instead of seconds and bytes", self.what))
    }

    fn read(&mut self) -> Result<String> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        if line.is_empty() {
            bail!("{} ended early; its own message is above", self.what);
        }
        Ok(line.trim().to_string())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may have ended already, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
