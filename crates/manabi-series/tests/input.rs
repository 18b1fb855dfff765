//! Folders and files as users bring them, with the mistakes that are in them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{fmt::Write, path::Path};

use manabi_core::{
    data::{DataSpec, Record, Source, Split},
    modality::Modality,
};
use manabi_series::{
    Series, SeriesConfig, SeriesModality,
    config::{Fill, SplitRule},
};

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    dir
}

fn open(path: &Path, config: &SeriesConfig) -> manabi_core::Result<Box<dyn Source<Series>>> {
    SeriesModality::open(&DataSpec::new(path), config)
}

/// `rows` rows of two channels, a step of `step` seconds apart.
fn table(rows: usize, step: f64) -> String {
    let mut text = String::from("time,a,b\n");
    for row in 0..rows {
        let _ = writeln!(text, "{},{},{}", row as f64 * step, (row * 7) % 11, (row * 5) % 13);
    }
    text
}

fn classes(source: &dyn Source<Series>) -> Vec<&str> {
    source.records().iter().map(|r| r.label.map_or("-", |l| source.classes()[l as usize].as_str())).collect()
}

#[test]
fn class_folders_of_recordings_are_split_by_recording() {
    let text = table(300, 0.5);
    let dir = folder(&[("ok/1.csv", &text), ("ok/2.csv", &text), ("bad/1.csv", &text), ("bad/2.csv", &text)]);
    let source = open(dir.path(), &SeriesConfig::default()).unwrap();
    assert_eq!(source.classes(), ["bad", "ok"]);
    assert_eq!((source.len(), source.records()[0].id.as_str()), (24, "bad/1.csv#0"));
    assert_eq!(source.records()[1].group.as_deref(), Some("bad/1.csv"));
    assert!(source.notes().iter().any(|n| n == "sampled every 0.5 s" || n.contains("every 0.5 (in the unit")));
    // Few windows overlap: a quarter of one further on each.
    let series = source.load(1).unwrap();
    assert_eq!((series.channels, series.length, series.values[0]), (2, 128, ((32 * 7) % 11) as f32));
}

#[test]
fn one_table_with_labels_of_rows_is_split_by_position() {
    let mut text = String::from("x,label\n");
    for row in 0..2000 {
        let _ = writeln!(text, "{},{}", row % 17, if row / 250 % 2 == 0 { "walk" } else { "run" });
    }
    let dir = folder(&[("log.csv", &text)]);
    let config = SeriesConfig { window: Some(50), ..SeriesConfig::default() };
    let source = open(&dir.path().join("log.csv"), &config).unwrap();
    // 28 windows up to row 1400, and 11 from row 1450 on.
    let test = source.records().iter().filter(|r| r.split == Some(Split::Test)).count();
    assert_eq!((source.len(), test), (39, 11));
    assert_eq!(classes(source.as_ref())[..6], ["walk", "walk", "walk", "walk", "walk", "run"]);
    assert!(source.notes().iter().any(|n| n.contains("split is by position")));
}

#[test]
fn a_table_that_names_files_gives_labels_groups_and_splits() {
    let text = table(200, 1.0);
    let list = "path,label,group,split\nr/1.csv,a,m1,train\nr/2.csv,b,m2,test\nr/3.csv,b,m3,train\n";
    let dir = folder(&[("r/1.csv", &text), ("r/2.csv", &text), ("list.csv", list)]);
    let mut spec = DataSpec::new(dir.path().join("list.csv"));
    spec.max_bad = 0.5;
    assert!(SeriesModality::detect(&spec));
    let source = SeriesModality::open(&spec, &SeriesConfig::default()).unwrap();
    let found: Vec<_> = source.records().iter().map(|r| (r.group.as_deref(), r.split)).collect();
    assert_eq!(found[0], (Some("m1"), Some(Split::Train)));
    assert_eq!(found.last().unwrap(), &(Some("m2"), Some(Split::Test)));
    assert_eq!(source.skipped()[0].id, "r/3.csv");
}

#[test]
fn labels_from_a_file_name_recordings_or_windows() {
    let text = table(200, 1.0);
    let dir = folder(&[
        ("d/1.csv", &text),
        ("d/2.csv", &text),
        ("by-file.csv", "id,label\n1.csv,x\n"),
        ("by-window.csv", "id,label\n2.csv#64,y\n"),
    ]);
    let labelled = |labels: &str| {
        let mut spec = DataSpec::new(dir.path().join("d"));
        spec.labels = Some(dir.path().join(labels));
        let config = SeriesConfig { window: Some(64), ..SeriesConfig::default() };
        let source = SeriesModality::open(&spec, &config).unwrap();
        classes(source.as_ref()).join(" ")
    };
    // Class x has one recording: by position two windows of each are left to train on, and none to test.
    assert_eq!(labelled("by-file.csv"), "x x - -");
    assert!(labelled("by-window.csv").contains("- y -"));
}

#[test]
fn mistakes_are_named_with_file_line_and_column() {
    let refused = |name: &str, text: &str, config: &SeriesConfig| {
        let dir = folder(&[(name, text)]);
        open(&dir.path().join(name), config).map(|_| ()).unwrap_err().to_string()
    };
    let default = SeriesConfig::default();
    let message = refused("a.csv", &(table(100, 1.0) + "100,x,1\n"), &default);
    assert!(message.contains("a.csv: line 102, column \"a\": \"x\" is not a number"), "{message}");
    let columns = SeriesConfig { columns: vec!["c".into()], ..SeriesConfig::default() };
    let message = refused("a.csv", &table(100, 1.0), &columns);
    assert!(message.contains("a.csv: there is no column \"c\"; found: time, a, b"), "{message}");
    let label = SeriesConfig { label_column: Some("state".into()), ..SeriesConfig::default() };
    assert!(refused("a.csv", &table(100, 1.0), &label).contains("\"state\""));
    assert!(refused("a.csv", "", &default).contains("it is empty"));
    assert!(refused("a.csv", "a,b\n", &default).contains("a.csv: "));
    assert!(refused("a.csv", &table(3, 1.0), &default).contains("too few for a window of 16"));
    let official = SeriesConfig { split: SplitRule::Official, ..SeriesConfig::default() };
    assert!(refused("a.csv", &table(100, 1.0), &official).contains("split = \"official\""));
}

#[test]
fn one_bad_file_among_many_is_skipped_and_listed() {
    let text = table(150, 1.0);
    let names: Vec<String> = (0..30).map(|i| format!("d/{i:02}.csv")).collect();
    let mut files: Vec<(&str, &str)> = names.iter().map(|n| (n.as_str(), text.as_str())).collect();
    files[7].1 = "time,a,b\n0,1,2\n1,oops\n";
    let dir = folder(&files);
    let source = open(&dir.path().join("d"), &SeriesConfig::default()).unwrap();
    assert_eq!((source.len(), source.skipped().len()), (174, 1));
    assert_eq!(source.skipped()[0].id, "07.csv");
    assert!(source.skipped()[0].reason.contains("line 3: 2 cells"), "{}", source.skipped()[0].reason);
    files[8].1 = "";
    files[9].1 = "";
    let message = open(&folder(&files).path().join("d"), &SeriesConfig::default()).map(|_| ()).unwrap_err().to_string();
    assert!(message.contains("2 of 30 files") && message.contains("07.csv (line 3"), "{message}");
}

#[test]
fn rates_that_differ_and_short_recordings_are_remarked() {
    let dir = folder(&[
        ("1.csv", &table(300, 1.0)),
        ("2.csv", &table(300, 0.1)),
        ("3.csv", &table(60, 1.0)),
        ("4.csv", &table(9, 1.0)),
    ]);
    let config = SeriesConfig { window: Some(128), ..SeriesConfig::default() };
    let source = open(dir.path(), &config).unwrap();
    let notes = source.notes().join("\n");
    for expected in ["different rates", "1 pieces shorter than a window are padded", "1 pieces shorter than a quarter"]
    {
        assert!(notes.contains(expected), "{expected}: {notes}");
    }
    let short = source.records().iter().position(|r| r.id == "3.csv#0").unwrap();
    assert_eq!(source.load(short).unwrap().length, 60);
}

#[test]
fn missing_values_stay_missing_unless_filling_is_asked_for() {
    let mut text = String::from("a;b\n");
    for row in 0..64 {
        let _ = writeln!(text, "{},5;{}", row * row % 23, if row % 8 == 3 { "".into() } else { format!("{row},0") });
    }
    let dir = folder(&[("x.csv", &text)]);
    let path = dir.path().join("x.csv");
    let source = open(&path, &SeriesConfig::default()).unwrap();
    assert_eq!((source.load(0).unwrap().missing(), source.load(0).unwrap().values[1]), (4, 1.5));
    let facts = SeriesModality::describe(source.as_ref()).unwrap();
    assert_eq!(facts[2], ("missing values".into(), "6.25 % of all, in 5 of 5 rows".into()));
    let fill = SeriesConfig { fill: Fill::Linear, ..SeriesConfig::default() };
    let filled = open(&path, &fill).unwrap().load(0).unwrap();
    assert_eq!((filled.missing(), filled.values[32 + 3]), (0, 3.0));
}

#[test]
fn a_long_recording_takes_no_more_memory_than_allowed() {
    // 400 000 rows of three channels are 4.6 MiB; one may be in memory.
    let mut text = String::with_capacity(9 << 20);
    for row in 0..400_000usize {
        let _ = writeln!(text, "{},{},{}", row * 7 % 101, row * 11 % 103, row * 13 % 107);
    }
    let dir = folder(&[("long.csv", &text)]);
    let config = SeriesConfig { memory: 1, ..SeriesConfig::default() };
    let source = open(&dir.path().join("long.csv"), &config).unwrap();
    let note = source.notes().iter().find(|n| n.contains("temporary file")).unwrap();
    assert!(note.starts_with("3 MiB of values lie in a temporary file, 1 MiB in memory"), "{note}");
    for window in [0, 100, 1500] {
        let series = source.load(window).unwrap();
        let row = window * 256;
        let expected = [row * 7 % 101, row * 11 % 103, row * 13 % 107].map(|v| v as f32);
        assert_eq!([series.values[0], series.values[1024], series.values[2048]], expected);
    }
}

#[test]
fn tables_named_train_and_test_are_the_official_split() {
    let text = table(300, 1.0);
    let dir = folder(&[("pump_TRAIN.csv", &text), ("pump_TEST.csv", &text)]);
    let source = open(dir.path(), &SeriesConfig::default()).unwrap();
    let side = |name: &str| {
        let row = source.records().iter().find(|r| r.id.starts_with(name)).unwrap();
        (row.split, row.group.clone())
    };
    assert_eq!(side("pump_TRAIN"), (Some(Split::Train), Some("pump_TRAIN.csv".into())));
    assert_eq!(side("pump_TEST"), (Some(Split::Test), Some("pump_TEST.csv".into())));
}

#[test]
fn labels_of_the_windows_of_one_recording_are_split_by_position() {
    let dir = folder(&[("log.csv", &table(3000, 1.0))]);
    let plain = open(&dir.path().join("log.csv"), &SeriesConfig::default()).unwrap();
    let row = |(i, r): (usize, &Record)| format!("{},{}\n", r.id, ["a", "b"][i % 2]);
    let rows: String = plain.records().iter().enumerate().map(row).collect();
    std::fs::write(dir.path().join("labels.txt"), format!("id,label\n{rows}")).unwrap();
    let spec = DataSpec { labels: Some(dir.path().join("labels.txt")), ..DataSpec::new(dir.path().join("log.csv")) };
    let source = SeriesModality::open(&spec, &SeriesConfig::default()).unwrap();
    let starts = |wanted: Split| -> Vec<u64> {
        let of_side = source.records().iter().filter(|r| r.split == Some(wanted));
        of_side.map(|r| r.id.rsplit_once('#').unwrap().1.parse().unwrap()).collect()
    };
    let (last, first) = (*starts(Split::Train).last().unwrap(), starts(Split::Test)[0]);
    assert!(last + 128 <= first, "{last} {first}");
    assert!(source.len() < plain.len() && source.len() + 5 > plain.len());
    // The values are those of the row still.
    assert_eq!(source.load(source.len() - 1).unwrap().values, plain.load(plain.len() - 1).unwrap().values);
    assert!(source.notes().iter().any(|n| n.contains("by position")), "{:?}", source.notes());
}
