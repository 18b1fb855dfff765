//! Published datasets from their archives to batches; skipped where the archives are not there.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use candle_core::Device;
use manabi_audio::{AudioConfig, AudioModality, Clip, inspect::inspect, source::SplitRule};
use manabi_core::{
    data::{DataSpec, Source, Split},
    modality::{Modality, Preview, ViewKind},
    rng::{Key, Purpose},
};

/// The archive `name` unpacked, or `None` with a message.
fn unpacked(name: &str) -> Option<(tempfile::TempDir, PathBuf)> {
    let archive = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../../shared/data/audio/{name}.tar.gz"));
    let Ok(file) = std::fs::File::open(&archive) else {
        eprintln!("skipped: {} is not there", archive.display());
        return None;
    };
    let dir = tempfile::tempdir().unwrap();
    tar::Archive::new(flate2::read::GzDecoder::new(file)).unpack(dir.path()).unwrap();
    let data = dir.path().join(name);
    Some((dir, data))
}

fn opened(data: &Path, config: &AudioConfig) -> Box<dyn Source<Clip>> {
    let spec = DataSpec::new(data);
    assert!(AudioModality::detect(&spec));
    AudioModality::open(&spec, config).unwrap()
}

fn batch(source: &dyn Source<Clip>, modality: &AudioModality, kind: ViewKind) -> Vec<usize> {
    let views: Vec<Clip> = (0..4)
        .map(|r| {
            let mut rng = Key::new(0, Purpose::Augment).sample(r as u64).rng();
            modality.augment(&source.load(r * 70).unwrap(), kind, &mut rng).unwrap()
        })
        .collect();
    let views = modality.mix(views, kind, Key::new(0, Purpose::Mix)).unwrap();
    modality.collate(&views, &Device::Cpu).unwrap().dims().to_vec()
}

fn groups(source: &dyn Source<Clip>) -> BTreeSet<String> {
    source.records().iter().filter_map(|r| r.group.clone()).collect()
}

#[test]
fn spoken_digits_are_read_with_their_speakers() {
    let Some((_dir, data)) = unpacked("fsdd") else { return };
    let config = AudioConfig::default();
    let source = opened(&data, &config);
    assert_eq!((source.len(), source.skipped().len()), (3_000, 0));
    assert_eq!(source.classes(), ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    for label in 0..10 {
        assert_eq!(source.labels().iter().filter(|l| **l == Some(label)).count(), 300);
    }
    let speakers = ["george", "jackson", "lucas", "nicolas", "theo", "yweweler"];
    assert!(groups(source.as_ref()).iter().eq(speakers.iter()));
    assert!(source.records().iter().all(|r| r.split.is_none()));
    assert!(source.notes().iter().any(|n| n.contains("10 labels of 6 speakers")), "{:?}", source.notes());
    let rows: Vec<usize> = (0..3_000).collect();
    let modality = AudioModality::fit(&config, source.as_ref(), &rows).unwrap();
    assert_eq!(modality.rate(), 8_000);
    assert_eq!(batch(source.as_ref(), &modality, ViewKind::Eval)[..3], [4, 1, 64]);
    assert_eq!(modality.raw_features(&source.load(7).unwrap()).unwrap().len(), 128);
    assert!(matches!(modality.preview(&source.load(7).unwrap()).unwrap(), Preview::Png(_)));
    let found = inspect(source.as_ref()).unwrap().unwrap();
    // The NOTE of the archive: 0.14 to 2.28 s, 1 312 s in all.
    assert!((found.total - 1_312.0).abs() < 2.0 && (found.seconds.0 - 0.14).abs() < 0.01, "{:?}", found.seconds);
    assert_eq!((found.rates.len(), found.bits[&16], found.silent.len()), (1, 3_000, 0));
}

#[test]
fn the_official_split_of_the_spoken_digits_can_be_asked_for() {
    let Some((_dir, data)) = unpacked("fsdd") else { return };
    let source = opened(&data, &AudioConfig { split: SplitRule::Official, ..AudioConfig::default() });
    let test = source.records().iter().filter(|r| r.split == Some(Split::Test)).count();
    assert_eq!((test, groups(source.as_ref()).len()), (300, 0));
}

#[test]
fn environmental_sounds_are_read_with_their_folds() {
    let Some((_dir, data)) = unpacked("esc10-16k") else { return };
    let config = AudioConfig::default();
    let source = opened(&data, &config);
    assert_eq!((source.len(), source.skipped().len(), source.classes().len()), (400, 0, 10));
    assert!(source.classes().contains(&"dog".to_string()));
    // The table names the source recordings: fewer than clips.
    let sources = groups(source.as_ref()).len();
    assert!((200..400).contains(&sources), "{sources}");
    let rows: Vec<usize> = (0..320).collect();
    let modality = AudioModality::fit(&config, source.as_ref(), &rows).unwrap();
    assert_eq!((modality.rate(), modality.shape()), (16_000, (64, 496)));
    assert_eq!(batch(source.as_ref(), &modality, ViewKind::Eval), [4, 1, 64, 496]);
    assert_eq!(batch(source.as_ref(), &modality, ViewKind::Strong(0)), [4, 1, 64, 208]);
    // A fold that there is not is refused, but not by the settings of a run on other data.
    let gone = AudioConfig { held_out: Some("9".into()), ..config.clone() };
    assert!(AudioModality::open(&DataSpec::new(&data), &gone).is_err());
    let fitted = AudioConfig { mean: Some(0.0), std: Some(1.0), ..gone };
    assert_eq!(opened(&data, &fitted).len(), 400);
    for held_out in [None, Some("2".to_string())] {
        let official = opened(&data, &AudioConfig { split: SplitRule::Official, held_out, ..config.clone() });
        assert_eq!(official.records().iter().filter(|r| r.split == Some(Split::Test)).count(), 80);
    }
}

#[test]
fn a_recording_that_was_cut_off_is_skipped_and_named() {
    let Some((_dir, data)) = unpacked("fsdd") else { return };
    let victim = data.join("recordings/3_theo_7.wav");
    let bytes = std::fs::read(&victim).unwrap();
    std::fs::write(&victim, &bytes[..bytes.len() - 40]).unwrap();
    let source = opened(&data, &AudioConfig::default());
    assert_eq!(source.len(), 2_999);
    assert_eq!(source.skipped()[0].id, "recordings/3_theo_7.wav");
    assert!(source.skipped()[0].reason.contains("cut off"), "{}", source.skipped()[0].reason);
}
