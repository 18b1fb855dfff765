//! PNG and JPEG files to images, with limits that hold before memory is taken.
//!
//! A photo that is to be reduced to a half or less is decoded at that scale ([`scaled`]); every other file is decoded
//! exactly and reduced afterwards.

use std::{
    io::Cursor,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use ::image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, metadata::Orientation};
use fast_image_resize::{
    FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer,
    images::{Image as Plain, ImageRef},
};
use manabi_core::{Error, Result};

use crate::image::{Image, Pixels};

mod baseline;
mod scaled;

/// Extensions of the files that are read; a photo comes before its mask.
pub const EXTENSIONS: &[&str] = &["jpg", "jpeg", "png"];
/// Larger files are refused.
pub const MAX_FILE_BYTES: u64 = 256 << 20;
/// Images of more pixels are refused.
pub const MAX_PIXELS: u64 = 100_000_000;

/// Reads the file `path`; an image whose shorter side is longer than `load_size` is reduced to it.
pub fn decode_file(path: &Path, load_size: usize) -> Result<Image> {
    let length = std::fs::metadata(path).map_err(|e| Error::io(path, e))?.len();
    if length > MAX_FILE_BYTES {
        return Err(Error::file(
            path,
            format!("{} MiB; files of at most {} MiB are read", length >> 20, MAX_FILE_BYTES >> 20),
        ));
    }
    let bytes = std::fs::read(path).map_err(|e| Error::io(path, e))?;
    decode_bytes(&bytes, load_size).map_err(|reason| Error::file(path, reason))
}

/// The image in `bytes`, or why there is none. Never panics, whatever the bytes are.
pub fn decode_bytes(bytes: &[u8], load_size: usize) -> std::result::Result<Image, String> {
    catch_unwind(AssertUnwindSafe(|| decode(bytes, load_size)))
        .unwrap_or_else(|_| Err("the decoder broke down on this file; it is damaged".into()))
}

fn decode(bytes: &[u8], load_size: usize) -> std::result::Result<Image, String> {
    if bytes.is_empty() {
        return Err("the file is empty".into());
    }
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|e| e.to_string())?;
    let format = reader.format();
    match format {
        Some(ImageFormat::Png) => {}
        Some(ImageFormat::Jpeg) => check_jpeg_end(bytes)?,
        _ => return Err("neither a PNG nor a JPEG file, whatever its name says".into()),
    }
    let mut limits = Limits::no_limits();
    // 16-bit colour with alpha is the widest kind: eight bytes a pixel, and as much again to convert.
    limits.max_alloc = Some(MAX_PIXELS * 16);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|e| e.to_string())?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(format!(
            "{width}×{height} pixels; images of at most {} million pixels are read",
            MAX_PIXELS / 1_000_000
        ));
    }
    if width == 0 || height == 0 {
        return Err(format!("{width}×{height} pixels"));
    }
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let size = (width as usize, height as usize);
    let scaled = (format == Some(ImageFormat::Jpeg)).then(|| scaled::decode(bytes, size, load_size)).flatten();
    let mut picture = match scaled {
        Some(picture) => picture,
        None => DynamicImage::from_decoder(decoder).map_err(|e| e.to_string())?,
    };
    let upright = (picture.width(), picture.height());
    picture.apply_orientation(orientation);
    let original = if (picture.width(), picture.height()) == upright { size } else { (size.1, size.0) };
    reduce(flatten(picture), original, load_size)
}

/// A JPEG file must hold the end marker after its first scan: decoders fill up what is missing with grey.
fn check_jpeg_end(bytes: &[u8]) -> std::result::Result<(), String> {
    let mut at = 2;
    // Segments before the scan (a thumbnail with its own end marker may lie in one).
    while let Some(&[0xff, marker]) = bytes.get(at..at + 2).and_then(|m| m.first_chunk::<2>()) {
        if marker == 0xff {
            at += 1;
            continue;
        }
        let Some(&[high, low]) = bytes.get(at + 2..at + 4).and_then(|l| l.first_chunk::<2>()) else { break };
        at += 2 + usize::from(u16::from_be_bytes([high, low]));
        if marker == 0xda {
            // Inside a scan 0xff is followed by 0 or a restart marker, so this is the real end.
            let ended = bytes.get(at..).is_some_and(|scan| scan.windows(2).any(|w| w == [0xff, 0xd9]));
            return if ended { Ok(()) } else { Err("the JPEG file is cut off: its end is missing".into()) };
        }
    }
    Err("the JPEG file holds no picture".into())
}

/// Interleaved values without alpha.
struct Interleaved {
    width: usize,
    height: usize,
    channels: usize,
    pixels: Pixels,
}

/// Grey or colour, 8 or 16 bits; transparent pixels are laid over white, and colour files
/// whose three channels are equal become grey.
fn flatten(picture: DynamicImage) -> Interleaved {
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let (channels, pixels) = match picture {
        DynamicImage::ImageLuma8(p) => (1, Pixels::U8(p.into_raw())),
        DynamicImage::ImageRgb8(p) => (3, Pixels::U8(p.into_raw())),
        DynamicImage::ImageLumaA8(p) => (1, Pixels::U8(over_white::<u8, 2>(&p))),
        DynamicImage::ImageRgba8(p) => (3, Pixels::U8(over_white::<u8, 4>(&p))),
        DynamicImage::ImageLuma16(p) => (1, Pixels::U16(p.into_raw())),
        DynamicImage::ImageRgb16(p) => (3, Pixels::U16(p.into_raw())),
        DynamicImage::ImageLumaA16(p) => (1, Pixels::U16(over_white::<u16, 2>(&p))),
        DynamicImage::ImageRgba16(p) => (3, Pixels::U16(over_white::<u16, 4>(&p))),
        other => (3, Pixels::U8(other.to_rgb8().into_raw())),
    };
    let (channels, pixels) = match pixels {
        Pixels::U8(v) if channels == 3 && is_grey(&v) => (1, Pixels::U8(v.into_iter().step_by(3).collect())),
        Pixels::U16(v) if channels == 3 && is_grey(&v) => (1, Pixels::U16(v.into_iter().step_by(3).collect())),
        pixels => (channels, pixels),
    };
    Interleaved { width, height, channels, pixels }
}

fn is_grey<T: PartialEq>(values: &[T]) -> bool {
    values.chunks_exact(3).all(|p| p[0] == p[1] && p[1] == p[2])
}

/// Drops the last of `N` channels, which is alpha.
fn over_white<T: Copy + Into<u64> + TryFrom<u64>, const N: usize>(values: &[T]) -> Vec<T> {
    let white = (1u64 << (8 * size_of::<T>())) - 1;
    let mut flat = Vec::with_capacity(values.len() / N * (N - 1));
    for pixel in values.chunks_exact(N) {
        let alpha: u64 = pixel[N - 1].into();
        for value in &pixel[..N - 1] {
            let mixed = ((*value).into() * alpha + white * (white - alpha) + white / 2) / white;
            flat.push(T::try_from(mixed).unwrap_or(*value));
        }
    }
    flat
}

/// Reduced until the shorter side of what was `original` is `load_size` (area-true bilinear filter), and made planar.
fn reduce(picture: Interleaved, original: (usize, usize), load_size: usize) -> std::result::Result<Image, String> {
    let Interleaved { width, height, channels, pixels } = picture;
    let short = original.0.min(original.1);
    let (new_width, new_height) = if load_size > 0 && short > load_size {
        let scaled = |side: usize| ((side as u64 * load_size as u64 + short as u64 / 2) / short as u64).max(1) as usize;
        (scaled(original.0), scaled(original.1))
    } else {
        (width, height)
    };
    let same = (new_width, new_height) == (width, height);
    let resized = |kind, bytes: &[u8]| resize((width, height), kind, bytes, (new_width, new_height));
    let pixels = match pixels {
        Pixels::U8(v) if same => Pixels::U8(planar(v, channels)),
        Pixels::U16(v) if same => Pixels::U16(planar(v, channels)),
        Pixels::U8(v) => {
            let kind = if channels == 1 { PixelType::U8 } else { PixelType::U8x3 };
            Pixels::U8(planar(resized(kind, &v)?, channels))
        }
        Pixels::U16(v) => {
            let kind = if channels == 1 { PixelType::U16 } else { PixelType::U16x3 };
            let bytes: Vec<u8> = v.iter().flat_map(|x| x.to_ne_bytes()).collect();
            let words = resized(kind, &bytes)?.chunks_exact(2).map(|b| u16::from_ne_bytes([b[0], b[1]])).collect();
            Pixels::U16(planar(words, channels))
        }
        Pixels::F32(_) => return Err("files hold whole numbers".into()),
    };
    let image = Image::new(new_width, new_height, channels, pixels).map_err(|e| e.to_string())?;
    Ok(Image { original, ..image })
}

fn resize(
    (width, height): (usize, usize),
    kind: PixelType,
    bytes: &[u8],
    (new_width, new_height): (usize, usize),
) -> std::result::Result<Vec<u8>, String> {
    let source = ImageRef::new(width as u32, height as u32, bytes, kind).map_err(|e| e.to_string())?;
    let mut target = Plain::new(new_width as u32, new_height as u32, kind);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear)).use_alpha(false);
    Resizer::new().resize(&source, &mut target, &options).map_err(|e| e.to_string())?;
    Ok(target.into_vec())
}

fn planar<T: Copy>(values: Vec<T>, channels: usize) -> Vec<T> {
    if channels == 1 {
        return values;
    }
    let mut planes = Vec::with_capacity(values.len());
    for channel in 0..channels {
        planes.extend(values.chunks_exact(channels).map(|pixel| pixel[channel]));
    }
    planes
}

#[cfg(test)]
mod tests;
