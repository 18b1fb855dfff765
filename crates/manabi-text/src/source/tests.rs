//! Folders and files as users have them.

use manabi_core::data::{Source, Split};

use super::*;

fn written(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, content) in files {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    dir
}

fn opened(dir: &tempfile::TempDir) -> TextSource {
    open(&DataSpec::new(dir.path()), &TextConfig::default()).unwrap()
}

fn text(source: &TextSource, row: usize) -> String {
    source.load(row).unwrap().text().unwrap().text.clone()
}

#[test]
fn files_of_a_class_each_and_of_a_split_each_are_known_by_their_names() {
    let source =
        opened(&written(&[("x.neg", "a bad film\nworse than that\n"), ("x.pos", "a good film\n"), ("NOTE", "no\n")]));
    assert_eq!((source.len(), source.classes()), (3, &["neg".to_string(), "pos".to_string()][..]));
    assert_eq!(source.records()[1].id, "x.neg:2");
    let train = "1 good film\n0 bad film\n1 so good\n0 so bad\n";
    let source = opened(&written(&[("s.train", train), ("s.test", "1 fine film\n0 sad film\n1 so so\n0 no no\n")]));
    let tests = source.records().iter().filter(|r| r.split == Some(Split::Test)).count();
    assert_eq!((source.len(), tests, text(&source, 0)), (8, 4, "fine film".into()));
}

#[test]
fn documents_below_folders_of_classes_lose_their_headers() {
    let groups = ["sci.space", "rec.autos"];
    let message =
        |n: usize| format!("From: x{n}\nNewsgroups: {}\nLines: 2\n\nThe words of number {n}.\n", groups[n % 2]);
    let files: Vec<(String, String)> = (0..12).map(|n| (format!("{}/{n}", groups[n % 2]), message(n))).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
    let dir = written(&files);
    let source = opened(&dir);
    assert_eq!((source.len(), source.classes().len()), (12, 2));
    assert_eq!(source.records()[0].id, "rec.autos/1");
    assert!((0..12).all(|row| !text(&source, row).contains("Newsgroups")));
    std::fs::write(dir.path().join("rec.autos/1"), b"\0\0\0").unwrap();
    let message = open(&DataSpec::new(dir.path()), &TextConfig::default()).unwrap_err().to_string();
    assert!(message.contains("1 of 12 files") && message.contains("rec.autos/1 (is not a text"), "{message}");
    let spec = DataSpec { max_bad: 0.1, ..DataSpec::new(dir.path()) };
    let source = open(&spec, &TextConfig::default()).unwrap();
    assert_eq!((source.len(), source.skipped()[0].id.as_str()), (11, "rec.autos/1"));
}

#[test]
fn numbers_of_classes_get_their_names_from_the_file_beside() {
    let news = "\"2\",\"Shares fall a lot\",\"Shares fell\\today again.\"\n\"1\",\"Talks go on\",\"Both \"\"sides\"\" met.\"\n";
    let source =
        opened(&written(&[("train.csv", &news.repeat(3)), ("classes.txt", "World\nBusiness\n"), ("notes.bin", "\0")]));
    assert_eq!((source.len(), source.classes()), (6, &["Business".to_string(), "World".to_string()][..]));
    assert_eq!(text(&source, 0), "Shares fall a lot Shares fell today again.");
    assert_eq!(source.records()[2].group.as_deref(), Some("like train.csv:1"));
    assert!(source.notes().iter().any(|n| n.contains("left aside: notes.bin")), "{:?}", source.notes());
}

#[test]
fn unlabelled_files_are_groups_and_equal_texts_of_one_file_too() {
    let source =
        opened(&written(&[("a.txt", "one line of words\nanother line\n"), ("b.txt", "third line\n"), ("c.txt", "")]));
    let groups: Vec<_> = source.records().iter().map(|r| r.group.as_deref()).collect();
    assert_eq!(groups, [Some("a.txt"), Some("a.txt"), Some("b.txt")]);
    assert_eq!(source.notes(), ["c.txt is empty"]);
    let dir = written(&[("a.txt", "one line of words\nanother line\n   \n one line of words\n")]);
    let source = opened(&dir);
    let groups: Vec<_> = source.records().iter().map(|r| r.group.as_deref()).collect();
    assert_eq!(groups, [Some("like a.txt:1"), None, Some("like a.txt:1")]);
}

#[test]
fn scored_pairs_have_targets_and_their_quotes_are_characters() {
    let pairs = "4.5\tA man plays \"it\tSomeone plays it here\n\tNo score\tof these\n0.5\tA cat sleeps today\tThe market fell today\n";
    let dir = written(&[("p.test.tsv", pairs)]);
    let source = opened(&dir);
    assert_eq!((source.len(), source.records()[0].target, source.records()[0].split), (2, Some(4.5), None));
    let first = source.load(0).unwrap();
    let pair = first.text().unwrap();
    assert_eq!((pair.text.as_str(), pair.second.as_deref()), ("A man plays \"it", Some("Someone plays it here")));
    assert_eq!(source.notes()[0], "1 pair without a score is skipped");
}

#[test]
fn labels_of_a_file_of_their_own_replace_those_of_the_data() {
    let dir = written(&[("d/a.txt", "one line of words\nanother line\n"), ("labels.csv", "id,label\na.txt:2,x\n")]);
    let spec = DataSpec { labels: Some(dir.path().join("labels.csv")), ..DataSpec::new(dir.path().join("d")) };
    let source = open(&spec, &TextConfig::default()).unwrap();
    assert_eq!((source.labels(), source.classes()), (vec![None, Some(0)], &["x".to_string()][..]));
}

#[test]
fn what_holds_no_text_is_refused_with_what_was_found() {
    let message = |files: &[(&str, &str)]| {
        let dir = written(files);
        open(&DataSpec::new(dir.path()), &TextConfig::default()).unwrap_err().to_string()
    };
    assert!(message(&[]).contains("there is no text here"));
    assert!(message(&[("a.bin", "\0"), ("README", "words")]).contains("left aside: a.bin"));
    assert!(
        message(&[("t.csv", "text,label\ngood film,1\n\"bad film,0\n")]).contains("t.csv: line 3: a quote is opened")
    );
    assert!(message(&[("t.csv", "a,b\n1,2\n")]).contains("no column of texts"));
    assert!(open(&DataSpec::new("not/there.txt"), &TextConfig::default()).is_err());
}

#[test]
fn long_texts_are_cut_and_the_store_grows_into_a_file() {
    let dir = written(&[("a.txt", &format!("{}\nshort one\n", "word ".repeat(10_000)))]);
    let spec = DataSpec { cache_bytes: 100, ..DataSpec::new(dir.path()) };
    let source = open(&spec, &TextConfig { max_chars: 1_000, ..TextConfig::default() }).unwrap();
    assert_eq!((text(&source, 0).chars().count(), text(&source, 1)), (999, "short one".into()));
    assert_eq!(source.notes()[0], "1 text is longer than 1000 characters and is cut");
}
