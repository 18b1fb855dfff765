//! Pretext tasks of recordings: what was done to this sound?
//!
//! A task must not be solvable by what the doing leaves behind. So all classes of a task go through the same steps and
//! come out at the same length: every order is cut and joined, every speed is resampled, and what only one class could
//! have (empty bins at an edge, a missing top octave) is taken from all of them.

use manabi_core::{Error, Result, modality::PretextTask, rng::Rng};

use crate::{augment::Recipe, clip::Wave, frontend::LogMel};

mod order;
mod pitch;
mod reversal;
mod speed;

/// The tasks, in the order of their numbers.
pub const TASKS: &[PretextTask] = &[
    PretextTask {
        name: "clip-order",
        classes: order::CLASSES,
        summary: "say in which of six orders three pieces of the clip are played",
    },
    PretextTask { name: "reversal", classes: 2, summary: "say whether the clip is played backwards" },
    PretextTask { name: "speed", classes: speed::CLASSES, summary: "say whether the clip is slowed down or sped up" },
    PretextTask { name: "pitch", classes: pitch::CLASSES, summary: "say whether the clip is shifted down or up" },
];

/// The map of `wave` under class `class` of task `task`.
///
/// # Errors
/// If there is no such task or class.
pub fn transform(recipe: &Recipe<'_>, wave: &Wave, task: usize, class: u32, rng: &mut Rng) -> Result<LogMel> {
    let Some(found) = TASKS.get(task) else {
        return Err(Error::config(format!("there is no pretext task {task}; there are {}", TASKS.len())));
    };
    let class = class as usize;
    if class >= found.classes {
        let (name, classes) = (found.name, found.classes);
        return Err(Error::config(format!("{name} has no class {class}; classes are 0 to {}", classes - 1)));
    }
    match found.name {
        "clip-order" => order::transform(recipe, wave, class, rng),
        "reversal" => reversal::transform(recipe, wave, class, rng),
        "speed" => speed::transform(recipe, wave, class, rng),
        _ => pitch::transform(recipe, wave, class, rng),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        augment::{AugmentConfig, testing::rng},
        frontend::{FrontEnd, FrontEndConfig},
    };

    #[test]
    fn every_class_of_every_task_has_the_views_size() {
        let front = FrontEnd::new(&FrontEndConfig::default(), 8_000).unwrap();
        let config = AugmentConfig::default();
        let recipe = Recipe {
            config: &config,
            front: &front,
            frames: 48,
            strong_frames: 32,
            local_frames: 16,
            statistics: (-6.0, 3.0),
        };
        for length in [1, 400, 3_760, 20_000] {
            let wave = Wave::new((0..length).map(|i| (i as f32 * 0.2).sin()).collect(), 8_000);
            for (task, found) in TASKS.iter().enumerate() {
                for class in 0..found.classes as u32 {
                    let map = transform(&recipe, &wave, task, class, &mut rng(1)).unwrap();
                    assert_eq!((map.bins, map.frames), (64, 48), "{} {class} of {length}", found.name);
                    assert!(map.values.iter().all(|v| v.is_finite()));
                }
                assert!(transform(&recipe, &wave, task, found.classes as u32, &mut rng(1)).is_err());
            }
            assert!(transform(&recipe, &wave, TASKS.len(), 0, &mut rng(1)).is_err());
        }
    }
}
