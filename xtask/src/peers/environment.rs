//! The two programs that are compared: a Python with pinned packages, and our worker as released.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

/// Ends with status 3 where Python is too old, 4 where it cannot make environments.
const CAN_MAKE: &str = "import sys\nif sys.version_info < (3, 10): sys.exit(3)\n\
                        try: import ensurepip, venv\nexcept ImportError: sys.exit(4)";
const HAS_PACKAGES: &str = "import torch, torchvision, lightly";

/// `benches/peers`.
pub fn peers_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../benches/peers")
}

/// Where our worker writes the photos that both sides load.
pub fn photo_folder() -> PathBuf {
    own_folder().join("photos")
}

fn own_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/peers")
}

/// A Python that can run the peer: the given one, or an environment that is made once.
pub fn python(given: Option<&Path>) -> Result<PathBuf> {
    let requirements = peers_folder().join("requirements.txt");
    if let Some(python) = given {
        let status = Command::new(python).args(["-c", HAS_PACKAGES]).status();
        let status = status.with_context(|| format!("--python {}: cannot be started", python.display()))?;
        if !status.success() {
            bail!(
                "--python {} lacks a package that is compared with; install {} there, or leave the option out",
                python.display(),
                requirements.display()
            );
        }
        return Ok(python.to_path_buf());
    }
    let folder = own_folder();
    let (python, done) = (folder.join("bin/python"), folder.join("installed"));
    let wanted = std::fs::read_to_string(&requirements).with_context(|| requirements.display().to_string())?;
    if std::fs::read_to_string(&done).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    make(Path::new("python3"), &folder, &requirements)?;
    // Written last: an environment that was broken off is made again.
    std::fs::write(&done, wanted).with_context(|| done.display().to_string())?;
    Ok(python)
}

/// Makes the environment in `folder` with the interpreter `python`.
fn make(python: &Path, folder: &Path, requirements: &Path) -> Result<()> {
    let name = python.display();
    let check = match Command::new(python).args(["-c", CAN_MAKE]).status() {
        Ok(status) => status,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            bail!("there is no {name}: install Python 3.10 or newer, or give one that has PyTorch with --python")
        }
        Err(error) => return Err(error).with_context(|| format!("cannot start {name}")),
    };
    if let Some(refusal) = refusal(check.code()) {
        bail!("{name} {refusal}, or give one that has PyTorch with --python");
    }
    eprintln!("making an environment of pinned packages in {} (once; 6 GB) …", folder.display());
    // Standard output is kept for the comparisons.
    let status = Command::new(python).args(["-m", "venv"]).arg(folder).stdout(std::io::stderr()).status();
    if !status.with_context(|| format!("cannot start {name}"))?.success() {
        bail!("{name} made no environment in {}; its own message is above", folder.display());
    }
    let mut pip = Command::new(folder.join("bin/python"));
    pip.args(["-m", "pip", "install", "--progress-bar", "off", "-r"]).arg(requirements).stdout(std::io::stderr());
    if !pip.status().context("cannot start pip")?.success() {
        bail!(
            "pip could not install {}: see above; without a network or with less than 6 GB of disk, give a Python that \
             has these packages with --python",
            requirements.display()
        );
    }
    Ok(())
}

/// Why an interpreter whose check ended with this status makes no environment, and the remedy.
fn refusal(status: Option<i32>) -> Option<&'static str> {
    match status {
        Some(0) => None,
        Some(3) => Some("is older than 3.10: install a newer one"),
        Some(4) => Some("cannot make environments: install its venv module (Debian, Ubuntu: python3-venv)"),
        _ => Some("does not run: install it again"),
    }
}

/// Our worker, built as a release is.
pub fn our_worker() -> Result<PathBuf> {
    let output = Command::new("cargo")
        .args(["bench", "--package", "manabi-benches", "--bench", "peers", "--no-run", "--message-format=json"])
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start cargo")?;
    if !output.status.success() {
        bail!("our worker does not build; cargo's own message is above");
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let mut executable = text.lines().filter_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        let path = message.get("executable")?.as_str()?;
        (message.get("target")?.get("name")?.as_str()? == "peers").then(|| PathBuf::from(path))
    });
    executable.next_back().context("cargo built no executable for the bench target \"peers\"")
}

/// Our worker, about to run a case.
pub fn our_case(ours: &Path, name: &str) -> Command {
    let mut command = Command::new(ours);
    command.arg(name);
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_python_is_named_with_the_remedy() {
        let folder = std::env::temp_dir();
        let error = make(Path::new("/nowhere/python3"), &folder, &folder).unwrap_err().to_string();
        assert!(error.contains("there is no /nowhere/python3") && error.contains("--python"), "{error}");
        let error = format!("{:#}", python(Some(Path::new("/nowhere/python3"))).unwrap_err());
        assert!(error.contains("--python /nowhere/python3: cannot be started"), "{error}");
    }

    #[test]
    fn a_python_that_is_too_old_or_has_no_venv_is_refused_with_the_remedy() {
        assert_eq!(refusal(Some(0)), None);
        for (status, remedy) in [(Some(3), "older than 3.10"), (Some(4), "python3-venv"), (None, "does not run")] {
            assert!(refusal(status).unwrap().contains(remedy));
        }
    }
}
