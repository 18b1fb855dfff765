//! House rules that a compiler does not check: each source file says what it is, no test is
//! switched off, and `manabi-core` names no modality.

use std::{fs, path::Path};

use anyhow::{Context, Result, bail};

/// Words that a modality-free crate cannot know ("sentence" and "graph" have other meanings too).
const MODALITIES: [&str; 6] = ["image", "audio", "waveform", "mel", "pixel", "sensor"];

/// Checks every source file of the workspace.
pub fn run() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("the workspace's root")?;
    let mut faults = Vec::new();
    for folder in ["crates", "xtask", "benches"] {
        walk(&root.join(folder), &mut faults)?;
    }
    if !faults.is_empty() {
        bail!("{} untidy places:\n  {}", faults.len(), faults.join("\n  "));
    }
    Ok(())
}

fn walk(dir: &Path, faults: &mut Vec<String>) -> Result<()> {
    for entry in fs::read_dir(dir).with_context(|| dir.display().to_string())? {
        let path = entry?.path();
        if path.is_dir() {
            walk(&path, faults)?;
        } else if path.extension().is_some_and(|e| e == "rs") {
            check(&path, &fs::read_to_string(&path)?, faults);
        }
    }
    Ok(())
}

fn check(path: &Path, text: &str, faults: &mut Vec<String>) {
    let name = path.display();
    if !text.starts_with("//!") {
        faults.push(format!("{name}: the first line must be a //! that says what the file is"));
    }
    let core = path.to_string_lossy().contains("manabi-core/src");
    for (number, line) in text.lines().enumerate() {
        let at = |why: &str| format!("{name}:{}: {why}", number + 1);
        // Spelled apart, so that this file does not find itself.
        if line.contains(concat!("#[", "ignore")) {
            faults.push(at("a test is switched off"));
        }
        // Titles of papers are quoted as they are.
        let quotes_a_paper = line.contains("arXiv") || line.contains('*');
        if core && !quotes_a_paper {
            for word in line.split(|c: char| !c.is_ascii_alphabetic()) {
                let word = word.to_ascii_lowercase();
                if MODALITIES.contains(&word.strip_suffix('s').unwrap_or(&word)) {
                    faults.push(at(&format!("manabi-core names a modality: {word}")));
                }
            }
        }
    }
}
