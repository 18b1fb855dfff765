//! The list of datasets: those built into the program, and those that a folder of manifests adds or overrides.

use std::path::Path;

use super::error::{At, DatasetError, Result};
use super::manifest::Manifest;

/// Environment variable that names a folder of manifests, each of which adds a dataset or overrides the one of its name.
pub const MANIFESTS_VARIABLE: &str = "MANABI_MANIFESTS";

/// A manifest is a page of text; a larger file is something else.
const MAX_MANIFEST_BYTES: u64 = 1 << 20;

const EMBEDDED: &[(&str, &str)] = &[
    ("cifar10-jpg.toml", include_str!("../../../../datasets/cifar10-jpg.toml")),
    ("cmapss-fd001.toml", include_str!("../../../../datasets/cmapss-fd001.toml")),
    ("cwru-12k-de-load0.toml", include_str!("../../../../datasets/cwru-12k-de-load0.toml")),
    ("esc10-16k.toml", include_str!("../../../../datasets/esc10-16k.toml")),
    ("fashion-mnist.toml", include_str!("../../../../datasets/fashion-mnist.toml")),
    ("fsdd.toml", include_str!("../../../../datasets/fsdd.toml")),
    ("magnetic-tile.toml", include_str!("../../../../datasets/magnetic-tile.toml")),
    ("nab.toml", include_str!("../../../../datasets/nab.toml")),
    ("skab.toml", include_str!("../../../../datasets/skab.toml")),
    ("ucr.toml", include_str!("../../../../datasets/ucr.toml")),
];

/// All datasets by name: the built-in ones, and those of the folder in `MANABI_MANIFESTS`.
pub fn all() -> Result<Vec<Manifest>> {
    let folder = std::env::var_os(MANIFESTS_VARIABLE).filter(|value| !value.is_empty());
    all_with(folder.as_ref().map(Path::new))
}

/// All datasets by name: the built-in ones, and those of `folder`, which win over built-in ones of the same name.
pub fn all_with(folder: Option<&Path>) -> Result<Vec<Manifest>> {
    let mut manifests = Vec::new();
    for (file, text) in EMBEDDED {
        manifests.push(Manifest::parse(file, text)?);
    }
    if let Some(folder) = folder {
        let mut own: Vec<Manifest> = Vec::new();
        for manifest in read_folder(folder)? {
            if own.iter().any(|other| other.name == manifest.name) {
                let reason = format!("two files of this folder name their dataset '{}'", manifest.name);
                return Err(DatasetError::Manifest { file: folder.display().to_string(), reason });
            }
            own.push(manifest);
        }
        manifests.retain(|manifest| own.iter().all(|other| other.name != manifest.name));
        manifests.extend(own);
    }
    manifests.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(manifests)
}

/// The dataset of this name.
pub fn find(name: &str) -> Result<Manifest> {
    let manifests = all()?;
    let known = manifests.iter().map(|manifest| manifest.name.as_str()).collect::<Vec<_>>().join(", ");
    manifests
        .into_iter()
        .find(|manifest| manifest.name == name)
        .ok_or_else(|| DatasetError::Unknown { name: name.to_string(), known })
}

fn read_folder(folder: &Path) -> Result<Vec<Manifest>> {
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).at("read the folder of manifests", folder)? {
        let path = entry.at("read the folder of manifests", folder)?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            paths.push(path);
        }
    }
    paths.sort();
    paths.iter().map(|path| read_file(path)).collect()
}

fn read_file(path: &Path) -> Result<Manifest> {
    let size = std::fs::metadata(path).at("read the manifest", path)?.len();
    if size > MAX_MANIFEST_BYTES {
        return Err(DatasetError::TooLarge { what: path.display().to_string(), limit: MAX_MANIFEST_BYTES });
    }
    let text = std::fs::read_to_string(path).at("read the manifest", path)?;
    Manifest::parse(&path.display().to_string(), &text)
}
