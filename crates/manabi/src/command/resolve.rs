//! From the words on the command line to a dataset and its modality.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use manabi_core::data::DataSpec;

use crate::{
    cli::DataArgs,
    datasets::{self, Store},
    modality::{AnyModality, REGISTRY},
};

/// Where the data lies: a path, or the folder of a dataset that was fetched.
pub fn spec(args: &DataArgs) -> Result<DataSpec> {
    let Some(data) = &args.data else {
        bail!("which data? give a folder, a file, a manifest or a dataset's name (manabi data list)");
    };
    if !(0.0..=1.0).contains(&args.max_bad) {
        bail!("--max-bad is a share between 0 and 1, not {}", args.max_bad);
    }
    let mut spec = DataSpec::new(path_of(data)?);
    spec.labels.clone_from(&args.labels);
    spec.max_bad = args.max_bad;
    if let Some(labels) = spec.labels.as_deref().filter(|l| !l.is_file()) {
        bail!("--labels {}: there is no such file", labels.display());
    }
    Ok(spec)
}

fn path_of(data: &Path) -> Result<PathBuf> {
    if data.exists() {
        return Ok(data.to_path_buf());
    }
    // The name of a dataset that a modality draws itself.
    if REGISTRY.iter().any(|m| m.detect(&DataSpec::new(data))) {
        return Ok(data.to_path_buf());
    }
    let word = data.to_string_lossy();
    // Something that looks like a path was meant as one.
    if word.contains(std::path::MAIN_SEPARATOR) || word.contains('.') {
        bail!("{word}: there is no such file or folder");
    }
    match datasets::find(&word) {
        Ok(manifest) => match Store::open(None)?.path_of(&manifest) {
            Some(path) => Ok(path),
            None => bail!("{word} is not on this computer yet; fetch it with: manabi data fetch {word}"),
        },
        Err(error) => bail!("{word}: there is no such file or folder, and {error}"),
    }
}

/// The modality that was named, or the one that can read the data.
pub fn modality(args: &DataArgs) -> Result<&'static dyn AnyModality> {
    if let Some(name) = &args.modality {
        return by_name(name);
    }
    let spec = spec(args)?;
    let able: Vec<_> = REGISTRY.iter().filter(|m| m.detect(&spec)).collect();
    match able.as_slice() {
        [one] => Ok(**one),
        [] => bail!(
            "{}: nothing here that manabi can read (looked for: {}); is it empty? Name the kind of data with --modality",
            spec.path.display(),
            names()
        ),
        _ => bail!(
            "{}: could be {}; say which with --modality",
            spec.path.display(),
            able.iter().map(|m| m.name()).collect::<Vec<_>>().join(" or ")
        ),
    }
}

/// The modality of that name.
pub fn by_name(name: &str) -> Result<&'static dyn AnyModality> {
    match REGISTRY.iter().find(|m| m.name() == name) {
        Some(modality) => Ok(*modality),
        None => bail!("there is no modality \"{name}\"; known: {}", names()),
    }
}

fn names() -> String {
    REGISTRY.iter().map(|m| m.name()).collect::<Vec<_>>().join(", ")
}

/// The last part of a path as a word for folders and reports.
pub fn short_name(path: &Path) -> String {
    // What is no path is the name of a dataset.
    let path = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    name.unwrap_or_else(|| "data".into())
        .chars()
        .map(|c| if c.is_alphanumeric() || c == '-' || c == '_' { c } else { '-' })
        .collect()
}
