//! The two programs that are compared: a Python with pinned packages, and our worker as released.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

/// `benches/peers`.
pub fn peers_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../benches/peers")
}

/// Where our worker writes the photos that both sides load.
pub fn photo_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/peers/photos")
}

/// A Python that can run the peer: the given one, or an environment that is made once.
pub fn python(given: Option<&Path>) -> Result<PathBuf> {
    if let Some(python) = given {
        return Ok(python.to_path_buf());
    }
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/peers");
    let python = folder.join("bin/python");
    let done = folder.join("installed");
    let requirements = peers_folder().join("requirements.txt");
    let wanted = std::fs::read_to_string(&requirements).with_context(|| requirements.display().to_string())?;
    if std::fs::read_to_string(&done).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    eprintln!("making an environment of pinned packages in {} …", folder.display());
    step(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    step(Command::new(&python).args(["-m", "pip", "install", "--quiet", "-r"]).arg(&requirements))?;
    // Written last: an environment that was broken off is made again.
    std::fs::write(&done, wanted).with_context(|| done.display().to_string())?;
    Ok(python)
}

/// Our worker, built as a release is.
pub fn our_worker() -> Result<PathBuf> {
    let output = Command::new("cargo")
        .args(["bench", "--package", "manabi-benches", "--bench", "peers", "--no-run", "--message-format=json"])
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    if !output.status.success() {
        bail!("our worker does not build");
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let mut executable = text.lines().filter_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        let path = message.get("executable")?.as_str()?;
        (message.get("target")?.get("name")?.as_str()? == "peers").then(|| PathBuf::from(path))
    });
    executable.next_back().context("cargo built no executable for the bench target \"peers\"")
}

fn step(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start {command:?}"))?;
    if !status.success() {
        bail!("{command:?} failed; `--python` takes a Python that has PyTorch already");
    }
    Ok(())
}
