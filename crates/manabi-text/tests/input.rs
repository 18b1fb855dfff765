//! Published datasets from their archives to rows, and files that are not as they should be. Datasets are skipped where
//! the archives are not there.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    collections::BTreeMap,
    io::Write,
    path::{Path, PathBuf},
};

use manabi_core::data::{DataSpec, Source, Split};
use manabi_text::{
    TextConfig,
    source::{Layout, TextSource, layout, open},
};

/// The archive `name` of a modality unpacked, or `None` with a message.
fn unpacked_of(modality: &str, name: &str) -> Option<(tempfile::TempDir, PathBuf)> {
    let shared = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");
    let archive = Path::new(shared).join(modality).join(format!("{name}.tar.gz"));
    let Ok(file) = std::fs::File::open(&archive) else {
        eprintln!("skipped: {} is not there", archive.display());
        return None;
    };
    let dir = tempfile::tempdir().unwrap();
    tar::Archive::new(flate2::read::GzDecoder::new(file)).unpack(dir.path()).unwrap();
    let data = dir.path().join(name);
    Some((dir, data))
}

fn unpacked(name: &str) -> Option<(tempfile::TempDir, PathBuf)> {
    unpacked_of("text", name)
}

fn opened(data: &Path) -> TextSource {
    assert_eq!(layout(data), Some(Layout::Folder), "{}", data.display());
    let source = open(&DataSpec::new(data), &TextConfig::default()).unwrap();
    assert!(source.skipped().is_empty(), "{:?}", source.skipped());
    source
}

/// Rows of train, valid and test, and without an official split.
fn splits(source: &TextSource) -> [usize; 4] {
    let count = |split| source.records().iter().filter(|r| r.split == split).count();
    [count(Some(Split::Train)), count(Some(Split::Valid)), count(Some(Split::Test)), count(None)]
}

fn of_class(source: &TextSource) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for label in source.labels().into_iter().flatten() {
        *counts.entry(source.classes()[label as usize].clone()).or_default() += 1;
    }
    counts
}

fn text(source: &TextSource, row: usize) -> String {
    source.load(row).unwrap().text().unwrap().text.clone()
}

fn says(source: &TextSource, what: &str) -> bool {
    source.notes().iter().any(|n| n.contains(what))
}

#[test]
fn sentiment_treebank_has_labels_before_its_lines_and_an_official_split() {
    for (name, split, classes) in [("sst2", [6_920, 872, 1_821, 0], 2), ("sst5", [8_544, 1_101, 2_210, 0], 5)] {
        let Some((_dir, data)) = unpacked(name) else { return };
        let source = opened(&data);
        assert_eq!((splits(&source), source.classes().len()), (split, classes), "{name}");
        assert!(source.labels().iter().all(Option::is_some) && source.records().iter().all(|r| r.group.is_none()));
        assert!(text(&source, 0).split(' ').next().is_some_and(|word| word.len() > 1), "{name}");
    }
}

#[test]
fn reviews_and_phrases_have_their_class_in_the_name_of_the_file() {
    // Some lines of two of them are empty.
    for (name, neg, pos) in [("mr", 5_331, 5_331), ("cr", 1_366, 2_405), ("mpqa", 7_292, 3_311)] {
        let Some((_dir, data)) = unpacked(name) else { return };
        let source = opened(&data);
        let expected = BTreeMap::from([("neg".to_string(), neg), ("pos".to_string(), pos)]);
        assert_eq!((of_class(&source), splits(&source)[3]), (expected, neg + pos), "{name}");
        assert_eq!(
            says(&source, "2 files are not UTF-8 and are read as Latin-1"),
            name == "mr",
            "{:?}",
            source.notes()
        );
        // No sentence of the films is there twice.
        assert_eq!(says(&source, "rows have the text of another one"), name != "mr", "{name}: {:?}", source.notes());
    }
}

#[test]
fn news_have_the_names_of_their_classes_from_the_file_beside() {
    let Some((_dir, data)) = unpacked("ag_news_test") else { return };
    let source = opened(&data);
    let expected: BTreeMap<String, usize> =
        ["World", "Sports", "Business", "Sci/Tech"].map(|name| (name.to_string(), 1_900)).into();
    assert_eq!((source.len(), of_class(&source), splits(&source)[3]), (7_600, expected, 7_600));
    let first = "Fears for T N pension after talks Unions representing workers at Turner   Newall say they are";
    assert!(text(&source, 0).starts_with(first), "{}", text(&source, 0));
    assert!((0..source.len()).all(|row| !text(&source, row).contains('\\')));
    assert_eq!(source.records()[0].id, "test.csv:1");
}

#[test]
fn newsgroups_are_documents_without_their_headers() {
    let Some((_dir, data)) = unpacked("mini_newsgroups") else { return };
    let source = opened(&data);
    let empty = source
        .notes()
        .iter()
        .find(|n| n.contains("documents are empty"))
        .map_or(0, |n| n.split(' ').next().and_then(|count| count.parse::<usize>().ok()).unwrap());
    assert_eq!((source.len() + empty, source.classes().len()), (2_000, 20), "{:?}", source.notes());
    assert!(empty < 60 && of_class(&source).values().all(|count| *count > 90), "{empty}: {:?}", of_class(&source));
    let headers = (0..source.len()).filter(|row| text(&source, *row).contains("\nNewsgroups: ")).count();
    assert_eq!(headers, 0);
    assert!(says(&source, "6 files are not UTF-8"), "{:?}", source.notes());
    let whole = TextConfig { strip_headers: false, ..TextConfig::default() };
    assert_eq!(open(&DataSpec::new(&data), &whole).unwrap().len(), 2_000);
}

#[test]
fn scored_pairs_are_read_with_their_official_split() {
    let Some((_dir, data)) = unpacked("stsbenchmark") else { return };
    let source = opened(&data);
    assert_eq!((splits(&source), source.classes().len()), ([5_749, 1_500, 1_379, 0], 0));
    assert!(source.records().iter().all(|r| r.target.is_some_and(|score| (0.0..=5.0).contains(&score))));
    let first = source.records().iter().position(|r| r.id == "sts-train.csv:1").unwrap();
    let sample = source.load(first).unwrap();
    let pair = sample.text().unwrap();
    assert_eq!(
        (pair.text.as_str(), pair.second.as_deref()),
        ("A plane is taking off.", Some("An air plane is taking off."))
    );
    assert_eq!(source.records()[first].target, Some(5.0));
}

#[test]
fn pairs_of_all_years_are_read_and_those_without_a_score_are_counted() {
    let Some((_dir, data)) = unpacked("sts12-15") else { return };
    let source = opened(&data);
    assert_eq!((source.len(), splits(&source)[0], source.classes().len()), (12_092, 1_484, 0), "{:?}", source.notes());
    assert!(says(&source, "5500 pairs without a score are skipped"), "{:?}", source.notes());
    let year = open(&DataSpec::new(data.join("2013")), &TextConfig::default()).unwrap();
    assert_eq!(splits(&year), [0, 0, 0, 1_500]);
}

#[test]
fn a_corpus_is_read_by_lines_and_paragraphs_whose_file_is_their_group() {
    let Some((_dir, data)) = unpacked("plain-corpus") else { return };
    let source = opened(&data);
    assert!(source.classes().is_empty() && source.records().iter().all(|r| r.group.is_some()));
    assert!(
        says(&source, "so that their rows are paragraphs") && says(&source, "are not UTF-8"),
        "{:?}",
        source.notes()
    );
    let words: usize = (0..source.len()).map(|row| text(&source, row).split_whitespace().count()).sum();
    assert!((1_000_000..1_030_000).contains(&words), "{words} words in {} rows", source.len());
    let whole = TextConfig { unit: manabi_text::config::Unit::File, ..TextConfig::default() };
    assert_eq!(open(&DataSpec::new(&data), &whole).unwrap().len(), 68);
}

#[test]
fn articles_are_read_by_lines_with_the_parts_that_are_there() {
    let Some((_dir, data)) = unpacked("wikitext-2") else { return };
    let source = opened(&data);
    let [train, valid, test, none] = splits(&source);
    assert_eq!((train, none, source.classes().len()), (0, 0, 0));
    assert!(valid > 2_000 && test > 2_000 && says(&source, "empty lines are skipped"), "{valid} {test}");
    assert!(!text(&source, 0).contains('\n'));
}

#[test]
fn data_of_other_modalities_is_no_text() {
    let shared = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");
    for modality in ["audio", "graph", "image", "series"] {
        // Unpacking tens of thousands of images would take a minute.
        let archives = std::fs::read_dir(Path::new(shared).join(modality)).into_iter().flatten().flatten();
        for archive in archives.filter(|a| a.metadata().is_ok_and(|m| m.len() < 6 << 20)) {
            let file = archive.file_name().to_string_lossy().into_owned();
            let Some(name) = file.strip_suffix(".tar.gz") else { continue };
            let Some((_dir, data)) = unpacked_of(modality, name) else { continue };
            assert_eq!(layout(&data), None, "{modality}/{name}");
        }
    }
}

/// A file of its own folder.
fn written(name: &str, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    (dir, path)
}

#[test]
fn bytes_that_are_no_utf8_and_empty_lines_are_taken_with_a_note() {
    let (_dir, path) = written("a.txt", b"caf\xe9 au lait\n\n\nplain words\n");
    let source = open(&DataSpec::new(&path), &TextConfig::default()).unwrap();
    assert_eq!((text(&source, 0), source.records()[1].id.as_str()), ("café au lait".to_string(), "a.txt:4"));
    assert_eq!(source.notes(), ["a.txt is not UTF-8 and is read as Latin-1", "2 empty lines are skipped"]);
}

#[test]
fn a_line_of_a_hundred_megabytes_is_cut() {
    let (_dir, path) = written("a.txt", b"first line\n");
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    let block = "words and words ".repeat(1 << 16);
    (0..100).for_each(|_| file.write_all(block.as_bytes()).unwrap());
    file.write_all(b"\nlast line\n").unwrap();
    drop(file);
    assert_eq!(layout(&path), Some(Layout::Lines));
    let source = open(&DataSpec::new(&path), &TextConfig::default()).unwrap();
    assert_eq!((source.len(), text(&source, 2)), (3, "last line".to_string()));
    assert!(text(&source, 1).len() <= 20_000 && says(&source, "1 text is longer than 20000 characters and is cut"));
}

#[test]
fn a_quote_that_is_not_closed_is_named_by_its_line() {
    let (_dir, path) = written("a.csv", b"text,label\n\"a good film\",1\n\"a bad film,0\n\"another one\",1\n");
    assert_eq!(layout(path.parent().unwrap()), None);
    let message = open(&DataSpec::new(&path), &TextConfig::default()).unwrap_err().to_string();
    assert!(message.contains("a.csv: line 3: a quote is opened there and not closed"), "{message}");
    let (_dir, path) = written("a.jsonl", b"{\"text\": \"one\"}\n{\"text\": \"two\"\n");
    let message = open(&DataSpec::new(&path), &TextConfig::default()).unwrap_err().to_string();
    assert!(message.contains("a.jsonl: line 2: not a JSON object"), "{message}");
}
