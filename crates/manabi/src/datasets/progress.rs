//! How far a download or an import is: a bar in a terminal, plain lines elsewhere, nothing when quiet.

use std::io::IsTerminal;

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};

/// Shows the progress of one piece of work, counted in bytes.
pub(crate) struct Progress {
    bar: ProgressBar,
    label: String,
    lines: bool,
}

impl Progress {
    /// Begins to show; `total` is the number of bytes, where known.
    pub(crate) fn new(label: &str, total: Option<u64>, quiet: bool) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let bar = if quiet || !terminal { ProgressBar::hidden() } else { ProgressBar::new(total.unwrap_or(0)) };
        let template = match total {
            Some(_) => "{msg} {bar:24} {bytes}/{total_bytes} {bytes_per_sec} {eta} left",
            None => "{msg} {spinner} {bytes} {bytes_per_sec}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(label.to_string());
        let progress = Self { bar, label: label.to_string(), lines: !quiet && !terminal };
        if let (true, Some(total)) = (progress.lines, total) {
            eprintln!("{label}: {} to go", HumanBytes(total));
        }
        progress
    }

    /// Says how many bytes are done.
    pub(crate) fn set(&self, bytes: u64) {
        self.bar.set_position(bytes);
    }

    /// Says something beside the progress, such as that an attempt is repeated.
    pub(crate) fn note(&self, text: &str) {
        if self.lines {
            eprintln!("{}: {text}", self.label);
        } else {
            self.bar.println(format!("{}: {text}", self.label));
        }
    }

    /// Ends the display.
    pub(crate) fn done(&self, bytes: u64) {
        self.bar.finish_and_clear();
        if self.lines {
            eprintln!("{}: {} done", self.label, HumanBytes(bytes));
        }
    }
}
