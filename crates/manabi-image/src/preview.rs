//! What a report shows of an image: a small PNG.

use ::image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};
use manabi_core::{Error, Result};

use crate::{
    augment::resample::{Region, resample},
    image::Image,
};

/// Longest side of a preview in pixels.
pub const SIDE: usize = 64;

/// A PNG of the image: reduced to [`SIDE`], or enlarged by a whole factor where it is tiny.
pub fn preview(image: &Image) -> Result<Vec<u8>> {
    let longest = image.width.max(image.height);
    if longest > SIDE {
        let scaled = |side: usize| (side * SIDE / longest).max(1);
        let (width, height) = (scaled(image.width), scaled(image.height));
        let values = resample(image, Region::whole(image), width, height);
        return png(&values, width, height, image.channels, 1);
    }
    png(&image.to_f32(), image.width, image.height, image.channels, SIDE / longest)
}

/// Planar values in `[0, 1]` as a PNG in which every pixel is a square of `zoom` pixels.
pub fn png(values: &[f32], width: usize, height: usize, channels: usize, zoom: usize) -> Result<Vec<u8>> {
    let plane = width * height;
    let mut bytes = Vec::with_capacity(values.len() * zoom * zoom);
    for y in 0..height * zoom {
        for x in 0..width * zoom {
            let at = y / zoom * width + x / zoom;
            bytes.extend((0..channels).map(|c| (values[c * plane + at] * 255.0).round() as u8));
        }
    }
    let colour = if channels == 1 { ExtendedColorType::L8 } else { ExtendedColorType::Rgb8 };
    let mut file = Vec::new();
    PngEncoder::new(&mut file)
        .write_image(&bytes, (width * zoom) as u32, (height * zoom) as u32, colour)
        .map_err(|e| Error::data(format!("a preview could not be written: {e}")))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{decode::decode_bytes, image::Pixels};

    fn size(width: usize, height: usize, channels: usize) -> (usize, usize, usize) {
        let image = Image::new(
            width,
            height,
            channels, // Channels that differ, or the picture would be read back as grey.
            Pixels::U8((0..width * height * channels).map(|i| (i * 37 / (width * height)) as u8).collect()),
        );
        let file = preview(&image.unwrap()).unwrap();
        let shown = decode_bytes(&file, 0).unwrap();
        (shown.width, shown.height, shown.channels)
    }

    #[test]
    fn previews_are_at_most_64_pixels_and_tiny_images_are_enlarged() {
        assert_eq!(size(28, 28, 1), (56, 56, 1));
        assert_eq!(size(32, 32, 3), (64, 64, 3));
        assert_eq!(size(300, 100, 1), (64, 21, 1));
        assert_eq!(size(1, 2, 1), (32, 64, 1));
    }

    #[test]
    fn a_tiny_image_is_shown_unchanged() {
        let image = Image::new(2, 1, 3, Pixels::U8(vec![255, 0, 10, 20, 30, 40])).unwrap();
        let shown = decode_bytes(&preview(&image).unwrap(), 0).unwrap();
        let Pixels::U8(values) = shown.pixels else { panic!("8 bits") };
        assert_eq!((values[0], values[63], values[64 * 32], values[64 * 32 * 2 + 63]), (255, 0, 10, 40));
    }
}
