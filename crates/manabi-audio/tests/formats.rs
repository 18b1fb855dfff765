//! Compressed recordings, whole and in part. `data/sweep.*` are three seconds at 8 kHz of a tone that rises from 300 to
//! 700 Hz, loud for the first second and soft after it, written by libsndfile (Vorbis, FLAC, MP3).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};

use manabi_audio::{
    AudioConfig, AudioModality, Clip,
    decode::{decode, probe},
};
use manabi_core::{data::DataSpec, modality::Modality};

fn file(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/sweep.{kind}"))
}

/// The signal that was written.
fn sweep() -> Vec<f64> {
    let mut phase = 0.0;
    (0..24_000)
        .map(|i| {
            phase += std::f64::consts::TAU * (300.0 + 400.0 * f64::from(i) / 24_000.0) / 8_000.0;
            f64::sin(phase) * if i < 8_000 { 0.5 } else { 0.125 }
        })
        .collect()
}

/// Power of the difference over power of the signal, the ends and the step in loudness left out.
fn error(found: &[f32], wanted: &[f64]) -> f64 {
    let inner = |i: &usize| *i > 500 && *i + 1_500 < wanted.len() && !(7_000..9_000).contains(i);
    let (mut difference, mut power) = (0.0, 0.0);
    for i in (0..wanted.len().min(found.len())).filter(inner) {
        difference += (f64::from(found[i]) - wanted[i]).powi(2);
        power += wanted[i].powi(2);
    }
    difference / power
}

#[test]
fn every_kind_is_decoded_to_the_sound_that_it_holds() {
    for (kind, bits, most) in [("flac", 16, 1e-6), ("ogg", 0, 0.01), ("mp3", 0, 0.05)] {
        let facts = probe(&file(kind)).unwrap();
        assert_eq!((facts.rate, facts.channels), (8_000, 1), "{kind}");
        assert!(kind != "flac" || facts.bits == bits);
        assert!((23_900..=26_500).contains(&facts.frames), "{kind}: {} frames", facts.frames);
        let wave = decode(&file(kind), None, 8_000).unwrap();
        let error = error(&wave.samples, &sweep());
        assert!(error < most, "{kind}: {error}");
    }
}

#[test]
fn a_part_is_what_lies_there_in_the_whole() {
    for (kind, most) in [("flac", 1e-9), ("ogg", 1e-6), ("mp3", 1e-3)] {
        let whole = decode(&file(kind), None, 8_000).unwrap().samples;
        for part in [0..8_000, 10_000..18_000, 15_001..23_000] {
            let range = part.start as usize..part.end as usize;
            let found = decode(&file(kind), Some(part.clone()), 8_000).unwrap().samples;
            assert_eq!(found.len(), range.len(), "{kind} {part:?}");
            let wanted: Vec<f64> = whole[range].iter().map(|v| f64::from(*v)).collect();
            let power: f64 = wanted.iter().map(|v| v * v).sum();
            let difference: f64 = wanted.iter().zip(&found).map(|(a, b)| (a - f64::from(*b)).powi(2)).sum();
            assert!(difference < most * power, "{kind} {part:?}: {}", difference / power);
        }
    }
}

#[test]
fn a_file_that_is_cut_off_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    for kind in ["flac", "ogg"] {
        let bytes = std::fs::read(file(kind)).unwrap();
        let path = dir.path().join(format!("cut.{kind}"));
        std::fs::write(&path, &bytes[..bytes.len() / 3]).unwrap();
        let message = decode(&path, None, 8_000).map(|w| w.samples.len()).unwrap_err().to_string();
        assert!(message.contains(&format!("cut.{kind}")), "{message}");
    }
}

#[test]
fn a_folder_of_many_kinds_is_one_dataset() {
    let dir = tempfile::tempdir().unwrap();
    for kind in ["flac", "ogg", "mp3"] {
        std::fs::copy(file(kind), dir.path().join(format!("{kind}.{kind}"))).unwrap();
    }
    std::fs::write(dir.path().join("broken.wav"), b"RIFF____WAVEnothing").unwrap();
    let spec = DataSpec { max_bad: 0.5, ..DataSpec::new(dir.path()) };
    assert!(AudioModality::detect(&spec));
    let source = AudioModality::open(&spec, &AudioConfig::default()).unwrap();
    let ids: Vec<&str> = source.records().iter().map(|r| r.id.as_str()).collect();
    assert_eq!(ids, ["flac.flac", "mp3.mp3", "ogg.ogg"]);
    assert_eq!(source.skipped()[0].id, "broken.wav");
    let Clip::Wave(wave) = &*source.load(1).unwrap() else { panic!("a waveform") };
    assert_eq!(wave.rate, 8_000);
    let spec = DataSpec::new(dir.path());
    let message = AudioModality::open(&spec, &AudioConfig::default()).err().unwrap().to_string();
    assert!(message.contains("broken.wav"), "{message}");
}
