use manabi_core::{
    data::{Entry, Listing, MemorySource},
    rng::Purpose,
};

use super::*;
use crate::clip::Wave;

const KINDS: [ViewKind; 6] =
    [ViewKind::Eval, ViewKind::Weak, ViewKind::Supervised, ViewKind::Strong(0), ViewKind::Strong(1), ViewKind::Local];

fn source(lengths: &[usize]) -> MemorySource<Clip> {
    let clips = lengths
        .iter()
        .map(|n| Clip::Wave(Wave::new((0..*n).map(|i| (i as f32 * 0.07 * *n as f32).sin()).collect(), 8_000)))
        .collect();
    let entries = (0..lengths.len()).map(|i| Entry::new(i.to_string(), "")).collect();
    MemorySource::new(Listing { entries, ..Listing::default() }, clips).unwrap()
}

fn fitted(config: &AudioConfig, lengths: &[usize]) -> AudioModality {
    let rows: Vec<usize> = (0..lengths.len()).collect();
    AudioModality::fit(config, &source(lengths), &rows).unwrap()
}

fn key(sample: u64) -> Key {
    Key::new(0, Purpose::Augment).sample(sample)
}

fn views(modality: &AudioModality, source: &dyn Source<Clip>, kind: ViewKind) -> Vec<Clip> {
    let view = |row| modality.augment(&source.load(row).unwrap(), kind, &mut key(row as u64).rng()).unwrap();
    (0..source.len()).map(view).collect()
}

#[test]
fn the_working_length_covers_nine_clips_of_ten_up_to_five_seconds() {
    let of = |lengths: &[usize]| {
        let modality = fitted(&AudioConfig::default(), lengths);
        (modality.config().seconds.unwrap(), modality.shape().1)
    };
    assert_eq!(of(&[8_000; 4]), (1.0, 96));
    assert_eq!(of(&[800_000, 80_000]), (5.0, 496));
    let mixed: Vec<usize> = (1..=11).map(|i| i * 1_600).collect();
    assert_eq!(of(&mixed).0, 2.0);
    assert_eq!(of(&[10]), (0.1, 16));
}

#[test]
fn fitting_the_resolved_settings_needs_no_data() {
    let modality = fitted(&AudioConfig::default(), &[8_000, 4_000]);
    let again = AudioModality::fit(modality.config(), &source(&[]), &[]).unwrap();
    assert_eq!(again.config(), modality.config());
    assert_eq!((again.statistics, again.strong_frames), (modality.statistics, modality.strong_frames));
}

#[test]
fn views_of_any_clip_become_one_batch_of_finite_values() {
    let lengths = [8_000, 20, 30_000, 5_000];
    let (modality, source) = (fitted(&AudioConfig::default(), &lengths), source(&lengths));
    for kind in KINDS {
        let made = modality.mix(views(&modality, &source, kind), kind, key(9)).unwrap();
        let batch = modality.collate(&made, &Device::Cpu).unwrap();
        let frames = match kind {
            ViewKind::Local => modality.local_frames,
            ViewKind::Strong(_) => modality.strong_frames,
            _ => modality.frames,
        };
        assert_eq!(batch.dims(), [4, 1, 64, frames]);
        assert!(batch.flatten_all().unwrap().to_vec1::<f32>().unwrap().iter().all(|v| v.is_finite()));
    }
}

#[test]
fn mixup_changes_strong_views_alone_and_is_a_function_of_its_key() {
    let lengths = [8_000, 7_000, 6_000];
    let (modality, source) = (fitted(&AudioConfig::default(), &lengths), source(&lengths));
    for kind in KINDS {
        let made = views(&modality, &source, kind);
        let mixed = |sample| modality.mix(made.clone(), kind, key(sample)).unwrap();
        assert_eq!(mixed(1), mixed(1));
        if matches!(kind, ViewKind::Strong(_) | ViewKind::Local) {
            assert!(made.iter().zip(mixed(1)).all(|(a, b)| *a != b));
            assert_ne!(mixed(1), mixed(2));
        } else {
            assert_eq!(mixed(1), made);
        }
    }
    let one = views(&modality, &source, ViewKind::Strong(0)).split_off(2);
    assert_eq!(modality.mix(one.clone(), ViewKind::Strong(0), key(1)).unwrap(), one);
}

#[test]
fn raw_features_and_previews_are_made_of_any_clip() {
    let lengths = [8_000, 20, 30_000];
    let (modality, source) = (fitted(&AudioConfig::default(), &lengths), source(&lengths));
    for row in 0..3 {
        let clip = source.load(row).unwrap();
        assert_eq!(modality.raw_features(&clip).unwrap().len(), 128);
        assert!(matches!(modality.preview(&clip).unwrap(), Preview::Png(_)));
    }
    let view = modality.augment(&source.load(0).unwrap(), ViewKind::Eval, &mut key(0).rng()).unwrap();
    assert!(modality.raw_features(&view).is_err() && modality.preview(&view).is_ok());
}

#[test]
fn half_given_statistics_and_no_rows_are_refused() {
    let half = AudioConfig { mean: Some(-5.0), ..AudioConfig::default() };
    assert!(AudioModality::fit(&half, &source(&[9_000]), &[0]).is_err());
    assert!(AudioModality::fit(&AudioConfig::default(), &source(&[9_000]), &[]).is_err());
}

#[test]
fn transformations_are_those_of_the_list() {
    let (modality, source) = (fitted(&AudioConfig::default(), &[9_000]), source(&[9_000]));
    assert_eq!(AudioModality::tasks()[0].name, "clip-order");
    let clip = source.load(0).unwrap();
    assert!(modality.transform(&clip, 0, 5, &mut key(0).rng()).is_ok());
    assert!(modality.transform(&clip, 0, 6, &mut key(0).rng()).is_err());
}
