//! What a report shows of a recording: its log-mel map as a small picture, time to the right, pitch upwards.

use image::{ExtendedColorType, ImageEncoder, codecs::png::PngEncoder};
use manabi_core::{Error, Result};

use crate::{
    clip::Clip,
    frontend::{FrontEnd, LogMel},
};

/// Widest preview in pixels.
pub const WIDTH: usize = 128;
/// Highest preview in pixels.
pub const HEIGHT: usize = 64;
/// What is this much (in natural logarithms of power, 52 dB) below the loudest value is black.
const RANGE: f32 = 12.0;
/// Longer recordings are shown by their beginning, in seconds.
const SECONDS: usize = 30;

/// A grey PNG of the map, the loudest value white.
pub fn preview(front: &FrontEnd, clip: &Clip) -> Result<Vec<u8>> {
    let made;
    let map = match clip {
        Clip::Map(map) => map,
        Clip::Wave(wave) => {
            let most = SECONDS * front.rate() as usize;
            made = front.log_mel(&wave.samples[..wave.samples.len().min(most)])?;
            &made
        }
    };
    let (width, height) = (map.frames.min(WIDTH), map.bins.min(HEIGHT));
    let values = reduced(map, width, height);
    let top = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    // Silence is black, whatever its loudest value.
    let top = top.max(front.silence() + RANGE);
    let bytes: Vec<u8> = values.iter().map(|v| (((v - top) / RANGE + 1.0).clamp(0.0, 1.0) * 255.0) as u8).collect();
    let mut file = Vec::new();
    PngEncoder::new(&mut file)
        .write_image(&bytes, width as u32, height as u32, ExtendedColorType::L8)
        .map_err(|e| Error::data(format!("a preview could not be written: {e}")))?;
    Ok(file)
}

/// The largest value under each pixel, the highest bin in the first row.
fn reduced(map: &LogMel, width: usize, height: usize) -> Vec<f32> {
    let mut values = vec![f32::NEG_INFINITY; width * height];
    for (bin, row) in map.rows().enumerate() {
        let y = height - 1 - bin * height / map.bins;
        for (t, v) in row.iter().enumerate() {
            let to = &mut values[y * width + t * width / map.frames];
            *to = to.max(*v);
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clip::Wave, frontend::FrontEndConfig};

    #[test]
    fn waves_and_maps_of_any_length_are_shown() {
        let front = FrontEnd::new(&FrontEndConfig::default(), 8_000).unwrap();
        for length in [1, 3_000, 80_000] {
            let wave = Wave::new((0..length).map(|i| (i as f32 * 0.1).sin()).collect(), 8_000);
            assert!(preview(&front, &Clip::Wave(wave)).unwrap().starts_with(b"\x89PNG"));
        }
        let map = LogMel::new(2, 3, vec![-16.0; 6]).unwrap();
        assert!(preview(&front, &Clip::Map(map)).unwrap().starts_with(b"\x89PNG"));
    }

    #[test]
    fn low_bins_lie_below() {
        let map = LogMel::new(2, 4, vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0]).unwrap();
        assert_eq!(reduced(&map, 2, 2), [6.0, 8.0, 2.0, 4.0]);
    }
}
