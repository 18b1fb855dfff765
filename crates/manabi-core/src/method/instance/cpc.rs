//! CPC: van den Oord, Li & Vinyals, *Representation Learning with Contrastive Predictive Coding*, arXiv:1807.03748.
//!
//! A recurrent network sums up the frames up to a place; from its state each of the next `K` frames is predicted, and
//! the prediction must pick the true frame out of those of the whole batch: `ℓ = mean_k InfoNCE(W_k c_t, z_{t+g+k})`.
//! `g` is the encoder's span: a frame that shares input with what the state has seen could be copied instead of predicted.
//!
//! Shapes: frames `(N, T, C)`, states `(N, T, H)`, predictions `(N·P, E)` at `P` places. Cost: one pass a sample, `T`
//! small products for the states and `K` products of `N·P × N·P × E`.
//!
//! Defaults: frames are averaged to at most 32 of them, so that the recurrence stays a small part of the step, and 4
//! steps are predicted at 4 places, drawn anew for every step and batch (the paper predicts 12 steps of 10 ms at one).

use candle_core::Tensor;
use serde::{Deserialize, Serialize};

use crate::{
    Error, Result,
    encoder::{Encoder, Mode},
    loss::info_nce,
    method::{BuildContext, DatasetFacts, Family, Loss, Method, MethodEntry, Step, TrainDefaults, ViewPlan, settings},
    modality::ViewKind,
    nn::{Gru, Linear},
    rng::{Key, Purpose},
};

/// Settings of CPC.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// How many frames ahead are predicted, `K`.
    pub ahead: usize,
    /// Places of each sample that are predicted from, `P`.
    pub places: usize,
    /// Frames are averaged until there are at most so many.
    pub frames: usize,
    /// Width of the recurrent state, `H`.
    pub hidden: usize,
    /// Width in which frames and predictions are compared, `E`.
    pub projection: usize,
}

impl Config {
    /// Defaults for such a dataset.
    pub fn for_dataset(facts: &DatasetFacts) -> Self {
        Self { ahead: 4, places: 4, frames: 32, hidden: facts.dim.clamp(64, 256), projection: 128 }
    }

    /// Says what cannot work.
    pub fn validate(&self) -> Result<()> {
        if [self.ahead, self.places, self.frames, self.hidden, self.projection].contains(&0) {
            return Err(Error::config("CPC needs ahead, places, frames, hidden and projection above 0"));
        }
        Ok(())
    }
}

/// The list's entry.
pub fn entry<B: Clone + 'static>() -> MethodEntry<B> {
    MethodEntry {
        name: "cpc",
        aliases: &[],
        family: Family::Instance,
        paper: "van den Oord et al. 2018, arXiv:1807.03748",
        summary: "predict frames that are still to come, out of all those of the batch",
        build: |context| Ok(Box::new(Cpc::new(context)?)),
        defaults: |facts| TrainDefaults::contrastive(2e-3, facts.samples),
        settings: |facts| settings::table(&Config::for_dataset(facts)),
    }
}

/// The method.
pub struct Cpc {
    config: Config,
    context: Gru,
    frame: Linear,
    ahead: Vec<Linear>,
}

impl Cpc {
    fn new<B>(context: &BuildContext<B>) -> Result<Self> {
        let config: Config = context.overrides.apply("cpc", &Config::for_dataset(&context.facts))?;
        config.validate()?;
        let width = context.encoder.frames().ok_or_else(no_frames)?.frame_dim();
        let heads = context.heads;
        let step = |k: usize| Linear::without_bias(&heads.pp("ahead").pp(k), config.hidden, config.projection);
        Ok(Self {
            context: Gru::new(&heads.pp("context"), width, config.hidden)?,
            frame: Linear::without_bias(&heads.pp("frame"), width, config.projection)?,
            ahead: (0..config.ahead).map(step).collect::<Result<_>>()?,
            config,
        })
    }
}

fn no_frames() -> Error {
    Error::config("CPC needs an encoder that sees a sample piece by piece: choose a convolution with --encoder")
}

impl<B: Clone + 'static> Method<B> for Cpc {
    fn name(&self) -> &'static str {
        "cpc"
    }

    fn plan(&self) -> ViewPlan {
        ViewPlan::Views(vec![ViewKind::Weak])
    }

    fn loss(&mut self, encoder: &dyn Encoder<B>, views: &[B], step: &Step) -> Result<Loss> {
        let [batch] = views else {
            return Err(Error::config(format!("CPC takes 1 view, not {}", views.len())));
        };
        let encoder = encoder.frames().ok_or_else(no_frames)?;
        let (frames, gap) = pooled(&encoder.frames(batch, Mode::Train)?, self.config.frames, encoder.span())?;
        let steps = frames.dim(1)?;
        let ahead = self.config.ahead.min(steps.saturating_sub(gap));
        if ahead == 0 {
            return Err(Error::config(format!(
                "CPC: {steps} frames are too few to predict one that is {gap} or more away; give longer samples or another encoder"
            )));
        }
        let states = self.context.forward(&frames)?; // (N, T, H)
        let keys = self.frame.forward(&frames)?; // (N, T, E)
        let scale = 1.0 / (self.config.projection as f64).sqrt();
        let mut rng = Key::new(step.seed, Purpose::Method).epoch(step.index).rng();
        let mut losses = Vec::with_capacity(ahead);
        for (k, predict) in self.ahead.iter().take(ahead).enumerate() {
            let distance = gap + k;
            let mut places = rng.permutation(steps - distance);
            places.truncate(self.config.places);
            let from = at(&states, &places, 0)?;
            losses.push(info_nce(&predict.forward(&from)?, &at(&keys, &places, distance)?, scale)?);
        }
        let value = Tensor::stack(&losses, 0)?.mean_all()?;
        Ok(Loss {
            value,
            features: frames.detach().mean(1)?,
            second: None,
            metrics: vec![("steps ahead", ahead as f64)],
        })
    }
}

/// Frames averaged in groups of equal size to at most `most`, and the distance at which groups share no input.
fn pooled(frames: &Tensor, most: usize, span: usize) -> Result<(Tensor, usize)> {
    let (n, steps, width) = frames.dims3()?;
    let group = steps.div_ceil(most).max(1);
    let groups = steps / group;
    let pooled = match group {
        1 => frames.clone(),
        _ => frames.narrow(1, 0, groups * group)?.reshape((n, groups, group, width))?.mean(2)?,
    };
    // The last frame of one group and the first of the other must be `span` apart.
    Ok((pooled, (span.max(1) + group - 1).div_ceil(group)))
}

/// Rows of all samples at `places + offset`, place by place: `(N, T, C)` → `(P·N, C)`.
fn at(x: &Tensor, places: &[usize], offset: usize) -> Result<Tensor> {
    let rows = places.iter().map(|t| Ok(x.narrow(1, t + offset, 1)?.squeeze(1)?)).collect::<Result<Vec<_>>>()?;
    Ok(Tensor::cat(&rows, 0)?)
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    fn frames(steps: usize) -> Tensor {
        Tensor::arange(0f32, steps as f32, &Device::Cpu).unwrap().reshape((1, steps, 1)).unwrap()
    }

    #[test]
    fn frames_are_averaged_in_groups_and_the_gap_keeps_their_inputs_apart() {
        let (pooled_frames, gap) = pooled(&frames(10), 4, 4).unwrap();
        assert_eq!(pooled_frames.flatten_all().unwrap().to_vec1::<f32>().unwrap(), [1.0, 4.0, 7.0]);
        // Group 0 ends with frame 2 and group 2 begins with frame 6: four apart. Group 1 begins with frame 3.
        assert_eq!(gap, 2);
        assert_eq!(pooled(&frames(10), 32, 1).unwrap().1, 1);
        assert_eq!(pooled(&frames(10), 32, 5).unwrap().1, 5);
    }

    #[test]
    fn rows_at_places_are_stacked_place_by_place() {
        let x = Tensor::arange(0f32, 8.0, &Device::Cpu).unwrap().reshape((2, 4, 1)).unwrap();
        let rows = at(&x, &[0, 2], 1).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(rows, [1.0, 5.0, 3.0, 7.0]);
    }
}
