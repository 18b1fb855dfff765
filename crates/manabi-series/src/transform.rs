//! Pretext transformations: which of eight was done to the series (Saeed, Ozcelebi & Lukkien, IMWUT 2019), or in which
//! order its quarters stand.
//!
//! The classes do not depend on the data: where there is one channel only, the eighth class smooths the series instead
//! of exchanging channels.

use manabi_core::{Error, Result, modality::PretextTask, rng::Rng};

use crate::{
    augment::{
        Recipe,
        jitter::jitter,
        permute::{permute, rearrange},
        time_warp::time_warp,
    },
    series::Series,
};

/// Recognising the transformation.
pub const RECOGNITION: PretextTask = PretextTask {
    name: "transformation",
    classes: 8,
    summary: "say what was done: nothing, noise, scale, negate, reverse, permute, warp time, exchange channels",
};

/// Recognising the order.
pub const ORDER: PretextTask =
    PretextTask { name: "order", classes: ORDERS.len(), summary: "say in which of six orders the quarters stand" };

/// The tasks, the usual one first.
pub const TASKS: &[PretextTask] = &[RECOGNITION, ORDER];

/// Six of the 24 orders of four quarters, any two of which differ in three places or more.
const ORDERS: [[usize; 4]; 6] = [[0, 1, 2, 3], [0, 2, 3, 1], [1, 0, 3, 2], [1, 2, 0, 3], [2, 3, 1, 0], [3, 0, 2, 1]];
/// Of each quarter this share is shown, at a random place: seams alone do not give the order away.
const SHOWN: f32 = 0.85;
/// Noise of the class that is noisy, in deviations of the channel.
const NOISE: f32 = 0.5;
/// Factors of the class that is scaled: this and its inverse.
const FACTOR: f32 = 1.8;
/// The smoothing window of the last class is this part of the length.
const SMOOTH: usize = 16;

/// The series as class `class` of the task at `task` in [`TASKS`], weakly augmented first.
///
/// # Errors
/// If there is no such task or class, or the series is too short to be cut in four.
pub fn transform(recipe: &Recipe<'_>, series: &Series, task: usize, class: u32, rng: &mut Rng) -> Result<Series> {
    let mut view = recipe.normalised(series);
    recipe.weaken(&mut view, rng);
    let known = TASKS.get(task).filter(|t| (class as usize) < t.classes);
    match known {
        Some(found) if *found == ORDER => {
            order(&mut view, ORDERS[class as usize], rng)?;
            let length = shown(recipe.length / 4) * 4;
            Ok(recipe.sized(view, length))
        }
        Some(_) => {
            recognisable(&mut view, class, rng);
            Ok(recipe.sized(view, recipe.length))
        }
        None => Err(Error::config(format!("there is no class {class} of pretext task {task} for series"))),
    }
}

fn recognisable(view: &mut Series, class: u32, rng: &mut Rng) {
    match class {
        0 => {}
        1 => jitter(view, NOISE, rng),
        2 => {
            let factor = if rng.chance(0.5) { FACTOR } else { 1.0 / FACTOR };
            view.values.iter_mut().for_each(|v| *v *= factor);
        }
        3 => view.values.iter_mut().for_each(|v| *v = -*v),
        4 => view.rows_mut().for_each(<[f32]>::reverse),
        5 => permute(view, 6, rng),
        6 => time_warp(view, 0.6, rng),
        _ if view.channels == 1 => smooth(view),
        _ => exchange(view, rng),
    }
}

/// Puts the channels into another order.
fn exchange(view: &mut Series, rng: &mut Rng) {
    let mut order = rng.permutation(view.channels);
    if order.is_sorted() {
        order.rotate_left(1);
    }
    let rows: Vec<&[f32]> = view.rows().collect();
    view.values = order.iter().filter_map(|c| rows.get(*c)).flat_map(|row| row.iter().copied()).collect();
}

/// A running mean.
fn smooth(view: &mut Series) {
    let half = (view.length / SMOOTH / 2).max(1);
    for row in view.rows_mut() {
        let before = row.to_vec();
        for (at, value) in row.iter_mut().enumerate().filter(|(_, v)| !v.is_nan()) {
            let near = &before[at.saturating_sub(half)..(at + half + 1).min(before.len())];
            let present = near.iter().filter(|v| !v.is_nan());
            let (sum, count) = present.fold((0.0, 0u32), |(s, n), v| (s + v, n + 1));
            *value = sum / count as f32;
        }
    }
}

fn shown(quarter: usize) -> usize {
    ((quarter as f32 * SHOWN) as usize).max(1)
}

fn order(view: &mut Series, order: [usize; 4], rng: &mut Rng) -> Result<()> {
    let quarter = view.length / 4;
    if quarter == 0 {
        return Err(Error::data(format!("a series of {} steps cannot be cut into quarters", view.length)));
    }
    let width = shown(quarter);
    let segments: Vec<(usize, usize)> = order
        .iter()
        .map(|place| {
            let start = place * quarter + rng.below(quarter - width + 1);
            (start, start + width)
        })
        .collect();
    rearrange(view, &segments);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        augment::{
            AugmentConfig, Spectrum,
            testing::{ramps, rng},
        },
        config::Normalise,
        normalise::Statistics,
    };

    fn done(series: &Series, task: usize, class: u32) -> Result<Series> {
        let config = AugmentConfig { scale: 0.0, jitter_weak: 0.0, ..AugmentConfig::default() };
        let statistics = Statistics { mean: vec![0.0; 3], std: vec![1.0; 3] };
        let spectrum = Spectrum::new(64);
        let recipe = Recipe {
            config: &config,
            length: 64,
            statistics: &statistics,
            normalise: Normalise::None,
            spectrum: &spectrum,
        };
        transform(&recipe, series, task, class, &mut rng(0))
    }

    #[test]
    fn every_class_does_something_else_with_one_channel_and_with_three() {
        for channels in [1, 3] {
            // A wave, as a ramp is not changed by smoothing.
            let mut series = ramps(channels, 64);
            series.values.iter_mut().for_each(|v| *v += 5.0 * (*v * 1.3).sin());
            let views: Vec<Series> = (0..8).map(|class| done(&series, 0, class).unwrap()).collect();
            assert_eq!(views[0], series);
            for (a, view) in views.iter().enumerate() {
                assert_eq!((view.channels, view.length), (channels, 64));
                assert!(views.iter().take(a).all(|other| other != view), "{channels} channels, class {a}");
            }
        }
    }

    #[test]
    fn negation_reversal_and_exchange_are_what_they_say() {
        let series = ramps(3, 64);
        assert!(done(&series, 0, 3).unwrap().values.iter().zip(&series.values).all(|(a, b)| *a == -*b));
        assert_eq!(done(&series, 0, 4).unwrap().values[..2], [63.0, 62.0]);
        let firsts: Vec<f32> = done(&series, 0, 7).unwrap().rows().map(|r| r[0]).collect();
        assert!(firsts != [0.0, 100.0, 200.0] && firsts.iter().sum::<f32>() == 300.0);
    }

    #[test]
    fn quarters_stand_in_the_order_of_the_class() {
        for (class, order) in (0u32..).zip(ORDERS) {
            let view = done(&ramps(2, 64), 1, class).unwrap();
            assert_eq!(view.length, 52);
            let found: Vec<usize> = (0..4).map(|q| view.values[q * 13 + 6] as usize / 16).collect();
            assert_eq!(found, order);
            assert!(crate::augment::testing::together(&view));
        }
        for (a, x) in ORDERS.iter().enumerate() {
            assert!(ORDERS.iter().take(a).all(|y| x.iter().zip(y).filter(|(p, q)| p != q).count() >= 3));
        }
    }

    #[test]
    fn unknown_tasks_and_classes_and_tiny_series_are_refused() {
        assert!(
            done(&ramps(3, 64), 0, 8).is_err()
                && done(&ramps(3, 64), 1, 6).is_err()
                && done(&ramps(3, 64), 2, 0).is_err()
        );
        assert!(done(&ramps(3, 3), 1, 0).unwrap_err().to_string().contains("3 steps"));
        assert_eq!(done(&ramps(3, 20), 0, 5).unwrap().missing(), 3 * 44);
    }
}
