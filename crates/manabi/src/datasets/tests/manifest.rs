//! Manifests: those in the program are right, and wrong ones are told what is wrong.

use super::helpers::HEAD;
use crate::datasets::manifest::{GroupRule, Loader, Manifest};
use crate::datasets::registry::all_with;

const FILE: &str = r#"
    [[file]]
    path = "a"
    url = "https://example.org/a"
    sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    size = 0
"#;

#[test]
fn the_built_in_manifests_are_valid_and_pinned() {
    let manifests = all_with(None).unwrap();
    let names: Vec<&str> = manifests.iter().map(|manifest| manifest.name.as_str()).collect();
    let expected = [
        "cifar10-jpg",
        "cmapss-fd001",
        "cwru-12k-de-load0",
        "esc10-16k",
        "fashion-mnist",
        "fsdd",
        "magnetic-tile",
        "nab",
        "skab",
        "ucr",
    ];
    assert_eq!(names, expected);
    for manifest in &manifests {
        for file in &manifest.files {
            let pinned =
                file.url.split('/').any(|part| part.len() == 40 && part.bytes().all(|b| b.is_ascii_hexdigit()));
            assert!(pinned && file.url.starts_with("https://"), "{} is not pinned to a commit", file.url);
        }
        assert!(manifest.mirror.is_some());
    }
    let named = |name: &str| manifests.iter().find(|manifest| manifest.name == name).unwrap();
    assert_eq!(named("fashion-mnist").loader, Loader::Idx);
    assert_eq!(named("magnetic-tile").group.as_ref().unwrap().rule, GroupRule::NearDuplicates);
}

#[test]
fn a_manifest_survives_being_written_and_read() {
    for manifest in all_with(None).unwrap() {
        let text = toml::to_string(&manifest).unwrap();
        assert_eq!(Manifest::parse("again", &text).unwrap(), manifest);
    }
}

#[test]
fn a_folder_of_manifests_adds_and_overrides() {
    let folder = tempfile::tempdir().unwrap();
    let own = HEAD.replace("animals", "fashion-mnist");
    std::fs::write(folder.path().join("mine.toml"), format!("{own}\nloader = \"idx\"\n{FILE}")).unwrap();
    std::fs::write(folder.path().join("new.toml"), format!("{HEAD}\nloader = \"idx\"\n{FILE}")).unwrap();
    std::fs::write(folder.path().join("README.md"), "not a manifest").unwrap();
    let manifests = all_with(Some(folder.path())).unwrap();
    assert_eq!(manifests.len(), all_with(None).unwrap().len() + 1);
    let overridden = manifests.iter().find(|manifest| manifest.name == "fashion-mnist").unwrap();
    assert_eq!(overridden.title, "Animals");

    std::fs::write(folder.path().join("twice.toml"), format!("{HEAD}\nloader = \"idx\"\n{FILE}")).unwrap();
    assert!(all_with(Some(folder.path())).unwrap_err().to_string().contains("'animals'"));
}

#[test]
fn a_wrong_manifest_names_its_file_and_what_is_wrong() {
    let good = format!("{HEAD}\nloader = \"idx\"\n{FILE}");
    assert!(Manifest::parse("x.toml", &good).is_ok());
    let split = "[split]\ntrain = [\"a\"]\ntest = [\"a\"]\ntrain_samples = 2\ntest_samples = 1\n";
    let cases = [
        (good.replace("licence =", "license ="), "license"),
        (good.replace("\"idx\"", "\"zip\""), "zip"),
        (good.replace("samples = 3", "samples = 0"), "samples"),
        (good.replace("\"animals\"", "\"../animals\""), "lower case"),
        (good.replace("path = \"a\"", "path = \"../a\""), "relative"),
        (good.replace("path = \"a\"", "path = \"/a\""), "relative"),
        (good.replace("https://example.org/a", "file:///etc/passwd"), "https"),
        (good.replace("e3b0", "E3B0"), "hexadecimal"),
        (good.replace("size = 0", ""), "size"),
        (good.replace("size = 0", "archive = \"tar.gz\""), "[tree]"),
        (format!("{good}{FILE}"), "twice"),
        (format!("{good}{split}"), "both sides"),
        (format!("{good}{}", split.replace("test = [\"a\"]", "test = [\"b\"]")), "'b'"),
        (format!("{HEAD}\nloader = \"idx\"\nfile = []\n"), "[[file]]"),
        ("name = ".to_string(), "line 1"),
    ];
    for (text, reason) in cases {
        let error = Manifest::parse("x.toml", &text).unwrap_err().to_string();
        assert!(error.contains("x.toml") && error.contains(reason), "expected '{reason}' in: {error}");
    }
}

#[test]
fn an_unknown_name_lists_the_known_ones() {
    let text = crate::datasets::find("fashion-mnits").unwrap_err().to_string();
    assert!(text.contains("fashion-mnits") && text.contains("fashion-mnist"), "{text}");
}
