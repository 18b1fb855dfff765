//! Published datasets from their archives to batches; skipped where the archives are not there.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use candle_core::Device;
use manabi_core::{
    data::{DataSpec, Source, Split},
    modality::{Modality, Preview, ViewKind},
    rng::{Key, Purpose},
};
use manabi_series::{
    Series, SeriesConfig, SeriesModality,
    config::{LabelRule, SplitRule},
};

/// The archive `name` unpacked, or `None` with a message.
fn unpacked(name: &str) -> Option<(tempfile::TempDir, PathBuf)> {
    let archive = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../../shared/data/series/{name}.tar.gz"));
    let Ok(file) = std::fs::File::open(&archive) else {
        eprintln!("skipped: {} is not there", archive.display());
        return None;
    };
    let dir = tempfile::tempdir().unwrap();
    tar::Archive::new(flate2::read::GzDecoder::new(file)).unpack(dir.path()).unwrap();
    let data = dir.path().join(name);
    Some((dir, data))
}

fn open(data: &Path, config: &SeriesConfig) -> Box<dyn Source<Series>> {
    let spec = DataSpec::new(data);
    assert!(SeriesModality::detect(&spec), "{}", data.display());
    SeriesModality::open(&spec, config).unwrap()
}

fn rows(source: &dyn Source<Series>, split: Split) -> Vec<usize> {
    (0..source.len()).filter(|r| source.records()[*r].split == Some(split)).collect()
}

/// Rows of each class.
fn counts(source: &dyn Source<Series>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for label in source.labels().into_iter().flatten() {
        *counts.entry(source.classes()[label as usize].clone()).or_default() += 1;
    }
    counts
}

fn groups(source: &dyn Source<Series>) -> BTreeSet<String> {
    source.records().iter().filter_map(|r| r.group.clone()).collect()
}

/// A batch of four strong views is of finite values; its sizes.
fn batch(source: &dyn Source<Series>, config: &SeriesConfig) -> Vec<usize> {
    let train: Vec<usize> = (0..source.len()).filter(|r| source.records()[*r].split != Some(Split::Test)).collect();
    let modality = SeriesModality::fit(config, source, &train).unwrap();
    let views: Vec<Series> = train[..4]
        .iter()
        .map(|r| {
            let mut rng = Key::new(0, Purpose::Augment).sample(*r as u64).rng();
            modality.augment(&source.load(*r).unwrap(), ViewKind::Strong(0), &mut rng).unwrap()
        })
        .collect();
    let batch = modality.collate(&views, &Device::Cpu).unwrap();
    assert!(batch.values.flatten_all().unwrap().to_vec1::<f32>().unwrap().iter().all(|v| v.is_finite()));
    let sample = source.load(0).unwrap();
    assert!(modality.raw_features(&sample).unwrap().iter().all(|v| v.is_finite()));
    assert!(matches!(modality.preview(&sample).unwrap(), Preview::Svg(_)));
    batch.values.dims().to_vec()
}

#[test]
fn ucr_sets_are_read_with_their_split_lengths_and_classes() {
    let Some((_dir, data)) = unpacked("ucr") else { return };
    let config = SeriesConfig::default();
    // Counts, lengths and classes as the archive's summary states them.
    for (name, train, test, length, classes) in [
        ("ECG200", 100, 100, 96, 2),
        ("ECGFiveDays", 23, 861, 136, 2),
        ("GunPoint", 50, 150, 150, 2),
        ("ItalyPowerDemand", 67, 1029, 24, 2),
        ("PowerCons", 180, 180, 144, 2),
        ("SyntheticControl", 300, 300, 60, 6),
        ("SonyAIBORobotSurface2", 27, 953, 65, 2),
        ("Trace", 100, 100, 275, 4),
        ("FaceAll", 560, 1690, 131, 14),
        ("CricketX", 390, 390, 300, 12),
        ("PhalangesOutlinesCorrect", 1800, 858, 80, 2),
        ("LargeKitchenAppliances", 375, 375, 720, 3),
    ] {
        let source = open(&data.join(name), &config);
        let found = (rows(source.as_ref(), Split::Train).len(), rows(source.as_ref(), Split::Test).len());
        assert_eq!((found, source.classes().len()), ((train, test), classes), "{name}");
        assert_eq!(batch(source.as_ref(), &config), [4, 1, length], "{name}");
    }
    let gun = open(&data.join("GunPoint"), &config);
    let first = gun.records().iter().position(|r| r.id == "GunPoint_TRAIN.tsv:0").unwrap();
    assert_eq!((gun.load(first).unwrap().values[0], gun.records()[first].label), (-0.647_885_4, Some(1)));
    let all = open(&data, &config);
    assert_eq!((all.len(), all.classes().len()), (10_958, 53));
    assert!(all.notes().iter().any(|n| n.contains("12 sets in one folder")), "{:?}", all.notes());
}

#[test]
fn cwru_has_ten_classes_and_is_split_by_position_with_a_warning() {
    let Some((_dir, data)) = unpacked("cwru-12k-de-load0") else { return };
    let config = SeriesConfig::default();
    let source = open(&data, &config);
    assert_eq!(source.classes().len(), 10);
    assert!(source.classes().contains(&"outer 014".to_string()) && source.classes().contains(&"normal".to_string()));
    // 1 305 windows without overlap in all; a window is left out between the two sides of each of ten recordings, and
    // what is left at their ends is none.
    let (train, test) = (rows(source.as_ref(), Split::Train).len(), rows(source.as_ref(), Split::Test).len());
    assert_eq!(train + test, source.len());
    assert!((1_280..=1_295).contains(&source.len()), "{}", source.len());
    assert_eq!(source.load(0).unwrap().channels, 2);
    let notes = source.notes().join("\n");
    assert!(notes.contains("the same machine") || notes.contains("The same machine"), "{notes}");
    assert!(notes.contains("channel \"BA_time\" is in 9 of 10 recordings"), "{notes}");
    // Drive-end acceleration of X097 begins with 0.05319692, 0.08866154, as scipy.io.loadmat reads it.
    assert_eq!(batch(source.as_ref(), &config), [4, 2, 1024]);
    let kind = SeriesConfig { label: LabelRule::Kind, ..SeriesConfig::default() };
    let source = open(&data, &kind);
    assert_eq!(source.classes(), ["ball", "inner", "normal", "outer"]);
    assert_eq!(groups(source.as_ref()).into_iter().collect::<Vec<_>>(), ["size 007", "size 014", "size 021"]);
    let columns = SeriesConfig { columns: vec!["DE_time".into()], ..SeriesConfig::default() };
    assert_eq!(batch(open(&data, &columns).as_ref(), &columns), [4, 1, 1024]);
}

#[test]
fn skab_windows_are_labelled_by_their_flags_and_grouped_by_file() {
    let Some((_dir, data)) = unpacked("skab") else { return };
    let config = SeriesConfig::default();
    let source = open(&data, &config);
    assert_eq!(source.classes(), ["anomaly", "normal"]);
    assert_eq!(groups(source.as_ref()).len(), 35);
    assert_eq!(source.load(0).unwrap().channels, 8);
    let counts = counts(source.as_ref());
    assert!(counts["anomaly"] > 100 && counts["normal"] > 150, "{counts:?}");
    assert_eq!(batch(source.as_ref(), &config), [4, 8, 128]);
}

#[test]
fn nab_windows_are_labelled_by_the_spans_of_its_labels_file() {
    let Some((_dir, data)) = unpacked("nab") else { return };
    let config = SeriesConfig::default();
    let source = open(&data, &config);
    assert_eq!(source.classes(), ["anomaly", "normal"]);
    assert_eq!(groups(source.as_ref()).len(), 58);
    let of = |name: &str| {
        let rows = source.records().iter().filter(|r| r.id.contains(name));
        rows.filter(|r| r.label == Some(0)).count()
    };
    assert_eq!(of("art_daily_no_noise"), 0);
    // One span of 33 hours in steps of five minutes is 402 rows: four or five windows of 128.
    assert!((4..=5).contains(&of("art_daily_flatmiddle")), "{}", of("art_daily_flatmiddle"));
    assert_eq!(batch(source.as_ref(), &config), [4, 1, 128]);
}

#[test]
fn cmapss_engines_have_their_remaining_life() {
    let Some((_dir, data)) = unpacked("cmapss-fd001") else { return };
    let config = SeriesConfig::default();
    let source = open(&data, &config);
    let test = rows(source.as_ref(), Split::Test);
    assert_eq!((test.len(), groups(source.as_ref()).len()), (100, 200));
    // 20 631 cycles of 100 engines in windows of 30 at every cycle.
    assert_eq!(rows(source.as_ref(), Split::Train).len(), 20_631 - 100 * 29);
    // The answers begin with 112, 98, 69, and the first engine fails after cycle 192.
    let target = |row: usize| source.records()[row].target.unwrap();
    let first: Vec<f64> = test.iter().map(|r| target(*r)).take(3).collect();
    assert_eq!(first, [112.0, 98.0, 69.0]);
    let engine: Vec<usize> =
        (0..source.len()).filter(|r| source.records()[*r].id.starts_with("train_FD001.txt:1#")).collect();
    assert_eq!((engine.len(), target(engine[0]), target(engine[162])), (163, 125.0, 0.0));
    assert_eq!(batch(source.as_ref(), &config), [4, 24, 30]);
    let facts = SeriesModality::describe(source.as_ref()).unwrap();
    // Settings and sensors of FD001 that never change.
    let constant = &facts.iter().find(|(name, _)| name == "constant channels").unwrap().1;
    assert_eq!(constant, "number 3, 4, 8, 13, 19, 21, 22");
}

#[test]
fn a_split_can_be_asked_for() {
    let Some((_dir, data)) = unpacked("skab") else { return };
    let config = SeriesConfig { split: SplitRule::Position, window: Some(64), ..SeriesConfig::default() };
    let source = open(&data, &config);
    assert!(groups(source.as_ref()).is_empty());
    let (train, test) = (rows(source.as_ref(), Split::Train).len(), rows(source.as_ref(), Split::Test).len());
    assert!(train > 2 * test - 40 && test > 100, "{train} {test}");
}
