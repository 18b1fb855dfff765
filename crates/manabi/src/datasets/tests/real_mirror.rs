//! The real archives, where the folder `shared/data` lies beside the checkout; skipped elsewhere.

use std::path::{Path, PathBuf};

use crate::datasets::manifest::Manifest;
use crate::datasets::{FetchOptions, Store, all_with, fetch, verify};

/// Fetches a dataset from the real mirror, if that is there.
fn fetched(folder: &Path, name: &str) -> Option<(Manifest, Store, PathBuf)> {
    let mirror = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data"));
    let manifest = all_with(None).unwrap().into_iter().find(|manifest| manifest.name == name).unwrap();
    let archive = mirror.join(&manifest.mirror.as_ref().unwrap().path);
    if !archive.is_file() {
        eprintln!("skipped: there is no {}", archive.display());
        return None;
    }
    assert_eq!(archive.metadata().unwrap().len(), manifest.mirror.as_ref().unwrap().size);
    let store = Store::open(Some(folder.join("store"))).unwrap();
    let options = FetchOptions { mirror: Some(mirror), overwrite: false, quiet: true };
    let path = fetch(&manifest, &store, options).unwrap();
    Some((manifest, store, path))
}

#[test]
fn fashion_mnist_comes_from_the_real_mirror_and_verifies() {
    let folder = tempfile::tempdir().unwrap();
    let Some((manifest, store, path)) = fetched(folder.path(), "fashion-mnist") else { return };
    assert_eq!(path.join("train-images-idx3-ubyte.gz").metadata().unwrap().len(), 26_421_880);
    assert!(verify(&manifest, &store).unwrap().is_intact());
}

#[test]
fn magnetic_tile_comes_from_the_real_mirror_and_verifies() {
    let folder = tempfile::tempdir().unwrap();
    let Some((manifest, store, path)) = fetched(folder.path(), "magnetic-tile") else { return };
    let free = std::fs::read_dir(path.join("MT_Free/Imgs")).unwrap().count();
    assert_eq!(free, 800);
    assert!(verify(&manifest, &store).unwrap().is_intact());
}

#[test]
fn cifar10_comes_from_the_real_mirror_and_verifies() {
    let folder = tempfile::tempdir().unwrap();
    let Some((manifest, store, path)) = fetched(folder.path(), "cifar10-jpg") else { return };
    assert!(path.join("test/airplane/0000.jpg").is_file());
    assert_eq!(verify(&manifest, &store).unwrap().files, 60_000);
}
