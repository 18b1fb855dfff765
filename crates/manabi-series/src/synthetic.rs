//! A generated dataset: six states of rotating machines, as three sensors show them.
//!
//! The class is what is wrong with the machine: how its vibration, its current and its temperature behave. Everything
//! else is chance: each machine turns at its own speed, its sensors have their own gains and noise, and each row begins
//! anywhere in a turn. Test rows come from machines that no training row comes from. Row `i` depends on `(seed, i)` and
//! its machine alone. In the variant for anomalies the training rows are all healthy.

use std::path::Path;

use manabi_core::{
    Error, Result,
    data::{Entry, Listing, MemorySource, Split},
    rng::{Key, Purpose, Rng},
};
use rayon::prelude::*;

use crate::series::Series;

/// The fixed word that asks for this dataset.
pub const NAME: &str = "synthetic-series";
/// The fixed word for the variant in which the classes are normal and anomaly.
pub const ANOMALY_NAME: &str = "synthetic-series-anomaly";
/// Steps of a row.
pub const LENGTH: usize = 128;
/// Channels: vibration, current, temperature.
pub const CHANNELS: usize = 3;
/// The classes, sorted.
pub const CLASSES: [&str; 6] = ["bearing", "healthy", "imbalance", "looseness", "misalignment", "slip"];
/// Place of the healthy state in [`CLASSES`].
const HEALTHY: usize = 1;
/// Rows of one machine.
const ROWS: usize = 120;
/// Every so many rows one has gaps.
const GAPS: usize = 10;

/// How much is generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Another seed gives other rows.
    pub seed: u64,
    /// Training rows.
    pub train: usize,
    /// Test rows.
    pub test: usize,
    /// True for the variant: training rows are healthy, test rows normal or anomalous by turns.
    pub anomalies: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self { seed: 0, train: 2_400, test: 600, anomalies: false }
    }
}

/// True if `path` asks for a generated dataset.
pub fn is_name(path: &Path) -> bool {
    (path.as_os_str() == NAME || path.as_os_str() == ANOMALY_NAME) && !path.exists()
}

/// The generated dataset that `path` asks for.
pub fn by_name(path: &Path) -> Option<Result<MemorySource<Series>>> {
    let anomalies = path.as_os_str() == ANOMALY_NAME;
    is_name(path).then(|| dataset(&Settings { anomalies, ..Settings::default() }))
}

/// The dataset: classes in turn, training rows first, one group a machine.
pub fn dataset(settings: &Settings) -> Result<MemorySource<Series>> {
    if settings.train + settings.test > 10_000_000 {
        return Err(Error::config("more than ten million generated rows"));
    }
    let rows: Vec<Row> = (0..settings.train + settings.test).map(|row| Row::of(settings, row)).collect();
    let entries = rows
        .iter()
        .map(|row| {
            let (split, name) = if row.test { (Split::Test, "test") } else { (Split::Train, "train") };
            let label = match (settings.anomalies, row.class) {
                (false, class) => CLASSES[class],
                (true, HEALTHY) => "normal",
                (true, _) => "anomaly",
            };
            Entry {
                label: Some(label.into()),
                group: Some(format!("{name} machine {}", row.number / ROWS)),
                split: Some(split),
                ..Entry::new(format!("{name}/{:05}", row.number), "")
            }
        })
        .collect();
    let series: Vec<Series> = rows.par_iter().map(|row| generate(settings.seed, row)).collect::<Result<_>>()?;
    MemorySource::new(Listing { entries, ..Listing::default() }, series)
}

struct Row {
    /// Number within its side.
    number: usize,
    test: bool,
    class: usize,
}

impl Row {
    fn of(settings: &Settings, row: usize) -> Self {
        let test = row >= settings.train;
        let number = if test { row - settings.train } else { row };
        let class = match (settings.anomalies, test) {
            (false, _) => number % CLASSES.len(),
            (true, true) if number % 2 == 1 => [0, 2, 3, 4, 5][number / 2 % 5],
            (true, _) => HEALTHY,
        };
        Self { number, test, class }
    }
}

/// What is peculiar to a machine.
struct Machine {
    /// Turns a step.
    speed: f32,
    gains: [f32; CHANNELS],
    noise: f32,
    warmth: f32,
}

impl Machine {
    fn of(seed: u64, number: u64) -> Self {
        let rng = &mut Key::new(seed, Purpose::Synthetic).epoch(1).sample(number).rng();
        Self {
            speed: rng.range(0.045, 0.07),
            gains: [0, 1, 2].map(|_| rng.range(-0.3, 0.3).exp()),
            noise: rng.range(0.15, 0.35),
            warmth: rng.range(-1.0, 1.0),
        }
    }
}

/// One row `(3, 128)`.
fn generate(seed: u64, row: &Row) -> Result<Series> {
    let side = (row.test as u64) << 40;
    let machine = Machine::of(seed, side + (row.number / ROWS) as u64);
    let rng = &mut Key::new(seed, Purpose::Synthetic).sample(side + row.number as u64).rng();
    let speed = machine.speed * rng.range(0.95, 1.05);
    let (start, other) = (rng.uniform(), rng.uniform());
    let strength = rng.range(0.7, 1.3);
    let load = rng.range(-0.2, 0.2);
    let mut values = vec![0.0; CHANNELS * LENGTH];
    let (mut turn, mut heat, mut ring) = (start, machine.warmth + rng.range(-0.5, 0.5), 0.0f32);
    // A broken ball passes the sensor 3.6 times a turn.
    let mut pass = other;
    for step in 0..LENGTH {
        let slip = if row.class == 5 {
            0.35 * strength * (std::f32::consts::TAU * (step as f32 / 40.0 + other)).sin()
        } else {
            0.0
        };
        turn += speed * (1.0 + slip);
        pass += speed * 3.6;
        if pass >= 1.0 {
            pass -= 1.0;
            ring = if row.class == 0 { 2.2 * strength } else { 0.0 };
        }
        ring *= -0.72;
        let wave = |order: f32, phase: f32| (std::f32::consts::TAU * (order * turn + phase)).sin();
        let vibration = wave(1.0, 0.0)
            + match row.class {
                0 => ring,
                2 => 0.9 * strength * wave(1.0, 0.05),
                3 => 0.8 * strength * wave(0.5, other),
                4 => 0.8 * strength * wave(2.0, other),
                _ => 0.0,
            };
        let current =
            1.0 + load + 0.3 * wave(2.0, 0.3) + if row.class == 4 { 0.25 * strength } else { 0.0 } - 1.2 * slip;
        heat +=
            0.02 * (machine.warmth + if matches!(row.class, 0 | 5) { 1.0 } else { 0.0 } - heat) + 0.02 * rng.normal();
        let clean = [vibration, current, heat];
        for channel in 0..CHANNELS {
            let noise = machine.noise * [1.0, 0.5, 0.3][channel] * rng.normal();
            values[channel * LENGTH + step] = machine.gains[channel] * clean[channel] + noise;
        }
    }
    if row.number % GAPS == GAPS - 1 {
        gaps(&mut values, rng);
    }
    Series::new(CHANNELS, LENGTH, values)
}

/// One channel fails for a while, and all fail for a moment.
fn gaps(values: &mut [f32], rng: &mut Rng) {
    let (channel, from, width) = (rng.below(CHANNELS), rng.below(LENGTH - 32), 8 + rng.below(24));
    values[channel * LENGTH + from..channel * LENGTH + from + width].fill(f32::NAN);
    let moment = rng.below(LENGTH - 4);
    for row in values.chunks_exact_mut(LENGTH) {
        row[moment..moment + 4].fill(f32::NAN);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use manabi_core::data::Source;

    use super::*;
    use crate::raw::raw_features;

    #[test]
    fn rows_are_a_function_of_the_seed_and_their_number() {
        let small = dataset(&Settings { train: 20, test: 10, ..Settings::default() }).unwrap();
        let large = dataset(&Settings { train: 30, test: 10, ..Settings::default() }).unwrap();
        for row in (0..20).filter(|r| r % GAPS != GAPS - 1) {
            assert_eq!(small.load(row).unwrap(), large.load(row).unwrap());
        }
        let other = dataset(&Settings { seed: 1, train: 20, test: 10, ..Settings::default() }).unwrap();
        assert_ne!(small.load(0).unwrap(), other.load(0).unwrap());
        assert_eq!((small.classes(), small.records()[13].label), (&CLASSES.map(String::from)[..], Some(1)));
        assert_eq!(small.records()[25].id, "test/00005");
        assert!(small.load(9).unwrap().missing() > 4 && small.load(8).unwrap().missing() == 0);
    }

    #[test]
    fn no_machine_stands_on_both_sides_and_training_without_anomalies_is_healthy() {
        let data = dataset(&Settings { train: 400, test: 200, anomalies: true, ..Settings::default() }).unwrap();
        let groups = |split| -> BTreeSet<_> {
            data.records().iter().filter(|r| r.split == Some(split)).filter_map(|r| r.group.clone()).collect()
        };
        assert!(groups(Split::Train).is_disjoint(&groups(Split::Test)) && groups(Split::Train).len() == 4);
        let anomalies = |rows: std::ops::Range<usize>| rows.filter(|r| data.records()[*r].label == Some(0)).count();
        assert_eq!(
            (data.classes(), anomalies(0..400), anomalies(400..600)),
            (&["anomaly".into(), "normal".into()][..], 0, 100)
        );
        assert!(by_name(Path::new(ANOMALY_NAME)).is_some() && by_name(Path::new("synthetic")).is_none());
    }

    #[test]
    fn statistics_alone_tell_some_states_from_few_labels_but_not_all() {
        let data = dataset(&Settings { train: 60, test: 600, ..Settings::default() }).unwrap();
        let raw: Vec<Vec<f32>> = (0..660).map(|row| raw_features(&data.load(row).unwrap(), CHANNELS)).collect();
        let squared = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| (x - y).powi(2)).sum::<f32>();
        let right = (60..660)
            .filter(|row| {
                let nearest =
                    (0..60).min_by(|a, b| squared(&raw[*a], &raw[*row]).total_cmp(&squared(&raw[*b], &raw[*row])));
                nearest.unwrap() % 6 == (row - 60) % 6
            })
            .count();
        assert!((150..480).contains(&right), "{right} of 600 by nearest neighbour");
    }
}
