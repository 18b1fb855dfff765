//! A generated dataset: ten shapes, everything else about a picture being chance.
//!
//! The class is the shape. Position, size, tilt, stretching, colours, background texture, lighting and noise are drawn
//! for each picture, so that two pictures of one class have few pixels in common: raw pixels and a random encoder need
//! many labels, while an encoder that was trained to ignore such changes needs few. Row `i` depends on `(seed, i)` alone.

use manabi_core::{
    Result,
    data::{Entry, Listing, MemorySource, Split},
    rng::{Key, Purpose, Rng},
};
use rayon::prelude::*;

use crate::image::{Image, Pixels, luma};

/// The fixed word that asks for this dataset.
pub const NAME: &str = "synthetic";
/// Side of a picture in pixels.
pub const SIDE: usize = 32;
/// Largest rotation of a shape, in radians.
const TILT: f32 = 0.5;
/// The classes, sorted.
pub const CLASSES: [&str; 10] =
    ["bars", "checker", "crescent", "cross", "disc", "frame", "ring", "square", "star", "triangle"];

/// How much is generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Another seed gives other pictures.
    pub seed: u64,
    /// Training pictures.
    pub train: usize,
    /// Test pictures.
    pub test: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { seed: 0, train: 4_000, test: 1_000 }
    }
}

/// The dataset: classes in turn, training rows first.
pub fn dataset(settings: &Settings) -> Result<MemorySource<Image>> {
    let total = settings.train + settings.test;
    let entries = (0..total)
        .map(|row| {
            let (split, name, number) = if row < settings.train {
                (Split::Train, "train", row)
            } else {
                (Split::Test, "test", row - settings.train)
            };
            Entry {
                label: Some(CLASSES[row % CLASSES.len()].into()),
                split: Some(split),
                ..Entry::new(format!("{name}/{number:05}"), "")
            }
        })
        .collect();
    let images: Vec<Image> =
        (0..total).into_par_iter().map(|row| picture(settings.seed, row)).collect::<Result<_>>()?;
    MemorySource::new(Listing { entries, ..Listing::default() }, images)
}

/// Picture `row`, of class `row % 10`: 32×32 colour, 8 bits.
pub fn picture(seed: u64, row: usize) -> Result<Image> {
    let mut rng = Key::new(seed, Purpose::Synthetic).sample(row as u64).rng();
    let rng = &mut rng;
    let class = row % CLASSES.len();
    let place = Placement::draw(rng);
    let ([ground, second], object) = colours(rng);
    let texture = Texture::draw(rng);
    let (light, strength) = (rng.range(0.0, std::f32::consts::TAU).sin_cos(), rng.range(0.0, 0.35));
    let noise = rng.range(0.01, 0.06);
    let mut values = vec![0u8; 3 * SIDE * SIDE];
    for at in 0..SIDE * SIDE {
        let (x, y) = ((at % SIDE) as f32 - 15.5, (at / SIDE) as f32 - 15.5);
        let cover = place.cover(class, x, y);
        let weave = texture.at(x, y);
        let shade = 1.0 + strength * (light.0 * x + light.1 * y) / 16.0;
        for channel in 0..3 {
            let back = ground[channel] + (second[channel] - ground[channel]) * weave;
            let value = (back + (object[channel] - back) * cover) * shade + noise * rng.normal();
            values[channel * SIDE * SIDE + at] = (value.clamp(0.0, 1.0) * 255.0).round() as u8;
        }
    }
    Image::new(SIDE, SIDE, 3, Pixels::U8(values))
}

/// Where the shape lies.
struct Placement {
    x: f32,
    y: f32,
    /// Half its extent in pixels, along its own two axes.
    radius: (f32, f32),
    sin: f32,
    cos: f32,
}

impl Placement {
    fn draw(rng: &mut Rng) -> Self {
        let radius = rng.range(7.0, 12.0);
        let stretch = rng.range(-0.2, 0.2).exp();
        // The larger the shape, the less room there is to move.
        let room = 14.5 - radius;
        let (sin, cos) = rng.range(-TILT, TILT).sin_cos();
        let (x, y) = (rng.range(-room, room), rng.range(-room, room));
        Self { x, y, radius: (radius * stretch, radius / stretch), sin, cos }
    }

    /// How much of the pixel at `(x, y)` the shape covers, 0 to 1.
    fn cover(&self, class: usize, x: f32, y: f32) -> f32 {
        let (dx, dy) = (x - self.x, y - self.y);
        let u = (self.cos * dx + self.sin * dy) / self.radius.0;
        let v = (self.cos * dy - self.sin * dx) / self.radius.1;
        let pixels = distance(class, u, v) * self.radius.0.min(self.radius.1);
        (0.5 - pixels).clamp(0.0, 1.0)
    }
}

/// Signed distance from the edge of shape `class` (negative inside), in units of its radius.
fn distance(class: usize, u: f32, v: f32) -> f32 {
    let radius = u.hypot(v);
    let square = |half: f32| u.abs().max(v.abs()) - half;
    match CLASSES[class] {
        "disc" => radius - 0.85,
        "ring" => (radius - 0.72).abs() - 0.2,
        "square" => square(0.75),
        "frame" => square(0.82).max(0.42 - u.abs().max(v.abs())),
        "triangle" => (0.866 * u.abs() + 0.5 * v - 0.5).max(-v - 0.5),
        "cross" => (u.abs() - 0.27).max(v.abs() - 0.95).min((v.abs() - 0.27).max(u.abs() - 0.95)),
        "star" => {
            // Folded into one tenth of the circle; the edge runs from a tip to a notch.
            let tenth = std::f32::consts::PI / 5.0;
            let angle = v.atan2(u).rem_euclid(2.0 * tenth);
            let angle = angle.min(2.0 * tenth - angle);
            let (px, py) = (radius * angle.cos(), radius * angle.sin());
            let (tip, notch) = ((1.05, 0.0), (0.42 * tenth.cos(), 0.42 * tenth.sin()));
            let (ex, ey) = (notch.0 - tip.0, notch.1 - tip.1);
            (ex * (py - tip.1) - ey * (px - tip.0)) / -ex.hypot(ey)
        }
        "crescent" => (radius - 0.95).max(0.78 - (u - 0.42).hypot(v)),
        "bars" => square(0.85).max(0.17 - ((u + 0.85).rem_euclid(0.68) - 0.51).abs()),
        // Checker: four fields of a 2 × 2 board would be a bow tie; 3 × 3 has five.
        _ => {
            let field = |t: f32| ((t + 0.9) / 0.6).floor().clamp(0.0, 2.0) as i32;
            let inside = |t: f32| 0.3 - ((t + 0.9).rem_euclid(0.6) - 0.3).abs();
            let edge = inside(u).min(inside(v));
            let filled = if (field(u) + field(v)) % 2 == 0 { -edge } else { edge };
            filled.max(square(0.9))
        }
    }
}

/// Two colours of the background and one of the object, which is clearly lighter.
fn colours(rng: &mut Rng) -> ([[f32; 3]; 2], [f32; 3]) {
    let mut colour = |low: f32, high: f32| {
        let (brightness, saturation) = (rng.range(low, high), rng.range(0.05, 0.3));
        let hue = rng.range(0.0, std::f32::consts::TAU);
        let raw = [0.0, 2.094, 4.189].map(|phase: f32| 1.0 + saturation * (hue + phase).cos());
        let scale = brightness / luma(raw[0], raw[1], raw[2]);
        raw.map(|v| (v * scale).clamp(0.0, 1.0))
    };
    let (dark, light) = (colour(0.1, 0.4), colour(0.6, 0.9));
    let tone = colour(0.85, 1.15);
    let second = [0, 1, 2].map(|c| (dark[c] * tone[c]).clamp(0.0, 1.0));
    ([dark, second], light)
}

/// The background's weave between its two colours: two waves.
struct Texture {
    waves: [(f32, f32, f32); 2],
}

impl Texture {
    fn draw(rng: &mut Rng) -> Self {
        let mut wave = || {
            let (frequency, angle) = (rng.range(0.1, 0.9), rng.range(0.0, std::f32::consts::TAU));
            (frequency * angle.cos(), frequency * angle.sin(), rng.range(0.0, std::f32::consts::TAU))
        };
        Self { waves: [wave(), wave()] }
    }

    fn at(&self, x: f32, y: f32) -> f32 {
        let sum: f32 = self.waves.iter().map(|(fx, fy, phase)| (fx * x + fy * y + phase).sin()).sum();
        0.5 + 0.25 * sum
    }
}

#[cfg(test)]
mod tests {
    use manabi_core::data::Source;

    use super::*;

    #[test]
    fn rows_are_a_function_of_the_seed_and_their_number() {
        let small = dataset(&Settings { train: 20, test: 10, ..Settings::default() }).unwrap();
        let large = dataset(&Settings { train: 30, test: 10, ..Settings::default() }).unwrap();
        for row in 0..20 {
            assert_eq!(small.load(row).unwrap(), large.load(row).unwrap());
        }
        assert_ne!(picture(0, 0).unwrap(), picture(1, 0).unwrap());
        assert_ne!(picture(0, 0).unwrap(), picture(0, 10).unwrap());
        assert_eq!(small.classes(), CLASSES);
        assert_eq!(small.records()[25].id, "test/00005");
        assert_eq!(small.records().iter().filter(|r| r.split == Some(Split::Test)).count(), 10);
        assert_eq!(small.records()[13].label, Some(3));
    }

    #[test]
    fn pixels_alone_hardly_tell_the_class_from_few_labels() {
        let data = dataset(&Settings { train: 100, test: 400, ..Settings::default() }).unwrap();
        let pixels: Vec<Vec<f32>> = (0..500).map(|row| data.load(row).unwrap().to_f32()).collect();
        let squared = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| (x - y).powi(2)).sum::<f32>();
        let right = (100..500)
            .filter(|row| {
                let nearest = (0..100)
                    .min_by(|a, b| squared(&pixels[*a], &pixels[*row]).total_cmp(&squared(&pixels[*b], &pixels[*row])));
                nearest.unwrap() % 10 == row % 10
            })
            .count();
        assert!(right < 140, "{right} of 400 by nearest neighbour");
    }

    #[test]
    fn every_shape_covers_a_good_part_of_its_square_and_differs_from_the_others() {
        let grid = |class| -> Vec<bool> {
            (0..1600)
                .map(|i| distance(class, (i % 40) as f32 / 20.0 - 1.0, (i / 40) as f32 / 20.0 - 1.0) < 0.0)
                .collect()
        };
        for (a, name) in CLASSES.iter().enumerate() {
            let covered = grid(a).iter().filter(|c| **c).count();
            assert!((250..1250).contains(&covered), "{name}: {covered}");
            for (b, other) in CLASSES.iter().enumerate().take(a) {
                let differ = grid(a).iter().zip(grid(b)).filter(|(x, y)| **x != *y).count();
                assert!(differ > 100, "{name} and {other}: {differ}");
            }
        }
    }
}
