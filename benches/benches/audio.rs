//! Recordings from samples to batches: log-mel maps, strong views, resampling, WAV decoding.
//!
//! `cargo bench --bench audio`, on one thread; criterion prints clips a second as `elem/s`. Clips are one second long.
#![allow(clippy::unwrap_used, missing_docs)]

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use manabi::{
    audio::{
        AudioConfig, AudioModality, FrontEnd, FrontEndConfig,
        decode::{resample::resample, wav},
        synthetic,
    },
    core::{
        data::Source,
        modality::{Modality, ViewKind},
        rng::{Key, Purpose},
    },
};

fn second(rate: usize) -> Vec<f32> {
    (0..rate).map(|i| 0.5 * (i as f32 * 0.05).sin() + 0.1 * (i as f32 * 0.91).sin()).collect()
}

fn front_end(c: &mut Criterion) {
    let mut group = c.benchmark_group("log-mel");
    group.throughput(Throughput::Elements(1));
    for rate in [8_000, 16_000, 44_100] {
        let front = FrontEnd::new(&FrontEndConfig::default(), rate).unwrap();
        let clip = second(rate as usize);
        group.bench_function(format!("{rate} Hz"), |b| b.iter(|| front.log_mel(black_box(&clip)).unwrap()));
    }
    group.finish();
}

fn views(c: &mut Criterion) {
    let source = synthetic::dataset(&synthetic::Settings { seed: 0, train: 16, test: 0 }).unwrap();
    let rows: Vec<usize> = (0..16).collect();
    let modality = AudioModality::fit(&AudioConfig::default(), &source, &rows).unwrap();
    let clip = source.load(3).unwrap();
    let mut group = c.benchmark_group("view");
    group.throughput(Throughput::Elements(1));
    for (name, kind) in [("eval", ViewKind::Eval), ("weak", ViewKind::Weak), ("strong", ViewKind::Strong(0))] {
        let mut sample = 0;
        group.bench_function(name, |b| {
            b.iter(|| {
                sample += 1;
                let mut rng = Key::new(0, Purpose::Augment).sample(sample).rng();
                modality.augment(black_box(&clip), kind, &mut rng).unwrap()
            })
        });
    }
    group.finish();
}

fn decoding(c: &mut Criterion) {
    let mut group = c.benchmark_group("decode");
    group.throughput(Throughput::Elements(1));
    group.bench_function("44.1 to 16 kHz", |b| b.iter(|| resample(black_box(second(44_100)), 44_100, 16_000).unwrap()));
    let mut bytes = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x02\0\x44\xac\0\0\x10\xb1\x02\0\x04\0\x10\0data".to_vec();
    let data: Vec<u8> = second(2 * 44_100).iter().flat_map(|v| ((v * 32_767.0) as i16).to_le_bytes()).collect();
    bytes.extend((data.len() as u32).to_le_bytes());
    bytes.extend(data);
    group.bench_function("stereo WAV", |b| {
        b.iter(|| {
            let mut file = std::io::Cursor::new(black_box(&bytes));
            let header = wav::read_header(&mut file, bytes.len() as u64).unwrap();
            wav::read_frames(&mut file, &header, 0..header.facts().frames).unwrap()
        })
    });
    group.finish();
}

criterion_group!(benches, front_end, views, decoding);
criterion_main!(benches);
