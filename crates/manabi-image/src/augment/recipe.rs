//! Which operations make which view, in which order.

use manabi_core::{Result, modality::ViewKind, rng::Rng};

use super::{
    AugmentConfig, blur,
    colours::{self, Change},
    crop::random_region,
    erase::erase,
    flip,
    resample::{Region, resample},
    rotate::rotate,
    solarise::solarise,
};
use crate::image::{Image, with_channels};

/// Makes views of `size × size` pixels and `channels` channels.
#[derive(Clone, Copy, Debug)]
pub struct Recipe<'a> {
    /// The settings.
    pub config: &'a AugmentConfig,
    /// Side of a view.
    pub size: usize,
    /// Side of a strong view.
    pub strong_size: usize,
    /// 1 or 3; images of the other kind are converted.
    pub channels: usize,
}

impl Recipe<'_> {
    /// One view, `f32` in `[0, 1]`.
    ///
    /// Evaluation sees the whole image resized to a square: a wide photo is squeezed
    /// rather than cut, because a defect may lie at its end.
    pub fn view(&self, image: &Image, kind: ViewKind, rng: &mut Rng) -> Result<Image> {
        match kind {
            ViewKind::Eval => {
                self.finish(resample(image, Region::whole(image), self.size, self.size), image, self.size)
            }
            ViewKind::Weak => self.weak(image, self.config.flip_vertical, rng),
            ViewKind::Supervised => self.supervised(image, rng),
            ViewKind::Strong(view) => self.strong(image, (self.config.crop, 1.0), self.strong_size, view, rng),
            ViewKind::Local => self.strong(image, self.config.crop_local, self.local_size(), 0, rng),
        }
    }

    /// A weak view with its own probability of mirroring top and bottom.
    pub(crate) fn weak(&self, image: &Image, flip_vertical: f32, rng: &mut Rng) -> Result<Image> {
        let values = self.cropped(image, (self.config.crop_weak, 1.0), self.size, flip_vertical, rng);
        self.finish(values, image, self.size)
    }

    /// Side of a local view: about half the size, a multiple of four.
    pub fn local_size(&self) -> usize {
        self.config.local_size.unwrap_or((self.size / 8 * 4).max(8))
    }

    fn supervised(&self, image: &Image, rng: &mut Rng) -> Result<Image> {
        let config = self.config;
        let mut view = self.finish(
            self.cropped(image, (config.crop_supervised, 1.0), self.size, config.flip_vertical, rng),
            image,
            self.size,
        )?;
        if let crate::image::Pixels::F32(values) = &mut view.pixels
            && rng.chance(config.jitter)
        {
            let changes: Vec<Change> = config.colours().scaled(0.5).draw(rng).collect();
            colours::apply(values, self.channels, &changes);
        }
        Ok(view)
    }

    fn strong(&self, image: &Image, scale: (f32, f32), size: usize, view: u32, rng: &mut Rng) -> Result<Image> {
        let config = self.config;
        let values = self.cropped(image, scale, size, config.flip_vertical, rng);
        let mut values = with_channels(values, image.channels, self.channels);
        if config.rotate > 0.0 {
            rotate(&mut values, size, size, rng.range(-config.rotate, config.rotate));
        }
        let mut changes = Vec::new();
        if rng.chance(config.jitter) {
            changes.extend(config.colours().draw(rng));
        }
        let colour = self.channels == 3;
        if colour && rng.chance(config.grey) {
            changes.push(Change::Grey);
        }
        colours::apply(&mut values, self.channels, &changes);
        if rng.chance(config.blur_at(size)) {
            let sigma = rng.range(0.1, 2.0);
            blur::gaussian(&mut values, size, size, (size / 10 / 2 * 2 + 1).max(3), sigma);
        }
        if colour && view % 2 == 1 && rng.chance(config.solarise) {
            solarise(&mut values, 0.5);
        }
        if rng.chance(config.erase) {
            erase(&mut values, size, size, rng);
        }
        Image::from_f32(size, size, self.channels, values)
    }

    fn cropped(&self, image: &Image, scale: (f32, f32), size: usize, flip_vertical: f32, rng: &mut Rng) -> Vec<f32> {
        let region = random_region(image.width, image.height, scale, rng);
        let mut values = resample(image, region, size, size);
        if rng.chance(self.config.flip) {
            flip::horizontal(&mut values, size);
        }
        if rng.chance(flip_vertical) {
            flip::vertical(&mut values, size, size);
        }
        values
    }

    fn finish(&self, values: Vec<f32>, image: &Image, size: usize) -> Result<Image> {
        Image::from_f32(size, size, self.channels, with_channels(values, image.channels, self.channels))
    }
}

#[cfg(test)]
mod tests {
    use manabi_core::rng::{Key, Purpose};

    use super::*;
    use crate::image::Pixels;

    fn photo(channels: usize) -> Image {
        Image::new(40, 30, channels, Pixels::U8((0..1200 * channels).map(|i| (i * i % 251) as u8).collect())).unwrap()
    }

    fn view(config: &AugmentConfig, channels: usize, kind: ViewKind, sample: u64) -> Image {
        let recipe = Recipe { config, size: 32, strong_size: 24, channels };
        recipe.view(&photo(channels), kind, &mut Key::new(3, Purpose::Augment).sample(sample).rng()).unwrap()
    }

    #[test]
    fn the_same_stream_gives_the_same_view_and_another_one_does_not() {
        let config = AugmentConfig::default();
        for kind in [ViewKind::Weak, ViewKind::Supervised, ViewKind::Strong(0), ViewKind::Local] {
            assert_eq!(view(&config, 3, kind, 1), view(&config, 3, kind, 1));
            assert_ne!(view(&config, 3, kind, 1), view(&config, 3, kind, 2));
        }
        assert_eq!(view(&config, 3, ViewKind::Eval, 1), view(&config, 3, ViewKind::Eval, 2));
    }

    #[test]
    fn every_view_stays_between_black_and_white() {
        let config = AugmentConfig {
            blur: Some(1.0),
            solarise: 1.0,
            erase: 1.0,
            rotate: 20.0,
            flip_vertical: 0.5,
            ..Default::default()
        };
        for channels in [1, 3] {
            for sample in 0..200 {
                let v = view(&config, channels, ViewKind::Strong((sample % 2) as u32), sample);
                assert!(v.to_f32().iter().all(|v| (-1e-6..=1.0 + 1e-6).contains(v)));
            }
        }
    }

    #[test]
    fn colour_operations_are_off_for_grey_images() {
        let sure = AugmentConfig { grey: 1.0, solarise: 1.0, jitter: 0.0, ..Default::default() };
        let never = AugmentConfig { grey: 0.0, solarise: 0.0, ..sure.clone() };
        for sample in 0..20 {
            assert_eq!(view(&sure, 1, ViewKind::Strong(1), sample), view(&never, 1, ViewKind::Strong(1), sample));
        }
    }

    #[test]
    fn flips_can_be_switched_off() {
        // Without flips every weak view of a ramp still rises from left to right.
        let ramp = Image::from_f32(32, 32, 1, (0..1024).map(|i| (i % 32) as f32 / 31.0).collect()).unwrap();
        let rises = |flip: f32, sample: u64| {
            let config = AugmentConfig { flip, ..Default::default() };
            let recipe = Recipe { config: &config, size: 32, strong_size: 24, channels: 1 };
            let v = recipe
                .view(&ramp, ViewKind::Weak, &mut Key::new(0, Purpose::Augment).sample(sample).rng())
                .unwrap()
                .to_f32();
            v[31] > v[0]
        };
        assert!((0..50).all(|s| rises(0.0, s)) && (0..50).all(|s| !rises(1.0, s)));
    }
}
