//! Where datasets live, and what a second look at them finds.

use std::collections::HashMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use super::helpers::{TREE, file, files_manifest, gzip, tar, tree_manifest};
use super::server::deaf_url;
use crate::datasets::download::Downloader;
use crate::datasets::error::DatasetError;
use crate::datasets::fetch::{FetchOptions, fetch_with};
use crate::datasets::list::Row;
use crate::datasets::manifest::Manifest;
use crate::datasets::mirror;
use crate::datasets::store::{Store, default_root};
use crate::datasets::verify::verify;

fn root(variables: &[(&str, &str)]) -> Option<PathBuf> {
    let map: HashMap<&str, &str> = variables.iter().copied().collect();
    default_root(&|name| map.get(name).map(OsString::from))
}

#[test]
fn the_variables_decide_where_data_live() {
    let home = ("HOME", "/home/u");
    assert_eq!(root(&[home, ("MANABI_DATA", "/d")]), Some("/d".into()));
    assert_eq!(root(&[home, ("MANABI_DATA", "")]), Some("/home/u/.local/share/manabi/datasets".into()));
    assert_eq!(root(&[home, ("XDG_DATA_HOME", "/x")]), Some("/x/manabi/datasets".into()));
    assert_eq!(root(&[home, ("XDG_DATA_HOME", "x")]), Some("/home/u/.local/share/manabi/datasets".into()));
    assert_eq!(root(&[]), None);
}

#[test]
fn a_mirror_that_was_given_wins_over_the_one_in_the_environment() {
    let environment = || Some(OsString::from("/env"));
    assert_eq!(mirror::choose(Some("/given".into()), environment()), Some("/given".into()));
    assert_eq!(mirror::choose(None, environment()), Some("/env".into()));
    assert_eq!(mirror::choose(None, Some(OsString::new())), None);
}

/// A store with the small dataset in it.
fn fetched(folder: &Path) -> (Manifest, Store, PathBuf) {
    let mirror = folder.join("mirror/image");
    std::fs::create_dir_all(&mirror).unwrap();
    let names: Vec<String> = TREE.iter().map(|(path, _)| format!("animals/{path}")).collect();
    let entries: Vec<_> = names.iter().zip(TREE).map(|(name, (_, data))| file(name, data)).collect();
    std::fs::write(mirror.join("animals.tar.gz"), gzip(&tar(&entries))).unwrap();
    let manifest = tree_manifest(&deaf_url());
    let store = Store::open(Some(folder.join("store"))).unwrap();
    let options = FetchOptions { mirror: Some(folder.join("mirror")), overwrite: false, quiet: true };
    let path = fetch_with(&manifest, &store, &options, &Downloader::for_tests(1)).unwrap();
    (manifest, store, path)
}

#[test]
fn verify_finds_an_intact_dataset_intact() {
    let folder = tempfile::tempdir().unwrap();
    let (manifest, store, path) = fetched(folder.path());
    let report = verify(&manifest, &store).unwrap();
    assert!(report.is_intact());
    assert_eq!((report.files, report.bytes, report.path), (3, 13, path));
}

#[test]
fn verify_names_what_is_missing_changed_and_unknown() {
    let folder = tempfile::tempdir().unwrap();
    let (manifest, store, path) = fetched(folder.path());
    std::fs::remove_file(path.join("cat/1.jpg")).unwrap();
    std::fs::write(path.join("dog/1.jpg"), b"WOOF").unwrap();
    std::fs::write(path.join("dog/2.jpg"), b"new").unwrap();
    let report = verify(&manifest, &store).unwrap();
    assert!(!report.is_intact());
    assert_eq!(report.missing, ["cat/1.jpg"]);
    assert_eq!(report.changed, ["dog/1.jpg"]);
    assert_eq!(report.unknown, ["dog/2.jpg"]);
}

#[test]
fn a_forged_list_of_checksums_hides_no_change() {
    let folder = tempfile::tempdir().unwrap();
    let (manifest, store, path) = fetched(folder.path());
    std::fs::write(path.join("SHA256SUMS"), "").unwrap();
    assert!(verify(&manifest, &store).unwrap().is_intact(), "the data are still right");
    std::fs::write(path.join("dog/1.jpg"), b"WOOF").unwrap();
    assert_eq!(verify(&manifest, &store).unwrap().changed, ["SHA256SUMS"]);
}

#[test]
fn verify_of_what_is_not_there_says_how_to_fetch_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(Some(folder.path().join("store"))).unwrap();
    let text = verify(&tree_manifest(&deaf_url()), &store).unwrap_err().to_string();
    assert!(text.contains("manabi data fetch animals"), "{text}");
}

#[test]
fn a_manifest_of_other_data_does_not_take_the_old_copy() {
    let folder = tempfile::tempdir().unwrap();
    let (mut manifest, store, path) = fetched(folder.path());
    manifest.notes.push("a corrected note".to_string());
    assert_eq!(store.path_of(&manifest), Some(path));
    assert_eq!(store.path_of(&files_manifest(&[("one", &deaf_url(), b"1")])), None);
}

#[test]
fn a_row_tells_size_licence_and_presence() {
    let folder = tempfile::tempdir().unwrap();
    let (manifest, store, _) = fetched(folder.path());
    let row = Row::new(&manifest, &store);
    assert_eq!((row.size().as_str(), row.licence.as_str(), row.present()), ("13 B", "CC0", "yes"));
}

#[test]
fn errors_of_the_disk_name_the_remedy() {
    let path = Path::new("/data/x");
    let text = |kind: io::ErrorKind| DatasetError::io("write", path, kind.into()).to_string();
    assert!(text(io::ErrorKind::StorageFull).contains("free some space"));
    assert!(text(io::ErrorKind::ReadOnlyFilesystem).contains("MANABI_DATA"));
    assert!(text(io::ErrorKind::PermissionDenied).contains("no permission to write /data/x"));
    assert!(text(io::ErrorKind::NotADirectory).contains("/data/x"));
}
