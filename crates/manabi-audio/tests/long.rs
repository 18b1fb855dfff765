//! Recordings of hours: opened by their headers, read clip by clip.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    io::{Seek, SeekFrom, Write},
    path::Path,
};

use manabi_audio::{AudioConfig, AudioModality};
use manabi_core::{
    data::DataSpec,
    modality::{Modality, ViewKind},
    rng::{Key, Purpose},
};

const RATE: u32 = 16_000;

/// A file of `seconds` of silence that takes no room on the disk, and a tone of a second at `tone`.
fn sparse(path: &Path, seconds: u64, tone: u64) {
    let bytes = seconds * u64::from(RATE) * 2;
    let mut file = std::fs::File::create(path).unwrap();
    let mut header = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0".to_vec();
    header.extend(RATE.to_le_bytes());
    header.extend((RATE * 2).to_le_bytes());
    header.extend(b"\x02\0\x10\0data");
    header.extend((bytes as u32).to_le_bytes());
    file.write_all(&header).unwrap();
    file.set_len(44 + bytes).unwrap();
    file.seek(SeekFrom::Start(44 + tone * u64::from(RATE) * 2)).unwrap();
    let tone: Vec<u8> = (0..RATE).flat_map(|i| (((i as f32 * 0.4).sin() * 8_000.0) as i16).to_le_bytes()).collect();
    file.write_all(&tone).unwrap();
}

#[test]
fn ten_hours_are_seven_thousand_rows_of_which_none_is_in_memory() {
    let dir = tempfile::tempdir().unwrap();
    sparse(&dir.path().join("day.wav"), 36_000, 20_000);
    // Hardly any memory may be used: a clip of five seconds would take 320 000 bytes.
    let spec = DataSpec { cache_bytes: 1_000, ..DataSpec::new(dir.path()) };
    let source = AudioModality::open(&spec, &AudioConfig::default()).unwrap();
    assert_eq!(source.len(), 7_200);
    let record = &source.records()[4_000];
    assert_eq!((record.id.as_str(), record.group.as_deref()), ("day.wav@020000.00s", Some("day.wav")));
    assert!(source.notes()[0].contains("10.0 hours"), "{:?}", source.notes());
    let peak = |row| {
        let clip = source.load(row).unwrap();
        let wave = clip.wave().unwrap();
        assert_eq!(wave.samples.len(), 5 * RATE as usize);
        wave.samples.iter().fold(0.0f32, |m, v| m.max(v.abs()))
    };
    assert_eq!(peak(3_999), 0.0);
    assert!((peak(4_000) - 0.244).abs() < 0.001);
    assert_eq!(peak(7_199), 0.0);
    assert!(source.load(7_200).is_err());
}

#[test]
fn long_and_short_recordings_stand_beside_each_other() {
    let dir = tempfile::tempdir().unwrap();
    sparse(&dir.path().join("b.wav"), 60, 0);
    sparse(&dir.path().join("a.wav"), 3, 1);
    sparse(&dir.path().join("c.wav"), 2, 0);
    let config = AudioConfig { seconds: Some(20.0), ..AudioConfig::default() };
    let source = AudioModality::open(&DataSpec::new(dir.path()), &config).unwrap();
    let ids: Vec<&str> = source.records().iter().map(|r| r.id.as_str()).collect();
    assert_eq!(ids, ["a.wav", "b.wav@000000.00s", "b.wav@000020.00s", "b.wav@000040.00s", "c.wav"]);
    let seconds: Vec<f64> = (0..5).map(|r| source.load(r).unwrap().wave().unwrap().seconds()).collect();
    assert_eq!(seconds, [3.0, 20.0, 20.0, 20.0, 2.0]);
    let modality = AudioModality::fit(&config, source.as_ref(), &[0, 1, 2]).unwrap();
    let views: Vec<_> = (0..5)
        .map(|row| {
            let mut rng = Key::new(0, Purpose::Augment).sample(row as u64).rng();
            modality.augment(&source.load(row).unwrap(), ViewKind::Eval, &mut rng).unwrap()
        })
        .collect();
    assert_eq!(modality.collate(&views, &candle_core::Device::Cpu).unwrap().dims()[0], 5);
}

#[test]
fn labels_may_name_files_or_their_clips() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    std::fs::create_dir(&data).unwrap();
    sparse(&data.join("a.wav"), 40, 0);
    sparse(&data.join("b.wav"), 40, 0);
    let labels = dir.path().join("labels.csv");
    let opened = |text: &str| {
        std::fs::write(&labels, text).unwrap();
        let spec = DataSpec { labels: Some(labels.clone()), ..DataSpec::new(&data) };
        let config = AudioConfig { seconds: Some(20.0), ..AudioConfig::default() };
        AudioModality::open(&spec, &config).unwrap().labels()
    };
    assert_eq!(opened("id,label\na.wav,x\nb.wav,y\n"), [Some(0), Some(0), Some(1), Some(1)]);
    assert_eq!(opened("id,label\na.wav@000020.00s,x\nb.wav@000000.00s,y\n"), [None, Some(0), Some(1), None]);
}
