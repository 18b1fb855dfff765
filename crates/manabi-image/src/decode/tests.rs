//! Decoding of files made by hand, whole and damaged.

use std::io::Write;

use ::image::{ExtendedColorType, ImageEncoder, codecs::jpeg::JpegEncoder, codecs::png::PngEncoder};
use proptest::prelude::*;

use super::*;

fn png(width: u32, height: u32, kind: ExtendedColorType, bytes: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    PngEncoder::new(&mut file).write_image(bytes, width, height, kind).unwrap();
    file
}

fn jpeg(width: u32, height: u32, kind: ExtendedColorType, bytes: &[u8]) -> Vec<u8> {
    let mut file = Vec::new();
    JpegEncoder::new_with_quality(&mut file, 95).write_image(bytes, width, height, kind).unwrap();
    file
}

/// A PNG from chunks, with right lengths and checksums.
fn chunks(parts: &[(&[u8; 4], Vec<u8>)]) -> Vec<u8> {
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    for (name, body) in parts {
        let mut crc = flate2::Crc::new();
        crc.update(*name);
        crc.update(body);
        file.extend((body.len() as u32).to_be_bytes());
        file.extend(*name);
        file.extend(body);
        file.extend(crc.sum().to_be_bytes());
    }
    file
}

fn header(width: u32, height: u32, depth: u8, colour: u8) -> Vec<u8> {
    [width.to_be_bytes().as_slice(), &height.to_be_bytes(), &[depth, colour, 0, 0, 0]].concat()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn grey_colour_and_sixteen_bits_are_read_exactly() {
    let grey = decode_bytes(&png(2, 1, ExtendedColorType::L8, &[3, 200]), 0).unwrap();
    assert_eq!((grey.channels, grey.pixels), (1, Pixels::U8(vec![3, 200])));
    let colour = decode_bytes(&png(2, 1, ExtendedColorType::Rgb8, &[1, 2, 3, 4, 5, 6]), 0).unwrap();
    assert_eq!((colour.channels, colour.pixels), (3, Pixels::U8(vec![1, 4, 2, 5, 3, 6])));
    let deep: Vec<u8> = [300u16, 65_535].iter().flat_map(|v| v.to_ne_bytes()).collect();
    let deep = decode_bytes(&png(2, 1, ExtendedColorType::L16, &deep), 0).unwrap();
    assert_eq!(deep.pixels, Pixels::U16(vec![300, 65_535]));
}

#[test]
fn transparency_is_laid_over_white_and_grey_colour_files_become_grey() {
    let file = png(3, 1, ExtendedColorType::Rgba8, &[10, 20, 30, 255, 10, 20, 30, 0, 0, 0, 0, 128]);
    assert_eq!(decode_bytes(&file, 0).unwrap().pixels, Pixels::U8(vec![10, 255, 127, 20, 255, 127, 30, 255, 127]));
    let grey = decode_bytes(&png(2, 1, ExtendedColorType::Rgb8, &[7, 7, 7, 9, 9, 9]), 0).unwrap();
    assert_eq!((grey.channels, grey.pixels), (1, Pixels::U8(vec![7, 9])));
    let alpha = decode_bytes(&png(2, 1, ExtendedColorType::La8, &[50, 255, 50, 0]), 0).unwrap();
    assert_eq!(alpha.pixels, Pixels::U8(vec![50, 255]));
}

#[test]
fn palettes_become_colours() {
    let file = chunks(&[
        (b"IHDR", header(2, 1, 8, 3)),
        (b"PLTE", vec![1, 2, 3, 200, 100, 50]),
        (b"IDAT", zlib(&[0, 1, 0])),
        (b"IEND", vec![]),
    ]);
    assert_eq!(decode_bytes(&file, 0).unwrap().pixels, Pixels::U8(vec![200, 1, 100, 2, 50, 3]));
}

#[test]
fn a_bomb_is_refused_before_memory_is_taken() {
    let file =
        chunks(&[(b"IHDR", header(30_000, 30_000, 8, 0)), (b"IDAT", zlib(&vec![0; 1 << 20])), (b"IEND", vec![])]);
    let reason = decode_bytes(&file, 64).unwrap_err();
    assert_eq!(reason, "30000×30000 pixels; images of at most 100 million pixels are read");
}

#[test]
fn a_cut_or_foreign_file_is_an_error_that_names_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.jpg");
    let message = |bytes: &[u8]| {
        std::fs::write(&path, bytes).unwrap();
        decode_file(&path, 64).unwrap_err().to_string()
    };
    let pixels: Vec<u8> = (0..64 * 64).map(|i| (i * i % 255) as u8).collect();
    let whole = jpeg(64, 64, ExtendedColorType::L8, &pixels);
    assert!(decode_bytes(&whole, 64).is_ok());
    let cut = message(&whole[..whole.len() / 2]);
    assert!(cut.contains("x.jpg") && cut.contains("cut off"), "{cut}");
    assert!(message(&whole[..40]).contains("no picture"));
    let png = png(64, 64, ExtendedColorType::L8, &pixels);
    assert!(message(&png[..png.len() / 2]).contains("x.jpg"));
    assert!(message(b"").contains("empty"));
    assert!(message(b"GIF89a, really").contains("neither a PNG nor a JPEG"));
    assert!(decode_file(&dir.path().join("gone.png"), 64).unwrap_err().to_string().contains("gone.png"));
}

#[test]
fn photos_are_reduced_to_their_shorter_side_and_remember_their_size() {
    let pixels: Vec<u8> = (0..300 * 100 * 3).map(|i: u64| (i * i % 255) as u8).collect();
    let image = decode_bytes(&png(300, 100, ExtendedColorType::Rgb8, &pixels), 50).unwrap();
    assert_eq!((image.width, image.height, image.channels, image.original), (150, 50, 3, (300, 100)));
    assert_eq!(image.pixels.len(), 150 * 50 * 3);
    let small = decode_bytes(&png(300, 100, ExtendedColorType::Rgb8, &pixels), 100).unwrap();
    assert_eq!((small.width, small.height), (300, 100));
}

#[test]
fn a_camera_held_upright_is_turned_by_its_exif_note() {
    let file = jpeg(16, 8, ExtendedColorType::L8, &[128; 128]);
    // TIFF, little endian, one entry: tag 0x0112 (orientation), type short, one value, 6 (turn right).
    let mut exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0".to_vec();
    let length = (exif.len() + 2) as u16;
    let mut turned = vec![0xff, 0xd8, 0xff, 0xe1];
    turned.extend(length.to_be_bytes());
    turned.append(&mut exif);
    turned.extend(&file[2..]);
    let image = decode_bytes(&turned, 0).unwrap();
    assert_eq!((image.width, image.height), (8, 16));
}

proptest! {
    #[test]
    fn no_bytes_make_the_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), kind in 0usize..3) {
        let start: &[u8] = [b"".as_slice(), b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR", b"\xff\xd8\xff\xe0\0\x10JFIF\0"][kind];
        let _ = decode_bytes(&[start, &bytes].concat(), 16);
    }

    #[test]
    fn a_flipped_byte_is_read_or_refused(at in 0usize..400, value in any::<u8>()) {
        let pixels: Vec<u8> = (0..16 * 16).map(|i| (i * i % 255) as u8).collect();
        let mut file = jpeg(16, 16, ExtendedColorType::L8, &pixels);
        let at = at % file.len();
        file[at] = value;
        let _ = decode_bytes(&file, 16);
    }
}
