//! A generated dataset: eight kinds of sound, everything else about a clip being chance.
//!
//! The class is how a sound moves in time. Its pitch, timbre, loudness, beginning, length and fading, a hum and coloured
//! noise behind it are drawn for each clip, so that the mean spectrum says little of the class. Row `i` depends on
//! `(seed, i)` alone. Cost: about a millisecond a clip.

use std::f32::consts::TAU;

use manabi_core::{
    Result,
    data::{Entry, Listing, MemorySource, Split},
    rng::{Key, Purpose, Rng},
};
use rayon::prelude::*;

use crate::clip::{Clip, Wave};

/// The fixed word that asks for this dataset.
pub const NAME: &str = "synthetic-audio";
/// Samples a second.
pub const RATE: u32 = 8_000;
/// Samples of a clip: one second.
pub const LENGTH: usize = 8_000;
/// The classes, sorted.
pub const CLASSES: [&str; 8] = ["clicks", "falling", "hiss", "rising", "steady", "tremolo", "two-tone", "vibrato"];

/// How much is generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Another seed gives other clips.
    pub seed: u64,
    /// Training clips.
    pub train: usize,
    /// Test clips.
    pub test: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { seed: 0, train: 800, test: 400 }
    }
}

/// The dataset: classes in turn, training rows first.
pub fn dataset(settings: &Settings) -> Result<MemorySource<Clip>> {
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
    let clips = (0..total).into_par_iter().map(|row| Clip::Wave(sound(settings.seed, row))).collect();
    MemorySource::new(Listing { entries, ..Listing::default() }, clips)
}

/// Clip `row`, of class `row % 8`: one second at 8 kHz.
pub fn sound(seed: u64, row: usize) -> Wave {
    let mut rng = Key::new(seed, Purpose::Synthetic).sample(row as u64).rng();
    let rng = &mut rng;
    let voice = Voice::draw(rng);
    let mut samples = voice.play(CLASSES[row % CLASSES.len()], rng);
    background(&mut samples, rng);
    let peak = samples.iter().fold(1e-6f32, |m, v| m.max(v.abs()));
    let level = rng.range(0.05, 0.9) / peak;
    samples.iter_mut().for_each(|v| *v *= level);
    Wave::new(samples, RATE)
}

/// What a clip sounds like apart from its class.
struct Voice {
    /// First and last sample.
    begin: usize,
    end: usize,
    /// Pitch in cycles a sample.
    pitch: f32,
    /// Strength of harmonics 1 to 4.
    harmonics: [f32; 4],
    /// Modulations a second, and how deep they are, 0 to 1.
    beats: f32,
    depth: f32,
    /// Fade-in and fade-out, of the length.
    attack: f32,
    decay: f32,
}

impl Voice {
    fn draw(rng: &mut Rng) -> Self {
        let length = rng.range(0.5, 0.95);
        let begin = rng.range(0.0, 1.0 - length);
        Self {
            begin: (begin * LENGTH as f32) as usize,
            end: ((begin + length) * LENGTH as f32) as usize,
            pitch: 200.0 * 4f32.powf(rng.uniform()) / RATE as f32,
            harmonics: [1.0, rng.range(0.0, 0.8), rng.range(0.0, 0.5), rng.range(0.0, 0.3)],
            beats: rng.range(5.0, 11.0),
            depth: rng.range(0.6, 1.0),
            attack: rng.range(0.02, 0.25),
            decay: rng.range(0.05, 0.5),
        }
    }

    fn play(&self, class: &str, rng: &mut Rng) -> Vec<f32> {
        let mut samples = vec![0.0f32; LENGTH];
        let count = self.end - self.begin;
        let sweep = rng.range(0.6, 1.2);
        let jump = 2f32.powf(rng.range(4.0, 9.0) / 12.0);
        let (mut phase, mut band, mut click) = (rng.uniform(), Band::new(self.pitch * rng.range(2.0, 6.0)), 0.0f32);
        for (i, sample) in samples[self.begin..self.end].iter_mut().enumerate() {
            let (seconds, share) = (i as f32 / RATE as f32, i as f32 / count as f32);
            let beat = (TAU * self.beats * seconds).sin();
            let factor = match class {
                "rising" => (sweep * (share - 0.5)).exp2(),
                "falling" => (sweep * (0.5 - share)).exp2(),
                "vibrato" => 1.0 + 0.08 * self.depth * beat,
                "two-tone" if beat > 0.0 => jump,
                _ => 1.0,
            };
            phase = (phase + self.pitch * factor).fract();
            *sample = match class {
                "hiss" => band.next(rng.range(-1.0, 1.0)),
                "clicks" => {
                    // A short burst at each beat.
                    let place = (self.beats * seconds).fract();
                    click = if place < self.beats / RATE as f32 { 1.0 } else { click * 0.985 };
                    click * self.tone(phase)
                }
                "tremolo" => (1.0 - self.depth * (0.5 + 0.5 * beat)) * self.tone(phase),
                _ => self.tone(phase),
            } * self.envelope(share);
        }
        samples
    }

    fn tone(&self, phase: f32) -> f32 {
        self.harmonics.iter().enumerate().map(|(k, a)| a * (TAU * phase * (k + 1) as f32).sin()).sum()
    }

    fn envelope(&self, share: f32) -> f32 {
        (share / self.attack).min((1.0 - share) / self.decay).clamp(0.0, 1.0)
    }
}

/// A resonance: noise with a pitch.
struct Band {
    a: f32,
    b: f32,
    last: [f32; 2],
}

impl Band {
    fn new(frequency: f32) -> Self {
        const RADIUS: f32 = 0.93;
        let angle = TAU * frequency.min(0.45);
        Self { a: 2.0 * RADIUS * angle.cos(), b: -RADIUS * RADIUS, last: [0.0; 2] }
    }

    fn next(&mut self, x: f32) -> f32 {
        let y = 0.3 * x + self.a * self.last[0] + self.b * self.last[1];
        self.last = [y, self.last[0]];
        y
    }
}

/// Coloured noise and a hum behind the whole clip.
fn background(samples: &mut [f32], rng: &mut Rng) {
    let power = samples.iter().map(|v| v * v).sum::<f32>() / samples.len() as f32;
    let level = (power * 10f32.powf(-rng.range(3.0, 20.0) / 10.0)).sqrt();
    let (colour, hum) = (rng.range(0.0, 0.95), rng.range(0.0, 1.0));
    let (step, mut state) = (TAU * rng.range(50.0, 2_000.0) / RATE as f32, 0.0);
    let scale = (3.0 * (1.0 - colour * colour)).sqrt();
    for (i, v) in samples.iter_mut().enumerate() {
        state = colour * state + rng.range(-1.0, 1.0);
        *v += level * (scale * state + hum * (step * i as f32).sin());
    }
}

#[cfg(test)]
mod tests {
    use manabi_core::data::Source;

    use super::*;
    use crate::{
        frontend::{FrontEnd, FrontEndConfig},
        raw::{RawFeatures, raw_features},
    };

    #[test]
    fn rows_are_a_function_of_the_seed_and_their_number() {
        let small = dataset(&Settings { train: 16, test: 8, ..Settings::default() }).unwrap();
        let large = dataset(&Settings { train: 24, test: 8, ..Settings::default() }).unwrap();
        for row in 0..16 {
            assert_eq!(small.load(row).unwrap(), large.load(row).unwrap());
        }
        assert_ne!(sound(0, 0), sound(1, 0));
        assert_ne!(sound(0, 0), sound(0, 8));
        assert_eq!(small.classes(), CLASSES);
        assert_eq!(small.records()[20].id, "test/00004");
        assert_eq!(small.records()[13].label, Some(5));
    }

    #[test]
    fn clips_are_finite_and_within_full_scale() {
        for row in 0..64 {
            let wave = sound(5, row);
            assert_eq!((wave.samples.len(), wave.rate), (LENGTH, RATE));
            let peak = wave.samples.iter().fold(0.0f32, |m, v| m.max(v.abs()));
            assert!((0.04..=0.91).contains(&peak), "{}: {peak}", CLASSES[row % 8]);
        }
    }

    #[test]
    fn statistics_of_the_spectrum_hardly_tell_the_class_from_few_labels() {
        let front = FrontEnd::new(&FrontEndConfig::default(), RATE).unwrap();
        let features: Vec<Vec<f32>> = (0..480)
            .into_par_iter()
            .map(|row| raw_features(&sound(0, row), &front, RawFeatures::LogMel).unwrap())
            .collect();
        let squared = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| (x - y).powi(2)).sum::<f32>();
        let right = (80..480)
            .filter(|row| {
                let to = |a: &usize| squared(&features[*a], &features[*row]);
                (0..80).min_by(|a, b| to(a).total_cmp(&to(b))).unwrap() % 8 == row % 8
            })
            .count();
        assert!(right < 200, "{right} of 400 by nearest neighbour");
    }
}
