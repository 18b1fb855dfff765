//! Strong views of SimCLR, normalised and stacked; the operations of `benches/peers/augment.py`.
//!
//! Random resized crop (scale 0.2 to 1, antialiased) → flip 0.5 → colour jitter 0.4/0.4/0.4/0.1 with 0.8, in random
//! order → grey 0.2 → Gaussian blur of 23 taps with 0.5 (from 224 pixels on) → normalise. Ours works in `f32` from the
//! crop on, torchvision in `u8` up to the normalisation. Run with one thread.

use candle_core::Device;
use manabi::{
    core::{
        data::{Entry, Listing, MemorySource},
        modality::{Modality, ViewKind},
        rng::{Key, Purpose},
    },
    image::{AugmentConfig, Image, ImageConfig, ImageModality, Pixels},
};

use crate::Run;

/// The case of this name.
pub fn case(name: &str) -> Option<Run> {
    match name {
        "augment/simclr-32" => Some(views(512, 32, 32)),
        "augment/simclr-224" => Some(views(32, 256, 224)),
        _ => None,
    }
}

/// SimCLR's settings for views of `size` pixels, and ImageNet's mean and deviation.
pub fn config(size: usize) -> ImageConfig {
    ImageConfig {
        size: Some(size),
        channels: Some(3),
        mean: Some(vec![0.485, 0.456, 0.406]),
        std: Some(vec![0.229, 0.224, 0.225]),
        augment: AugmentConfig { crop: 0.2, grey: 0.2, strong_size: Some(size), ..AugmentConfig::default() },
        ..ImageConfig::default()
    }
}

/// `count` views of `size` pixels, two of each picture of `side` pixels.
fn views(count: usize, side: usize, size: usize) -> Run {
    let pictures: Vec<Image> = (0..count / 2).map(|i| smooth_noise(side, side, i)).collect();
    let listing = Listing { entries: vec![Entry::new("a", "")], ..Listing::default() };
    let source = MemorySource::new(listing, vec![pictures[0].clone()]).unwrap();
    let modality = ImageModality::fit(&config(size), &source, &[0]).unwrap();
    let mut epoch = 0;
    Box::new(move || {
        let key = Key::new(0, Purpose::Augment).epoch(epoch);
        epoch += 1;
        let view = |i: usize| {
            let mut rng = key.sample(i as u64 / 2).view(i as u32 % 2).rng();
            modality.augment(&pictures[i / 2], ViewKind::Strong(0), &mut rng).unwrap()
        };
        let made: Vec<Image> = (0..count).map(view).collect();
        let batch = modality.collate(&made, &Device::Cpu).unwrap();
        assert_eq!(batch.dims(), [count, 3, size, size]);
    })
}

/// Waves of random length and direction in each channel, with a little noise, as a photo has.
pub fn smooth_noise(width: usize, height: usize, number: usize) -> Image {
    let mut rng = Key::new(1, Purpose::Synthetic).sample(number as u64).rng();
    let mut values = Vec::with_capacity(3 * width * height);
    for _ in 0..3 {
        // A few cycles across the picture, and one fine texture.
        let waves: Vec<(f32, f32, f32)> = [3.0, 9.0, 27.0, 90.0]
            .map(|most| (rng.range(-most, most), rng.range(-most, most), rng.range(0.0, std::f32::consts::TAU)))
            .to_vec();
        for y in 0..height {
            for x in 0..width {
                let (u, v) = (x as f32 / width as f32, y as f32 / height as f32);
                let sum: f32 = waves
                    .iter()
                    .zip([0.25, 0.12, 0.06, 0.04])
                    .map(|((fx, fy, phase), weight)| weight * (6.0 * (fx * u + fy * v) + phase).sin())
                    .sum();
                let value = 0.5 + sum + rng.range(-0.03, 0.03);
                values.push((value.clamp(0.0, 1.0) * 255.0) as u8);
            }
        }
    }
    Image::new(width, height, 3, Pixels::U8(values)).unwrap()
}
