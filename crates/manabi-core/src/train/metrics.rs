//! `metrics.jsonl`: one JSON object a line, numbers only, no times of day.
//!
//! A resumed run first drops the lines after its checkpoint, so that the finished file has
//! the bytes of a run that was never interrupted.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
};

use super::files::{explain, write_atomic};
use crate::{Error, Result};

/// One line: figures by name, `step` among them.
pub type MetricsRow = BTreeMap<String, Option<f64>>;

/// An open log.
#[derive(Debug)]
pub struct MetricsLog {
    path: PathBuf,
    file: File,
}

impl MetricsLog {
    /// Opens the log of a run that has done `steps` steps: what was logged after them is dropped.
    pub fn open(path: &Path, steps: u64) -> Result<Self> {
        let mut kept = String::new();
        if path.exists() {
            let text = fs::read_to_string(path).map_err(|e| Error::io(path, e))?;
            for line in text.split_inclusive('\n') {
                let fits = line.ends_with('\n')
                    && parse(line)
                        .is_ok_and(|row| row.get("step").is_some_and(|s| s.is_some_and(|s| s <= steps as f64)));
                if !fits {
                    break;
                }
                kept.push_str(line);
            }
            if kept.len() != text.len() {
                write_atomic(path, kept.as_bytes())?;
            }
        }
        let file = OpenOptions::new().append(true).create(true).open(path).map_err(|e| explain(path, e))?;
        Ok(Self { path: path.to_path_buf(), file })
    }

    /// Appends a line: `step` steps are done.
    pub fn write(&mut self, step: u64, figures: &[(String, f64)]) -> Result<()> {
        let mut line = format!("{{\"step\":{step}");
        for (name, value) in figures {
            let name = serde_json::Value::from(name.as_str());
            let value = serde_json::Value::from(*value); // null when not finite
            line.push_str(&format!(",{name}:{value}"));
        }
        line.push_str("}\n");
        self.file.write_all(line.as_bytes()).map_err(|e| explain(&self.path, e))
    }

    /// Makes what was written durable.
    pub fn sync(&mut self) -> Result<()> {
        self.file.sync_data().map_err(|e| explain(&self.path, e))
    }
}

/// The lines of a log.
pub fn read_metrics(path: &Path) -> Result<Vec<MetricsRow>> {
    let text = fs::read_to_string(path).map_err(|e| Error::io(path, e))?;
    text.lines()
        .enumerate()
        .map(|(n, line)| parse(line).map_err(|e| Error::file(path, format!("line {}: {e}", n + 1))))
        .collect()
}

fn parse(line: &str) -> std::result::Result<MetricsRow, serde_json::Error> {
    serde_json::from_str(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(loss: f64) -> Vec<(String, f64)> {
        vec![("loss".into(), loss)]
    }

    #[test]
    fn a_resumed_log_equals_the_uninterrupted_one() {
        let dir = tempfile::tempdir().unwrap();
        let (whole, parts) = (dir.path().join("whole"), dir.path().join("parts"));
        let write = |path: &Path, done: u64, steps: std::ops::Range<u64>| {
            let mut log = MetricsLog::open(path, done).unwrap();
            for s in steps {
                log.write(s, &figures(s as f64 / 3.0)).unwrap();
            }
            log.sync().unwrap();
        };
        write(&whole, 0, 1..9);
        write(&parts, 0, 1..7);
        let mut torn = OpenOptions::new().append(true).open(&parts).unwrap();
        torn.write_all(b"{\"step\":7,\"lo").unwrap();
        write(&parts, 4, 5..9);
        assert_eq!(fs::read(&whole).unwrap(), fs::read(&parts).unwrap());
    }

    #[test]
    fn a_fresh_run_starts_an_empty_log() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("metrics.jsonl");
        MetricsLog::open(&path, 0).unwrap().write(3, &figures(1.0)).unwrap();
        MetricsLog::open(&path, 0).unwrap().write(1, &figures(f64::NAN)).unwrap();
        let rows = read_metrics(&path).unwrap();
        assert_eq!(rows.len(), 1);
        assert_eq!((rows[0]["step"], rows[0]["loss"]), (Some(1.0), None));
    }
}
