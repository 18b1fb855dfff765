//! Published datasets from their archives to batches; skipped where the archives are not there.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::path::{Path, PathBuf};

use candle_core::Device;
use manabi_core::{
    data::{DataSpec, Source, Split},
    modality::{Modality, ViewKind},
    rng::{Key, Purpose},
};
use manabi_image::{Image, ImageConfig, ImageModality, inspect::inspect, preview};

/// The archive `name` unpacked (only entries that `wanted` accepts), or `None` with a message.
fn unpacked(name: &str, wanted: impl Fn(&str) -> bool) -> Option<(tempfile::TempDir, PathBuf)> {
    let archive = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../../shared/data/image/{name}.tar.gz"));
    let Ok(file) = std::fs::File::open(&archive) else {
        eprintln!("skipped: {} is not there", archive.display());
        return None;
    };
    let dir = tempfile::tempdir().unwrap();
    for entry in tar::Archive::new(flate2::read::GzDecoder::new(file)).entries().unwrap() {
        let mut entry = entry.unwrap();
        if wanted(&entry.path().unwrap().to_string_lossy()) {
            entry.unpack_in(dir.path()).unwrap();
        }
    }
    let data = dir.path().join(name);
    Some((dir, data))
}

fn opened(data: &Path) -> (Box<dyn Source<Image>>, ImageModality) {
    let (spec, config) = (DataSpec::new(data), ImageConfig::default());
    assert!(ImageModality::detect(&spec));
    let source = ImageModality::open(&spec, &config).unwrap();
    let train: Vec<usize> = (0..source.len()).filter(|r| source.records()[*r].split != Some(Split::Test)).collect();
    let modality = ImageModality::fit(&config, source.as_ref(), &train).unwrap();
    (source, modality)
}

fn batch_dims(source: &dyn Source<Image>, modality: &ImageModality) -> Vec<usize> {
    let views: Vec<Image> = (0..4)
        .map(|r| {
            let mut rng = Key::new(0, Purpose::Augment).sample(r as u64).rng();
            modality.augment(&source.load(r).unwrap(), ViewKind::Strong(0), &mut rng).unwrap()
        })
        .collect();
    modality.collate(&views, &Device::Cpu).unwrap().dims().to_vec()
}

#[test]
fn fashion_mnist_is_read_with_its_split_and_its_known_statistics() {
    let Some((_dir, data)) = unpacked("fashion-mnist", |_| true) else { return };
    let (source, modality) = opened(&data);
    assert_eq!((source.len(), source.classes().len()), (70_000, 10));
    assert_eq!(source.records().iter().filter(|r| r.split == Some(Split::Test)).count(), 10_000);
    // The published label files start with 9, 0, 0, 3 and 9, 2, 1, 1.
    let labels = source.labels();
    assert_eq!(labels[..4], [9, 0, 0, 3].map(Some));
    assert_eq!(labels[60_000..60_004], [9, 2, 1, 1].map(Some));
    // Published mean and deviation of the training images: 0.2860, 0.3530.
    let config = modality.config();
    assert!((config.mean.as_ref().unwrap()[0] - 0.286).abs() < 0.005);
    assert!((config.std.as_ref().unwrap()[0] - 0.353).abs() < 0.005);
    assert_eq!(batch_dims(source.as_ref(), &modality), [4, 1, 20, 20]);
    assert_eq!(modality.raw_features(&source.load(0).unwrap()).unwrap().len(), 784);
}

#[test]
fn cifar_folders_are_read_with_their_split_and_classes() {
    let Some((_dir, data)) = unpacked("cifar10-jpg", |p| p.contains("/000") && p.ends_with(".jpg")) else { return };
    let (source, modality) = opened(&data);
    assert_eq!((source.len(), source.skipped().len()), (200, 0));
    assert_eq!(source.classes().len(), 10);
    assert_eq!(source.records().iter().filter(|r| r.split == Some(Split::Train)).count(), 100);
    assert_eq!(batch_dims(source.as_ref(), &modality), [4, 3, 24, 24]);
}

#[test]
fn inspection_photos_are_told_from_their_masks_and_near_duplicates_are_grouped() {
    let Some((_dir, data)) = unpacked("magnetic-tile", |_| true) else { return };
    let (source, modality) = opened(&data);
    assert_eq!((source.len(), source.skipped().len()), (792, 0));
    assert_eq!(source.classes(), ["MT_Blowhole", "MT_Break", "MT_Crack", "MT_Fray", "MT_Free", "MT_Uneven"]);
    assert!(
        source.notes().iter().any(|n| n.starts_with("792 files") && n.contains("annotations")),
        "{:?}",
        source.notes()
    );
    assert!(source.notes().iter().any(|n| n.starts_with("3 files of other kinds")), "{:?}", source.notes());
    assert_eq!(batch_dims(source.as_ref(), &modality), [4, 1, 48, 48]);
    let inventory = inspect(source.as_ref()).unwrap().unwrap();
    assert_eq!((inventory.images, inventory.colour, inventory.deep), (792, 0, 0));
    assert!(inventory.width.min >= 100 && inventory.width.max <= 700, "{:?}", inventory.width);
    assert!(source.records().iter().any(|r| r.group.is_some()));
    assert!(preview::preview(&source.load(0).unwrap()).unwrap().starts_with(b"\x89PNG"));
}

#[test]
fn a_broken_photo_among_many_is_skipped_and_named() {
    let Some((_dir, data)) = unpacked("cifar10-jpg", |p| p.contains("/0000") || p.contains("/0001")) else { return };
    let victim = data.join("train/cat/0000.jpg");
    let bytes = std::fs::read(&victim).unwrap();
    std::fs::write(&victim, &bytes[..bytes.len() - 40]).unwrap();
    let (source, _) = opened(&data);
    assert_eq!(source.len(), 39);
    assert_eq!(source.skipped()[0].id, "train/cat/0000.jpg");
    assert!(source.skipped()[0].reason.contains("cut off"));
}
