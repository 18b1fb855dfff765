//! JPEG files decoded at a fraction of their size.
//!
//! A JPEG file holds blocks of 8 × 8 pixels as frequencies; from the lowest of them a block of 2 × 2 or of one pixel can
//! be made directly, which is its area-true reduction but for rounding. The step that is left to the wanted size is the
//! same antialiased one as for other files. Half size is not done: with the decoder that can scale it takes as long as
//! the whole picture takes with the one that cannot.

use std::panic::{AssertUnwindSafe, catch_unwind};

use ::image::{DynamicImage, GrayImage, RgbImage};
use jpeg_decoder::{Decoder, PixelFormat};

/// The picture of `size` in `bytes` at an eighth or a quarter, so that its shorter side is still at least `load_size`.
///
/// `None` where it is too small for that, its sides do not divide, or it is of a kind that is not decoded here, and where
/// anything is wrong: the decoder of whole pictures then decides, and says what.
pub fn decode(bytes: &[u8], (width, height): (usize, usize), load_size: usize) -> Option<DynamicImage> {
    // A side that is not a multiple would end in a pixel that stands for fewer than the others, and all would shift.
    let divides = |f: &usize| width.is_multiple_of(*f) && height.is_multiple_of(*f);
    let fits = |f: &usize| load_size > 0 && width.min(height) / f >= load_size;
    let fraction = [8, 4].into_iter().find(|f| divides(f) && fits(f))?;
    let wanted = |side: usize| u16::try_from(side / fraction).ok();
    let (wanted_width, wanted_height) = (wanted(width)?, wanted(height)?);
    let (pixels, info) = catch_unwind(AssertUnwindSafe(|| {
        let mut decoder = Decoder::new(bytes);
        let got = decoder.scale(wanted_width, wanted_height).ok()?;
        let pixels = if got == (wanted_width, wanted_height) { decoder.decode().ok()? } else { return None };
        Some((pixels, decoder.info()?))
    }))
    .ok()??;
    let (width, height) = (u32::from(wanted_width), u32::from(wanted_height));
    match info.pixel_format {
        PixelFormat::L8 => GrayImage::from_raw(width, height, pixels).map(DynamicImage::ImageLuma8),
        PixelFormat::RGB24 => RgbImage::from_raw(width, height, pixels).map(DynamicImage::ImageRgb8),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use ::image::{ExtendedColorType, ImageEncoder, codecs::jpeg::JpegEncoder};

    use super::{super::decode_bytes, *};
    use crate::image::{Image, Pixels};

    /// A smooth picture, as a file.
    fn file(width: usize, height: usize, channels: usize) -> Vec<u8> {
        let wave = |i: usize| {
            let (c, x, y) = (i % channels, i / channels % width, i / channels / width);
            let (u, v) = (x as f32 / width as f32, y as f32 / height as f32);
            (127.0 + 60.0 * (9.0 * u + c as f32).sin() + 60.0 * (7.0 * v * u + 2.0).cos()) as u8
        };
        let pixels: Vec<u8> = (0..width * height * channels).map(wave).collect();
        let kind = if channels == 1 { ExtendedColorType::L8 } else { ExtendedColorType::Rgb8 };
        let mut file = Vec::new();
        let encoder = JpegEncoder::new_with_quality(&mut file, 95);
        encoder.write_image(&pixels, width as u32, height as u32, kind).unwrap();
        file
    }

    /// What the exact way gives: decoded whole, and then reduced.
    fn whole_and_reduced(file: &[u8], load_size: usize) -> Image {
        let whole = decode_bytes(file, 0).unwrap();
        let Pixels::U8(planar) = whole.pixels else { panic!("eight bits") };
        let plane = whole.width * whole.height;
        let pixels = (0..planar.len()).map(|i| planar[i % whole.channels * plane + i / whole.channels]).collect();
        let picture = super::super::Interleaved {
            width: whole.width,
            height: whole.height,
            channels: whole.channels,
            pixels: Pixels::U8(pixels),
        };
        super::super::reduce(picture, (whole.width, whole.height), load_size).unwrap()
    }

    #[test]
    fn a_fraction_shows_what_the_whole_picture_reduced_shows() {
        for (width, height, channels) in [(400, 300, 3), (304, 416, 1), (800, 640, 3)] {
            let file = file(width, height, channels);
            for load_size in [35, 75, 80] {
                let size = (width, height);
                let expected = whole_and_reduced(&file, load_size);
                let found = decode_bytes(&file, load_size).unwrap();
                assert_eq!(decode(&file, size, load_size).is_some(), width.min(height) / 4 >= load_size);
                assert_eq!((found.width, found.height), (expected.width, expected.height));
                assert_eq!(found.original, size);
                let differences: Vec<f32> =
                    found.to_f32().iter().zip(expected.to_f32()).map(|(a, b)| (a - b).abs() * 255.0).collect();
                let mean = differences.iter().sum::<f32>() / differences.len() as f32;
                assert!(mean < 1.0 && differences.iter().all(|d| *d < 8.0), "{size:?} at {load_size}: {mean}");
            }
        }
    }

    #[test]
    fn a_side_that_does_not_divide_is_decoded_exactly() {
        let file = file(401, 303, 3);
        assert!(decode(&file, (401, 303), 35).is_none());
        assert_eq!(decode_bytes(&file, 35).unwrap(), whole_and_reduced(&file, 35));
    }

    #[test]
    fn a_picture_that_is_reduced_by_less_is_decoded_exactly() {
        let file = file(400, 300, 3);
        for load_size in [76, 150, 299] {
            assert!(decode(&file, (400, 300), load_size).is_none());
            assert_eq!(decode_bytes(&file, load_size).unwrap(), whole_and_reduced(&file, load_size));
        }
        assert!(decode(&file, (400, 300), 0).is_none());
    }

    #[test]
    fn a_damaged_file_is_left_to_the_decoder_of_whole_pictures() {
        let mut file = file(400, 300, 3);
        // The first table of frequencies is said to be longer than the file.
        let table = file.windows(2).position(|w| w == [0xff, 0xdb]).unwrap();
        file[table + 2] = 0xff;
        file[table + 3] = 0xff;
        assert!(decode(&file, (400, 300), 30).is_none());
        assert!(decode_bytes(&file, 30).is_err());
    }
}
