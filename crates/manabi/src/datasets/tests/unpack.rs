//! Archives that attack: each is refused, and nothing of it stays.

use std::path::Path;

use proptest::prelude::*;
use tar::EntryType;

use super::helpers::{Raw, TREE, file, gzip, link, names, tar, tree_archive};
use crate::datasets::error::{DatasetError, Result};
use crate::datasets::unpack::{Limits, unpack};

const ROOMY: Limits = Limits { entries: 1000, bytes: 1 << 20 };

/// Unpacks into `<folder>/in/out`, so that whatever leaves `in` is seen.
fn unpack_bytes(folder: &Path, archive: &[u8], limits: Limits) -> Result<()> {
    let path = folder.join("a.tar.gz");
    std::fs::write(&path, archive).unwrap();
    std::fs::create_dir_all(folder.join("in")).unwrap();
    unpack(&path, &folder.join("in/out"), limits, &|_| true)
}

/// Asserts that an archive of these entries is refused and leaves nothing, and returns the message.
fn refused(entries: &[Raw]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let error = unpack_bytes(folder.path(), &gzip(&tar(entries)), ROOMY).unwrap_err();
    assert!(matches!(error, DatasetError::UnsafeArchive { .. }), "{error}");
    assert_eq!(names(folder.path()), ["a.tar.gz", "in"]);
    assert_eq!(names(&folder.path().join("in")), Vec::<String>::new());
    error.to_string()
}

#[test]
fn files_land_below_the_folder_without_the_archives_top_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.tar.gz");
    std::fs::write(&path, tree_archive()).unwrap();
    let out = folder.path().join("out");
    unpack(&path, &out, ROOMY, &|path| path.ends_with(".jpg")).unwrap();
    for (path, data) in TREE {
        assert_eq!(std::fs::read(out.join(path)).unwrap(), data);
    }
    assert_eq!(names(&out), ["cat", "dog"]);
    assert_eq!(names(folder.path()), ["a.tar.gz", "out"]);
}

#[test]
fn an_absolute_path_is_refused() {
    assert!(refused(&[file("top/a", b"1"), file("/tmp/manabi-evil", b"2")]).contains("absolute"));
}

#[test]
fn a_path_that_climbs_out_is_refused() {
    assert!(refused(&[file("top/a", b"1"), file("top/../../evil", b"2")]).contains("'..'"));
    assert!(refused(&[file("..", b"2")]).contains("'..'"));
}

#[test]
fn a_windows_path_is_refused() {
    refused(&[file("top\\..\\..\\evil", b"2")]);
    refused(&[file("top/c:evil", b"2")]);
}

#[test]
fn links_and_devices_are_refused() {
    for kind in [EntryType::Symlink, EntryType::Link] {
        let text = refused(&[link("top/out", kind, "/etc"), file("top/out/passwd", b"2")]);
        assert!(text.contains("top/out") && text.contains("link"), "{text}");
    }
    for kind in [EntryType::Fifo, EntryType::Char, EntryType::Block, EntryType::GNUSparse] {
        let folder = tempfile::tempdir().unwrap();
        let entries = [Raw { name: b"top/dev", kind, link: "", data: b"" }];
        assert!(unpack_bytes(folder.path(), &gzip(&tar(&entries)), ROOMY).is_err());
        assert_eq!(names(&folder.path().join("in")), Vec::<String>::new());
    }
}

#[test]
fn a_file_that_comes_twice_is_refused() {
    assert!(refused(&[file("top/a", b"1"), file("top/a", b"2")]).contains("twice"));
}

#[test]
fn a_second_top_folder_is_refused() {
    assert!(refused(&[file("top/a", b"1"), file("other/a", b"2")]).contains("one top folder"));
    assert!(refused(&[file("a", b"1")]).contains("one top folder"));
}

#[test]
fn an_archive_that_unpacks_to_too_much_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let bomb = gzip(&tar(&[file("top/zeros", &vec![0; 4 << 20])]));
    assert!(bomb.len() < 64 << 10, "the bomb is small while packed");
    let error = unpack_bytes(folder.path(), &bomb, ROOMY).unwrap_err();
    assert!(matches!(error, DatasetError::TooLarge { limit: 1048576, .. }), "{error}");
    assert_eq!(names(&folder.path().join("in")), Vec::<String>::new());
}

#[test]
fn a_name_that_is_megabytes_long_is_refused_before_it_fills_the_memory() {
    let folder = tempfile::tempdir().unwrap();
    let name = vec![b'a'; 4 << 20];
    let entries = [Raw { name: b"././@LongLink", kind: EntryType::GNULongName, link: "", data: &name }];
    let error = unpack_bytes(folder.path(), &gzip(&tar(&entries)), ROOMY).unwrap_err();
    assert!(matches!(error, DatasetError::TooLarge { .. }), "{error}");
}

#[test]
fn an_archive_of_too_many_files_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let names_of: Vec<String> = (0..20).map(|i| format!("top/{i}")).collect();
    let entries: Vec<Raw> = names_of.iter().map(|name| file(name, b"")).collect();
    let limits = Limits { entries: 19, ..ROOMY };
    let text = unpack_bytes(folder.path(), &gzip(&tar(&entries)), limits).unwrap_err().to_string();
    assert!(text.contains("19 entries"), "{text}");
    assert_eq!(names(&folder.path().join("in")), Vec::<String>::new());
}

#[test]
fn what_is_no_archive_is_told_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let text = unpack_bytes(folder.path(), b"<html>not here</html>", ROOMY).unwrap_err().to_string();
    assert!(text.contains("a.tar.gz"), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn an_archive_cut_anywhere_is_an_error_and_leaves_nothing(cut in 0.0..1.0_f64) {
        let folder = tempfile::tempdir().unwrap();
        let whole = gzip(&tar(&[file("top/a", &super::helpers::bytes(3000)), file("top/b", b"2")]));
        let kept = (whole.len() as f64 * cut) as usize;
        let error = unpack_bytes(folder.path(), &whole[..kept], ROOMY).unwrap_err();
        prop_assert!(matches!(error, DatasetError::BadArchive { .. }), "{}", error);
        prop_assert_eq!(names(&folder.path().join("in")), Vec::<String>::new());
    }

    #[test]
    fn whatever_the_names_nothing_leaves_the_folder(
        paths in prop::collection::vec("(top/|/|\\./)?((\\.\\.|\\.|a|b|\\\\|é)/){0,4}(\\.\\.|a|c)", 1..6),
        kinds in prop::collection::vec(0..4_usize, 6),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let entries: Vec<Raw> = paths.iter().zip(kinds).map(|(path, kind)| match kind {
            0 => link(path, EntryType::Symlink, "../.."),
            1 => link(path, EntryType::Link, "top/a"),
            _ => file(path, b"data"),
        }).collect();
        let result = unpack_bytes(folder.path(), &gzip(&tar(&entries)), ROOMY);
        prop_assert_eq!(names(folder.path()), ["a.tar.gz", "in"]);
        let inside = names(&folder.path().join("in"));
        prop_assert_eq!(inside, if result.is_ok() { vec!["out".to_string()] } else { Vec::new() });
        for entry in walkdir::WalkDir::new(folder.path().join("in")) {
            prop_assert!(!entry.unwrap().path_is_symlink());
        }
    }

    #[test]
    fn damaged_bytes_never_panic_and_never_leave_the_folder(at in 0..2000_usize, value: u8) {
        let folder = tempfile::tempdir().unwrap();
        let mut plain = tar(&[file("top/a", b"1"), file("top/b", b"2")]);
        let at = at % plain.len();
        plain[at] = value;
        let _ = unpack_bytes(folder.path(), &gzip(&plain), ROOMY);
        prop_assert_eq!(names(folder.path()), ["a.tar.gz", "in"]);
    }
}
