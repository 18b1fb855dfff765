//! JPEG files decoded at a fraction of their size.
//!
//! A JPEG file holds blocks of 8 × 8 pixels as frequencies; from them, blocks of 4 × 4, of 2 × 2 or of one pixel can be
//! made directly, each the mean of the pixels that it stands for. The step that is left to the wanted size is the same
//! antialiased one as for other files.

use ::image::{DynamicImage, GrayImage, RgbImage};

use super::baseline;

/// The picture of `size` in `bytes` at an eighth, a quarter or a half, so that its shorter side is still at least
/// `load_size`.
///
/// `None` where it is too small for that, its sides do not divide, it is of a kind that is not decoded here, and where
/// anything is wrong: the decoder of whole pictures then decides, and says what.
pub fn decode(bytes: &[u8], (width, height): (usize, usize), load_size: usize) -> Option<DynamicImage> {
    let fits = |f: &usize| load_size > 0 && width.min(height) / f >= load_size;
    // A side that is not a multiple would end in a pixel that stands for fewer than the others, and all would shift.
    let divides = |f: &usize| width.is_multiple_of(*f) && height.is_multiple_of(*f);
    let decoded = baseline::decode(bytes, [8, 4, 2].into_iter().find(|f| fits(f) && divides(f))?)?;
    let (width, height) = (u32::try_from(decoded.width).ok()?, u32::try_from(decoded.height).ok()?);
    match decoded.channels {
        1 => GrayImage::from_raw(width, height, decoded.pixels).map(DynamicImage::ImageLuma8),
        _ => RgbImage::from_raw(width, height, decoded.pixels).map(DynamicImage::ImageRgb8),
    }
}

#[cfg(test)]
mod tests {
    use ::image::{ExtendedColorType, ImageEncoder, codecs::jpeg::JpegEncoder};

    use super::{
        super::{Interleaved, decode_bytes, reduce},
        *,
    };
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
        let picture = Interleaved {
            width: whole.width,
            height: whole.height,
            channels: whole.channels,
            pixels: Pixels::U8(pixels),
        };
        reduce(picture, (whole.width, whole.height), load_size).unwrap()
    }

    #[test]
    fn a_fraction_shows_what_the_whole_picture_reduced_shows() {
        for (width, height, channels) in [(400, 300, 3), (304, 416, 1), (800, 640, 3)] {
            let file = file(width, height, channels);
            for load_size in [35, 75, 80, 150] {
                let size = (width, height);
                let expected = whole_and_reduced(&file, load_size);
                let found = decode_bytes(&file, load_size).unwrap();
                assert_eq!(decode(&file, size, load_size).is_some(), width.min(height) / 2 >= load_size);
                assert_eq!((found.width, found.height), (expected.width, expected.height));
                assert_eq!(found.original, size);
                let (mean, most) = differences(&found, &expected);
                assert!(mean < 0.6 && most < 3.5, "{size:?} at {load_size}: {mean}, {most}");
            }
        }
    }

    /// The mean and the largest difference, in 255ths.
    fn differences(found: &Image, expected: &Image) -> (f32, f32) {
        let differences: Vec<f32> =
            found.to_f32().iter().zip(expected.to_f32()).map(|(a, b)| (a - b).abs() * 255.0).collect();
        let most = differences.iter().fold(0.0f32, |most, d| most.max(*d));
        (differences.iter().sum::<f32>() / differences.len() as f32, most)
    }

    #[test]
    fn sides_that_do_not_divide_are_decoded_by_less_or_whole() {
        // 404 × 302 divides by two alone, 403 × 302 by nothing.
        assert_eq!(decode(&file(404, 302, 1), (404, 302), 40).map(|p| p.width()), Some(202));
        assert!(decode(&file(403, 302, 1), (403, 302), 40).is_none());
    }

    #[test]
    fn a_picture_that_is_reduced_by_less_is_decoded_exactly() {
        let file = file(400, 300, 3);
        for load_size in [151, 299] {
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
