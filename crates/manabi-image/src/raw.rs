//! The honest baseline: the pixels themselves.

use crate::{
    augment::resample::{Region, resample},
    image::{Image, with_channels},
};

/// Side of the thumbnail for `channels` channels of images whose working size is `size`.
pub fn side(size: usize, channels: usize) -> usize {
    size.min(if channels == 1 { 32 } else { 16 })
}

/// The whole image at `side × side`, in `[0, 1]`, planar: `channels · side²` values (at most
/// 1 024 for grey, 768 for colour).
pub fn raw_features(image: &Image, size: usize, channels: usize) -> Vec<f32> {
    let side = side(size, channels);
    with_channels(resample(image, Region::whole(image), side, side), image.channels, channels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Pixels;

    #[test]
    fn a_small_grey_image_is_its_own_raw_features() {
        let image = Image::new(28, 28, 1, Pixels::U8((0..784).map(|i| i as u8).collect())).unwrap();
        let raw = raw_features(&image, 28, 1);
        assert!(raw.iter().zip(image.to_f32()).all(|(a, b)| (a - b).abs() < 1e-6) && raw.len() == 784);
        assert_eq!(raw_features(&image, 28, 3).len(), 768);
        assert_eq!(raw_features(&image, 64, 1).len(), 1024);
    }
}
