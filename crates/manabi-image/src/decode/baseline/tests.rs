//! Against the decoder of whole pictures, and files that are damaged.

use std::f64::consts::PI;

use proptest::prelude::*;

use super::{
    bits::Segments,
    cells::Taps,
    decode,
    encode::{Encoder, ORDER},
    huffman::Codes,
    idct::{LANES, inverse, store},
};

const SAMPLINGS: [&[(usize, usize)]; 7] = [
    &[(1, 1)],
    &[(2, 2)],
    &[(1, 1), (1, 1), (1, 1)],
    &[(2, 1), (1, 1), (1, 1)],
    &[(2, 2), (1, 1), (1, 1)],
    &[(1, 2), (1, 1), (1, 1)],
    &[(2, 2), (2, 1), (1, 2)],
];

fn encoder(size: (usize, usize), sampling: &[(usize, usize)], quality: usize, restart: usize) -> Encoder {
    Encoder { size, sampling: sampling.to_vec(), quality, restart, extended: false }
}

/// Waves and a texture in the first component, waves in the others.
fn value(c: usize, x: usize, y: usize) -> f64 {
    let (u, v) = (x as f64 / 40.0, y as f64 / 30.0);
    let waves = 35.0 * (u * (c + 1) as f64 + v).sin() + 25.0 * (v * 1.7 - u * 0.3).cos();
    let texture = ((x * 37 + y * 101 + x * y * 13) % 23) as f64 - 11.0;
    if c == 0 { waves + texture } else { waves * 0.6 }
}

/// The means of `fraction × fraction` pixels of the whole picture, and channels; what does not divide is left out.
fn means(file: &[u8], fraction: usize) -> (Vec<f64>, usize) {
    let whole = ::image::load_from_memory(file).unwrap();
    let (width, height) = (whole.width() as usize, whole.height() as usize);
    let channels = usize::from(whole.color().channel_count());
    let pixels = whole.into_bytes();
    let mut means = Vec::new();
    for (y, x) in (0..height / fraction).flat_map(|y| (0..width / fraction).map(move |x| (y, x))) {
        for c in 0..channels {
            let inside = (0..fraction).flat_map(|j| (0..fraction).map(move |i| (i, j)));
            let pixel = |(i, j)| f64::from(pixels[((y * fraction + j) * width + x * fraction + i) * channels + c]);
            means.push(inside.map(pixel).sum::<f64>() / (fraction * fraction) as f64);
        }
    }
    (means, channels)
}

/// The mean and the largest difference between the means of pixels and the fraction.
fn differences(file: &[u8], size: (usize, usize), fraction: usize) -> (f64, f64) {
    let found = decode(file, fraction).unwrap();
    assert_eq!((found.width, found.height), (size.0.div_ceil(fraction), size.1.div_ceil(fraction)));
    assert_eq!(found.pixels.len(), found.width * found.height * found.channels);
    let (means, channels) = means(file, fraction);
    assert_eq!(found.channels, channels);
    let row = size.0 / fraction * channels;
    let (mut sum, mut most) = (0.0, 0.0f64);
    for (i, mean) in means.iter().enumerate() {
        let value = found.pixels[i / row * found.width * channels + i % row];
        let difference = (f64::from(value) - mean).abs();
        (sum, most) = (sum + difference, most.max(difference));
    }
    (sum / means.len() as f64, most)
}

#[test]
fn a_fraction_shows_the_means_of_the_pixels() {
    for sampling in SAMPLINGS {
        for (quality, restart, size) in
            [(30, 0, (208, 96)), (60, 3, (96, 128)), (90, 1, (129, 97)), (97, 13, (71, 45)), (100, 5, (80, 40))]
        {
            let encoder = encoder(size, sampling, quality, restart);
            let file = encoder.file(value);
            assert_eq!(file, Encoder { extended: false, ..encoder.clone() }.file(value));
            for fraction in [2, 4, 8] {
                let (mean, most) = differences(&file, size, fraction);
                // Each pixel is rounded, and chroma with fewer samples is smoothed between them in the whole picture.
                let limit = if sampling.iter().all(|s| *s == sampling[0]) { 3.5 } else { 8.0 };
                assert!(mean < 0.8 && most < limit, "{encoder:?} at 1/{fraction}: {mean:.2}, {most:.2}");
            }
            let extended = Encoder { extended: true, ..encoder }.file(value);
            assert_eq!(decode(&extended, 2).unwrap().pixels, decode(&file, 2).unwrap().pixels);
        }
    }
}

#[test]
fn every_code_and_every_place_of_a_block_is_read() {
    // Noise without loss has long codes, large numbers, and blocks without a sign of their end; a single frequency at
    // the last place has the longest runs.
    // Chroma is weaker, so that no colour is clipped: the mean is taken before.
    let weight = |c: usize| if c == 0 { 1.0 } else { 0.1 };
    let noise = |c: usize, x: usize, y: usize| {
        weight(c) * (((x * 7919 + y * 104_729 + c * 31 + x * y * 523) % 199) as f64 - 99.0)
    };
    let last = |c: usize, x: usize, y: usize| {
        let wave = |i: usize| ((2 * i + 1) as f64 * 7.0 * PI / 16.0).cos();
        weight(c) * 40.0 * wave(x % 8) * wave(y % 8) * ((x / 8 + y / 8) % 3) as f64
    };
    for sampling in [SAMPLINGS[0], SAMPLINGS[2]] {
        let encoder = encoder((64, 64), sampling, 100, 0);
        for file in [encoder.file(noise), encoder.file(last)] {
            let (mean, most) = differences(&file, (64, 64), 2);
            assert!(mean < 0.6 && most < 2.5, "{mean:.2}, {most:.2}");
        }
    }
}

proptest! {
    #[test]
    fn cells_are_the_means_of_the_naive_inverse_transform(
        numbers in proptest::collection::vec(-60i16..=60, 64),
        kept in 1usize..=64,
        sides in (0usize..4, 0usize..4),
        lane in 0usize..LANES,
    ) {
        let (width, height) = (1 << sides.0, 1 << sides.1);
        let steps: [u16; 64] = std::array::from_fn(|k| 1 + k as u16 % 5);
        let mut batch = [[0; LANES]; 256];
        let mut pixels = [[0.0; 8]; 8];
        for (k, number) in numbers.iter().enumerate().take(kept) {
            batch[k][lane] = *number;
            let (u, v) = ORDER[k];
            let scale = |u| if u == 0 { 0.5f64.sqrt() } else { 1.0 };
            let wave = |x: usize, u: usize| ((2 * x + 1) as f64 * u as f64 * PI / 16.0).cos() * scale(u);
            for (y, row) in pixels.iter_mut().enumerate() {
                for (x, pixel) in row.iter_mut().enumerate() {
                    *pixel += f64::from(*number) * f64::from(steps[k]) / 4.0 * wave(x, u) * wave(y, v);
                }
            }
        }
        let mut block = [[f32::NAN; LANES]; 64];
        Taps::new(&steps, width, height).gather(&batch, &mut block);
        inverse(&mut block, width, height);
        let mut bytes = vec![0; LANES * width * height];
        store(&block, width, height, &mut bytes, LANES * width);
        let (w, h) = (8 / width, 8 / height);
        for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
            let inside = (0..h).flat_map(|j| (0..w).map(move |i| (i, j)));
            let mean = inside.map(|(i, j)| pixels[y * h + j][x * w + i]).sum::<f64>() / (w * h) as f64;
            let found = f64::from(block[y * width + x][lane]);
            prop_assert!((found - mean).abs() < 2e-3, "{width} × {height}: {found} {mean}");
            let byte = f64::from(bytes[(y * LANES + lane) * width + x]);
            prop_assert!((byte - (mean + 128.0).clamp(0.0, 255.0)).abs() < 0.51);
        }
    }

    #[test]
    fn a_cut_or_changed_file_is_read_or_refused(
        sampling in 0usize..7,
        cut in 0.0..1.0f64,
        changes in proptest::collection::vec((0.0..1.0f64, any::<u8>()), 0..4),
        fraction in prop::sample::select(vec![2usize, 4, 8]),
    ) {
        let whole = encoder((40, 24), SAMPLINGS[sampling], 80, 2).file(value);
        let at = |part: f64| (part * whole.len() as f64) as usize;
        prop_assert!(decode(&whole[..at(cut)], fraction).is_none());
        let mut file = whole.clone();
        for (place, byte) in changes {
            file[at(place)] = byte;
        }
        let _ = decode(&file, fraction);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), kept in 0.0..1.0f64) {
        let file = encoder((64, 64), SAMPLINGS[4], 80, 0).file(value);
        let kept = &file[..(kept * file.len() as f64) as usize];
        let _ = decode(&bytes, 2);
        let _ = decode(&[kept, &bytes].concat(), 2);
        let _ = decode(&[kept, &bytes, &[0xff, 0xd9]].concat(), 2);
    }

    #[test]
    fn any_counts_and_symbols_are_a_table_or_none(
        counts in proptest::array::uniform16(0u8..4),
        symbols in proptest::collection::vec(any::<u8>(), 0..20),
        ahead: u64,
    ) {
        if let Some(codes) = Codes::new(&counts, &symbols) {
            let (short, long) = (codes.look(ahead), codes.look_long(ahead));
            prop_assert!(short.is_none() || short.first() == long.first() && short.first_length() == long.first_length());
        }
    }
}

#[test]
fn restart_markers_must_come_where_they_are_due() {
    let file = encoder((64, 8), &[(1, 1)], 80, 2).file(value);
    let markers: Vec<usize> = (1..file.len()).filter(|i| file[i - 1] == 0xff && file[*i] & 0xf8 == 0xd0).collect();
    assert_eq!(markers.len(), 3);
    assert!(decode(&file, 2).is_some());
    let changed = |at: usize, byte: u8| [&file[..at], &[byte], &file[at + 1..]].concat();
    assert!(decode(&changed(markers[1], 0xd2), 2).is_none());
    assert!(decode(&[&file[..markers[0] - 1], &file[markers[0] + 1..]].concat(), 2).is_none());
    // The same scan once more behind its end.
    let scan = &file[markers[2] + 1..file.len() - 2];
    let longer = [&file[..file.len() - 2], &[0xff, 0xd3], scan, &[0xff, 0xd9]].concat();
    assert!(decode(&longer, 2).is_none());
    let longer = [&file[..file.len() - 2], &[0x55], &[0xff, 0xd9]].concat();
    assert!(decode(&longer, 2).is_none());
    // Any number of 0xff may stand before a marker.
    let filled = [&file[..markers[0]], &[0xff, 0xff], &file[markers[0]..]].concat();
    assert_eq!(decode(&filled, 2).unwrap().pixels, decode(&file, 2).unwrap().pixels);
}

#[test]
fn other_kinds_of_files_are_left_to_others() {
    let file = encoder((32, 32), SAMPLINGS[2], 80, 0).file(value);
    let frame = file.windows(2).position(|w| w == [0xff, 0xc0]).unwrap();
    let with = |at: usize, byte: u8| [&file[..at], &[byte], &file[at + 1..]].concat();
    assert!(decode(&file, 8).is_some());
    // Another fraction, progressive, arithmetic, twelve bits, no height, four blocks across, a missing table.
    assert!(decode(&file, 1).is_none() && decode(&file, 3).is_none());
    for (at, byte) in [(1, 0xc2), (1, 0xc9), (4, 12), (6, 0), (11, 0x41), (12, 3)] {
        assert!(decode(&with(frame + at, byte), 8).is_none(), "{at}: {byte}");
    }
    let adobe = |transform: u8| {
        let note = [b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0".as_slice(), &[transform]].concat();
        [&file[..2], &note, &file[2..]].concat()
    };
    assert!(decode(&adobe(0), 8).is_none());
    assert_eq!(decode(&adobe(1), 8).unwrap().pixels, decode(&file, 8).unwrap().pixels);
}

#[test]
fn a_short_file_takes_no_memory_for_a_large_picture() {
    let mut file = encoder((32, 32), SAMPLINGS[0], 80, 0).file(value);
    let frame = file.windows(2).position(|w| w == [0xff, 0xc0]).unwrap();
    file[frame + 5..frame + 9].fill(0xff);
    assert!(decode(&file, 2).is_none());
    assert!(Segments::new(&[1, 2, 0xff, 0, 0xff, 0xd9]).is_some_and(|s| s.bytes() == 3));
}
