//! A process that runs one case when asked.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use anyhow::{Context, Result, bail};

use super::{environment, roofline::Work};

/// What one turn measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Turn {
    /// Seconds of one run.
    pub seconds: f64,
    /// Peak memory of the process so far, in bytes.
    pub peak_memory: u64,
    /// Minor page faults of one run.
    pub faults: u64,
}

/// A worker that has warmed up.
pub struct Worker {
    /// What a run has to do, where the worker says so.
    pub work: Option<Work>,
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
        let mut worker = Self { work: None, what, child, input, output: BufReader::new(output) };
        let word = worker.read()?;
        let Some(work) = word.strip_prefix("ready") else {
            bail!("{} said \"{word}\" instead of \"ready\"", worker.what);
        };
        worker.work = Work::parse(work);
        Ok(worker)
    }

    /// Runs the case `runs` times.
    pub fn turn(&mut self, runs: usize) -> Result<Turn> {
        writeln!(self.input, "{runs}").with_context(|| format!("{} has ended", self.what))?;
        let answer = self.read()?;
        Turn::parse(&answer)
            .with_context(|| format!("{} said \"{answer}\" instead of seconds, bytes and faults", self.what))
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

impl Turn {
    fn parse(answer: &str) -> Option<Self> {
        let mut parts = answer.split(' ');
        let turn = Self {
            seconds: parts.next()?.parse().ok()?,
            peak_memory: parts.next()?.parse().ok()?,
            faults: parts.next()?.parse().ok()?,
        };
        (parts.next().is_none() && turn.seconds > 0.0).then_some(turn)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may have ended already, which is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_three_figures() {
        let turn = Turn { seconds: 0.5, peak_memory: 1024, faults: 3 };
        assert_eq!(Turn::parse("0.5 1024 3"), Some(turn));
        for wrong in ["0.5 1024", "0.5 1024 3 4", "0 1024 3", "", "fast 1 1"] {
            assert_eq!(Turn::parse(wrong), None, "{wrong}");
        }
    }
}
