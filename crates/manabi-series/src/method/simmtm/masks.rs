//! Which tokens of a copy are hidden: runs whose lengths have a geometric distribution (Zerveas et al.,
//! arXiv:2010.02803). A function of the seed, the step, the row's sample and the copy.

use candle_core::{Device, Tensor};
use manabi_core::{
    Result,
    method::Step,
    rng::{Key, Purpose, Rng},
};

use super::Config;

/// Masks `(M, T)`: none for the first `rows` rows, then runs for each copy.
pub(super) fn masks(config: &Config, step: &Step, rows: usize, t: usize, device: &Device) -> Result<Tensor> {
    let mut marks = vec![0f32; rows * (config.copies + 1) * t];
    for (i, marks) in marks.chunks_mut(t).enumerate().skip(rows) {
        let (row, copy) = (i % rows, i / rows);
        let sample = step.samples.get(row).copied().unwrap_or(row);
        let key = Key::new(step.seed, Purpose::Mask).epoch(step.index).sample(sample as u64);
        runs(&mut key.view((row * (config.copies + 1) + copy) as u32).rng(), config, marks);
    }
    Ok(Tensor::from_vec(marks, (rows * (config.copies + 1), t), device)?)
}

/// Hides runs whose lengths have a geometric distribution, as have those of what is seen. At least one token is hidden and one is seen.
fn runs(rng: &mut Rng, config: &Config, marks: &mut [f32]) {
    let (leave_hidden, seen) = (1.0 / config.run, config.run * (1.0 - config.ratio) / config.ratio);
    let leave_seen = 1.0 / seen.max(1.0);
    let mut hidden = rng.chance(config.ratio as f32);
    for mark in marks.iter_mut() {
        *mark = if hidden { 1.0 } else { 0.0 };
        let leave = if hidden { leave_hidden } else { leave_seen };
        hidden ^= rng.chance(leave as f32);
    }
    let all_alike = marks.windows(2).all(|pair| pair[0] == pair[1]);
    if all_alike && marks.len() > 1 {
        let at = rng.below(marks.len());
        marks[at] = 1.0 - marks[at];
    }
}

#[cfg(test)]
mod tests {
    use manabi_core::method::DatasetFacts;

    use super::*;

    fn config() -> Config {
        Config::for_dataset(&DatasetFacts { samples: 10, classes: 0, transformations: 0, batch: 2, steps: 5, dim: 64 })
    }

    fn step(index: u64) -> Step<'static> {
        Step { index, total: 10, epoch: 0, seed: 3, samples: &[4, 9], labels: &[] }
    }

    #[test]
    fn series_are_seen_whole_and_copies_hide_half_in_runs_of_three() {
        let all = masks(&config(), &step(0), 2, 3000, &Device::Cpu).unwrap().to_vec2::<f32>().unwrap();
        assert_eq!(all.len(), 8);
        assert!(all[..2].iter().flatten().all(|m| *m == 0.0));
        for row in &all[2..] {
            let hidden: f32 = row.iter().sum();
            let starts = row.windows(2).filter(|w| w[0] < w[1]).count() as f32;
            assert!((1250.0..1750.0).contains(&hidden), "{hidden}");
            assert!((2.6..3.4).contains(&(hidden / starts)), "{}", hidden / starts);
        }
        assert!(all[2] != all[3] && all[2] != all[4]);
        let again = masks(&config(), &step(0), 2, 3000, &Device::Cpu).unwrap().to_vec2::<f32>().unwrap();
        assert_eq!(all, again);
    }

    #[test]
    fn a_mask_of_two_tokens_hides_one_and_shows_one() {
        for index in 0..50 {
            let all = masks(&config(), &step(index), 2, 2, &Device::Cpu).unwrap().to_vec2::<f32>().unwrap();
            assert!(all[2..].iter().all(|row| row.iter().sum::<f32>() == 1.0));
        }
    }
}
