//! Whole datasets into a store: from the server, from mirrors, interrupted, damaged, replaced.

use std::path::{Path, PathBuf};

use super::helpers::{TREE, bytes, file, files_manifest, gzip, names, sha256, tar, tree_archive, tree_manifest};
use super::server::{Answer, Server, deaf_url};
use crate::datasets::download::Downloader;
use crate::datasets::error::{DatasetError, Result};
use crate::datasets::fetch::{FetchOptions, fetch_with};
use crate::datasets::manifest::{Manifest, Mirror};
use crate::datasets::store::Store;
use crate::datasets::verify::verify;

struct Bench {
    folder: tempfile::TempDir,
    store: Store,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(Some(folder.path().join("store"))).unwrap();
        Self { folder, store }
    }

    fn download(&self, manifest: &Manifest) -> Result<PathBuf> {
        self.fetch(manifest, None, false)
    }

    fn fetch(&self, manifest: &Manifest, mirror: Option<PathBuf>, overwrite: bool) -> Result<PathBuf> {
        let options = FetchOptions { mirror, overwrite, quiet: true };
        fetch_with(manifest, &self.store, &options, &Downloader::for_tests(2))
    }

    /// A mirror with these bytes as the dataset's archive.
    fn mirror(&self, archive: &[u8]) -> PathBuf {
        let mirror = self.folder.path().join("mirror");
        std::fs::create_dir_all(mirror.join("image")).unwrap();
        std::fs::write(mirror.join("image/animals.tar.gz"), archive).unwrap();
        mirror
    }

    /// The names in the store that are no dataset and no downloads.
    fn leftovers(&self) -> Vec<String> {
        let known = |name: &String| name != "animals" && name != ".downloads";
        names(self.store.root()).into_iter().filter(known).collect()
    }
}

fn assert_tree(path: &Path) {
    for (file, data) in TREE {
        assert_eq!(std::fs::read(path.join(file)).unwrap(), data);
    }
    assert_eq!(names(path), [".complete", "SHA256SUMS", "cat", "dog"]);
    assert_eq!(names(&path.join("cat")), ["1.jpg", "2.jpg"], "only the first two belong to the dataset");
}

#[test]
fn an_archive_from_the_network_becomes_a_whole_dataset() {
    let bench = Bench::new();
    let server = Server::start(vec![Answer::Ranged(tree_archive())]);
    let manifest = tree_manifest(&server.url("animals.tar.gz"));
    assert_eq!(bench.store.path_of(&manifest), None);
    let path = bench.download(&manifest).unwrap();
    assert_tree(&path);
    assert_eq!(bench.store.path_of(&manifest), Some(path.clone()));
    assert_eq!(bench.leftovers(), Vec::<String>::new());
    assert_eq!(names(&bench.store.root().join(".downloads")), ["animals.lock"]);
    // The server has ended: the second call must not need it.
    assert_eq!(bench.download(&manifest).unwrap(), path);
}

#[test]
fn single_files_from_the_network_become_a_whole_dataset() {
    let bench = Bench::new();
    let (one, two) = (bytes(100), bytes(50_000));
    let server = Server::start(vec![Answer::Ranged(one.clone()), Answer::Ranged(two.clone())]);
    let manifest = files_manifest(&[("one", &server.url("1"), &one), ("sub/two", &server.url("2"), &two)]);
    let path = bench.download(&manifest).unwrap();
    assert_eq!(std::fs::read(path.join("sub/two")).unwrap(), two);
    assert!(verify(&manifest, &bench.store).unwrap().is_intact());
}

#[test]
fn a_file_that_arrived_is_not_fetched_again_when_the_next_one_failed() {
    let bench = Bench::new();
    let (one, two) = (bytes(100), bytes(200));
    let server = Server::start(vec![
        Answer::Ranged(one.clone()),
        Answer::CutAfter(two.clone(), 150),
        Answer::Status(404),
        Answer::Ranged(two.clone()),
    ]);
    let manifest = files_manifest(&[("one", &server.url("1"), &one), ("two", &server.url("2"), &two)]);
    assert!(matches!(bench.download(&manifest).unwrap_err(), DatasetError::Status { status: 404, .. }));
    assert_eq!(bench.store.path_of(&manifest), None);
    bench.download(&manifest).unwrap();
    assert_eq!(server.ranges(), [None, None, Some(150), Some(150)]);
}

#[test]
fn an_archive_with_other_data_is_told_and_nothing_of_it_stays() {
    let bench = Bench::new();
    let wrong = gzip(&tar(&[
        file("animals/cat/1.jpg", b"MIAOW"),
        file("animals/cat/2.jpg", b"purr"),
        file("animals/dog/1.jpg", b"woof"),
    ]));
    let server = Server::start(vec![Answer::Ranged(wrong), Answer::Ranged(tree_archive())]);
    let manifest = tree_manifest(&server.url("a"));
    let error = bench.download(&manifest).unwrap_err();
    assert!(matches!(error, DatasetError::WrongContents { .. }), "{error}");
    assert!(error.to_string().contains(&manifest.tree.as_ref().unwrap().sha256), "{error}");
    assert_eq!(names(bench.store.root()), [".downloads"]);
    assert_eq!(names(&bench.store.root().join(".downloads")), ["animals.lock"]);
    assert_tree(&bench.download(&manifest).unwrap());
}

#[test]
fn an_archive_that_lacks_files_is_told() {
    let bench = Bench::new();
    let mirror = bench.mirror(&gzip(&tar(&[file("animals/cat/1.jpg", b"miaow")])));
    let error = bench.fetch(&tree_manifest(&deaf_url()), Some(mirror), false).unwrap_err();
    assert!(error.to_string().contains("expected 3 data files"), "{error}");
}

#[test]
fn a_damaged_archive_is_fetched_anew_by_the_next_call() {
    let bench = Bench::new();
    let whole = tree_archive();
    let server = Server::start(vec![Answer::Ranged(whole[..whole.len() / 2].to_vec()), Answer::Ranged(whole)]);
    let manifest = tree_manifest(&server.url("a"));
    assert!(matches!(bench.download(&manifest).unwrap_err(), DatasetError::BadArchive { .. }));
    assert_tree(&bench.download(&manifest).unwrap());
}

#[test]
fn a_mirrors_archive_is_imported_without_a_network() {
    let bench = Bench::new();
    let archive = tree_archive();
    let mirror = bench.mirror(&archive);
    let mut manifest = tree_manifest(&deaf_url());
    let stated = Mirror { path: "image/animals.tar.gz".into(), sha256: sha256(&archive), size: archive.len() as u64 };
    manifest.mirror = Some(stated);
    assert_tree(&bench.fetch(&manifest, Some(mirror), false).unwrap());
}

#[test]
fn a_mirrors_archive_with_another_checksum_is_refused_by_name() {
    let bench = Bench::new();
    let mirror = bench.mirror(b"something else");
    let mut manifest = tree_manifest(&deaf_url());
    manifest.mirror = Some(Mirror { path: "image/animals.tar.gz".into(), sha256: sha256(b"x"), size: 1 });
    let text = bench.fetch(&manifest, Some(mirror), false).unwrap_err().to_string();
    assert!(text.contains("animals.tar.gz"), "{text}");
    assert!(text.contains(&sha256(b"x")) && text.contains(&sha256(b"something else")), "{text}");
    assert_eq!(names(bench.store.root()), [".downloads"]);
}

#[test]
fn a_mirrors_unpacked_folder_is_imported_and_checked() {
    for place in ["image/animals", "animals"] {
        let bench = Bench::new();
        let mirror = bench.folder.path().join("mirror");
        for (path, data) in TREE.iter().chain(&[("NOTE", b"not data".as_slice())]) {
            let to = mirror.join(place).join(path);
            std::fs::create_dir_all(to.parent().unwrap()).unwrap();
            std::fs::write(to, data).unwrap();
        }
        let manifest = tree_manifest(&deaf_url());
        assert_tree(&bench.fetch(&manifest, Some(mirror.clone()), false).unwrap());

        std::fs::write(mirror.join(place).join("dog/1.jpg"), b"WOOF").unwrap();
        let error = bench.fetch(&manifest, Some(mirror), true).unwrap_err();
        assert!(matches!(error, DatasetError::WrongContents { .. }), "{error}");
        assert_tree(&bench.store.path_of(&manifest).expect("the old copy stays until the new one is right"));
    }
}

#[test]
fn a_mirror_without_the_dataset_names_where_it_looked() {
    let bench = Bench::new();
    let mirror = bench.folder.path().join("empty");
    let text = bench.fetch(&tree_manifest(&deaf_url()), Some(mirror.clone()), false).unwrap_err().to_string();
    assert!(text.contains(&mirror.join("image/animals.tar.gz").display().to_string()), "{text}");
}

#[test]
fn overwrite_replaces_what_is_there_and_leaves_nothing_beside() {
    let bench = Bench::new();
    let mirror = bench.mirror(&tree_archive());
    let manifest = tree_manifest(&deaf_url());
    let path = bench.fetch(&manifest, Some(mirror.clone()), false).unwrap();
    std::fs::write(path.join("cat/1.jpg"), b"changed").unwrap();
    assert_tree(&bench.fetch(&manifest, Some(mirror), true).unwrap());
    assert_eq!(bench.leftovers(), Vec::<String>::new());
}

#[test]
fn a_half_unpacked_folder_is_not_taken_and_is_replaced() {
    let bench = Bench::new();
    let manifest = tree_manifest(&deaf_url());
    let half = bench.store.root().join("animals");
    std::fs::create_dir_all(half.join("cat")).unwrap();
    std::fs::create_dir_all(bench.store.root().join(".staging-animals.old/data")).unwrap();
    assert_eq!(bench.store.path_of(&manifest), None);
    let mirror = bench.mirror(&tree_archive());
    assert_tree(&bench.fetch(&manifest, Some(mirror), false).unwrap());
    assert_eq!(bench.leftovers(), Vec::<String>::new(), "what a killed process left is gone");
}

#[test]
fn a_second_fetch_at_the_same_time_is_told_to_wait() {
    let bench = Bench::new();
    let manifest = tree_manifest(&deaf_url());
    let downloads = bench.store.root().join(".downloads");
    std::fs::create_dir_all(&downloads).unwrap();
    let held = std::fs::File::create(downloads.join("animals.lock")).unwrap();
    held.lock().unwrap();
    let error = bench.download(&manifest).unwrap_err();
    assert!(matches!(error, DatasetError::Busy { .. }), "{error}");
}

#[test]
fn a_store_that_is_a_file_is_told_by_path() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("file");
    std::fs::write(&root, b"").unwrap();
    let store = Store::open(Some(root.clone())).unwrap();
    let options = FetchOptions { quiet: true, ..FetchOptions::default() };
    let error = fetch_with(&tree_manifest(&deaf_url()), &store, &options, &Downloader::for_tests(1)).unwrap_err();
    assert!(error.to_string().contains(&root.display().to_string()), "{error}");
}
