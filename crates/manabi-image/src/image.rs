//! The sample type: one decoded image, channel after channel.

use manabi_core::{Error, Result};

/// Values of an image, planar: channel 0 row by row, then channel 1, …
#[derive(Clone, Debug, PartialEq)]
pub enum Pixels {
    /// 0 is black, 255 white.
    U8(Vec<u8>),
    /// 0 is black, 65 535 white.
    U16(Vec<u16>),
    /// 0 is black, 1 white.
    F32(Vec<f32>),
}

impl Pixels {
    /// Number of values of all channels.
    pub fn len(&self) -> usize {
        match self {
            Self::U8(v) => v.len(),
            Self::U16(v) => v.len(),
            Self::F32(v) => v.len(),
        }
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bits of a value: 8, 16 or 32.
    pub fn bits(&self) -> u32 {
        match self {
            Self::U8(_) => 8,
            Self::U16(_) => 16,
            Self::F32(_) => 32,
        }
    }
}

/// One image.
#[derive(Clone, Debug, PartialEq)]
pub struct Image {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// 1 (grey) or 3 (red, green, blue).
    pub channels: usize,
    /// `channels · height · width` values.
    pub pixels: Pixels,
    /// Columns and rows of the file, before it was reduced at load.
    pub original: (usize, usize),
}

impl Image {
    /// An image of its original size; the number of values must fit.
    pub fn new(width: usize, height: usize, channels: usize, pixels: Pixels) -> Result<Self> {
        if width == 0 || height == 0 || !matches!(channels, 1 | 3) {
            return Err(Error::data(format!(
                "an image of {width}×{height} pixels and {channels} channels (1 or 3 are known)"
            )));
        }
        if pixels.len() != width * height * channels {
            let found = pixels.len();
            return Err(Error::data(format!(
                "{found} values for an image of {width}×{height} pixels and {channels} channels"
            )));
        }
        Ok(Self { width, height, channels, pixels, original: (width, height) })
    }

    /// An image of values in `[0, 1]`.
    pub fn from_f32(width: usize, height: usize, channels: usize, values: Vec<f32>) -> Result<Self> {
        Self::new(width, height, channels, Pixels::F32(values))
    }

    /// Memory that the pixels take.
    pub fn bytes(&self) -> u64 {
        self.pixels.len() as u64 * u64::from(self.pixels.bits() / 8) + size_of::<Self>() as u64
    }

    /// The values in `[0, 1]`, planar.
    pub fn to_f32(&self) -> Vec<f32> {
        match &self.pixels {
            Pixels::U8(v) => v.iter().map(|x| f32::from(*x) / 255.0).collect(),
            Pixels::U16(v) => v.iter().map(|x| f32::from(*x) / 65_535.0).collect(),
            Pixels::F32(v) => v.clone(),
        }
    }
}

/// Planar values with `to` channels: grey is repeated, colour becomes its luma.
pub fn with_channels(values: Vec<f32>, from: usize, to: usize) -> Vec<f32> {
    match (from, to) {
        (1, 3) => values.repeat(3),
        (3, 1) => {
            let n = values.len() / 3;
            let (r, rest) = values.split_at(n);
            let (g, b) = rest.split_at(n);
            r.iter().zip(g).zip(b).map(|((r, g), b)| luma(*r, *g, *b)).collect()
        }
        _ => values,
    }
}

/// Brightness of a colour, with torchvision's weights (ITU-R 601).
#[inline(always)]
pub fn luma(r: f32, g: f32, b: f32) -> f32 {
    0.2989 * r + 0.587 * g + 0.114 * b
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_values_must_fit_the_size() {
        assert!(Image::new(2, 3, 1, Pixels::U8(vec![0; 6])).is_ok());
        assert!(Image::new(2, 3, 3, Pixels::U8(vec![0; 6])).is_err());
        assert!(Image::new(2, 3, 4, Pixels::U8(vec![0; 24])).is_err());
        assert!(Image::new(0, 3, 1, Pixels::U8(vec![])).is_err());
    }

    #[test]
    fn every_depth_becomes_values_from_zero_to_one() {
        let of = |pixels| Image::new(2, 1, 1, pixels).unwrap().to_f32();
        assert_eq!(of(Pixels::U8(vec![0, 255])), [0.0, 1.0]);
        assert_eq!(of(Pixels::U16(vec![0, 65_535])), [0.0, 1.0]);
    }

    #[test]
    fn grey_is_repeated_and_colour_becomes_luma() {
        assert_eq!(with_channels(vec![0.5, 1.0], 1, 3), [0.5, 1.0, 0.5, 1.0, 0.5, 1.0]);
        assert!((with_channels(vec![1.0, 0.0, 0.5], 3, 1)[0] - 0.3559).abs() < 1e-6);
    }
}
