//! A folder of JPEG photos through our loader: decoded, augmented, normalised batches, as in
//! `benches/peers/loading.py`. A run is one pass over the folder.
//!
//! Nothing is kept in memory between passes (`cache_bytes` is 0): a collection that is larger than memory. The loader has
//! as many workers as the peer's `DataLoader`, and photos are reduced to 1.5 times the view's side, as `manabi` does.

use std::path::{Path, PathBuf};

use candle_core::Device;
use image::{ExtendedColorType, ImageEncoder, codecs::jpeg::JpegEncoder};
use manabi::{
    core::{
        data::{DataSpec, Source},
        method::ViewPlan,
        modality::{Modality, ViewKind},
        train::{LoadJob, Loader},
    },
    image::{Image, ImageModality, Pixels},
};

use crate::{
    Run,
    augment::{config, smooth_noise},
};

const SIZE: usize = 224;
const BATCH: usize = 32;
const PHOTOS: usize = 128;

/// The case of this name.
pub fn case(name: &str) -> Option<Run> {
    (name == "jpeg/folder-224").then(folder)
}

fn folder() -> Run {
    let folder = PathBuf::from(std::env::var_os("MANABI_PEERS_JPEG").unwrap());
    write_photos(&folder);
    let workers = std::env::var("RAYON_NUM_THREADS").ok().and_then(|n| n.parse().ok()).unwrap_or(2);
    let spec = DataSpec { cache_bytes: 0, ..DataSpec::new(folder) };
    let source: Box<dyn Source<Image>> = ImageModality::open(&spec, &config(SIZE)).unwrap();
    let modality = ImageModality::fit(&config(SIZE), source.as_ref(), &[0]).unwrap();
    let rows: Vec<usize> = (0..source.len()).collect();
    let steps = (PHOTOS / BATCH) as u64;
    let mut first = 0;
    Box::new(move || {
        let plan = ViewPlan::Views(vec![ViewKind::Strong(0)]);
        let job = LoadJob {
            modality: &modality,
            source: source.as_ref(),
            rows: &rows,
            plan,
            labelled: false,
            seed: 0,
            batch: BATCH,
            device: Device::Cpu,
        };
        std::thread::scope(|scope| {
            let mut loader = Loader::spawn(scope, job, first..first + steps, 2, workers).unwrap();
            while let Some(batch) = loader.next_batch().unwrap() {
                assert_eq!(batch.views[0].dims(), [BATCH, 3, SIZE, SIZE]);
            }
        });
        first += steps;
    })
}

/// Photos of 1024 × 768 pixels; written once, and again after a run that was broken off.
fn write_photos(folder: &Path) {
    let path = |number: usize| folder.join(format!("{number:03}.jpg"));
    if path(PHOTOS - 1).exists() {
        return;
    }
    std::fs::create_dir_all(folder).unwrap();
    for number in 0..PHOTOS {
        let photo = smooth_noise(1024, 768, number);
        let Pixels::U8(planar) = &photo.pixels else { return };
        let plane = photo.width * photo.height;
        let pixels: Vec<u8> = (0..3 * plane).map(|i| planar[i % 3 * plane + i / 3]).collect();
        let mut file = Vec::new();
        let encoder = JpegEncoder::new_with_quality(&mut file, 90);
        encoder.write_image(&pixels, 1024, 768, ExtendedColorType::Rgb8).unwrap();
        std::fs::write(path(number), file).unwrap();
    }
}
