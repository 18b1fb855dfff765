//! Pretext tasks: what turns views of unlabelled samples into a loss.
//!
//! The folders are the four families: [`instance`] discrimination, [`clustering`],
//! [`masked`] prediction, [`transformation`] prediction; and the [`supervised`] baseline,
//! which is a method too, so that every comparison runs through the same loop.

use std::collections::BTreeMap;

use candle_core::Tensor;

use crate::{Result, encoder::Encoder, modality::ViewKind, nn::Params, optim::ema::Follower};

mod registry;
mod settings;
mod teacher;
#[cfg(test)]
mod toy;

pub mod clustering;
pub mod instance;
pub mod masked;
pub mod supervised;
pub mod transformation;

pub use registry::{BuildContext, Family, MethodEntry, find, list, methods};
pub use settings::{DatasetFacts, Overrides, TrainDefaults};

/// What a method wants of each sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ViewPlan {
    /// One batch a view, in this order.
    Views(Vec<ViewKind>),
    /// One batch; each sample as every class of one of the modality's pretext tasks, the batch's rows being
    /// sample-major and [`Step::labels`] the classes.
    Transformed {
        /// Its place in [`crate::modality::Modality::tasks`].
        task: usize,
        /// Its classes.
        classes: usize,
    },
}

/// Where training stands when a loss is computed.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// Steps done before this one.
    pub index: u64,
    /// Steps of the whole run.
    pub total: u64,
    /// Epoch, from 0.
    pub epoch: u64,
    /// The run's seed.
    pub seed: u64,
    /// Row numbers of the samples in the dataset.
    pub samples: &'a [usize],
    /// Labels: the classes of the samples (supervised) or the transformations'; empty otherwise.
    pub labels: &'a [u32],
}

impl Step<'_> {
    /// Progress of the run in `[0, 1]`.
    pub fn progress(&self) -> f64 {
        if self.total == 0 { 0.0 } else { self.index as f64 / self.total as f64 }
    }
}

/// What a method hands to the trainer.
#[derive(Debug)]
pub struct Loss {
    /// The scalar to be minimised.
    pub value: Tensor,
    /// Features `(N, D)` of one view, detached: the monitor watches them for collapse.
    pub features: Tensor,
    /// The same samples' features of a second view, detached, where there is one (alignment).
    pub second: Option<Tensor>,
    /// Parts of the loss and other figures for the log.
    pub metrics: Vec<(&'static str, f64)>,
}

/// A pretext task over batches `B`. Heads live in the parameter store that it was built on;
/// teachers, queues and the like are its state.
pub trait Method<B>: Send {
    /// The fixed word of the command line.
    fn name(&self) -> &'static str;

    /// How many views, of which kind.
    fn plan(&self) -> ViewPlan;

    /// The loss of one batch of views.
    fn loss(&mut self, encoder: &dyn Encoder<B>, views: &[B], step: &Step) -> Result<Loss>;

    /// Stores that follow parts of the student's as moving averages (teachers): the optimiser step moves them on its
    /// way. Called before each step with the store of the student.
    fn followers(&self, _student: &Params, _step: &Step) -> Vec<Follower> {
        Vec::new()
    }

    /// Called after each optimiser step with the store of the student (queues and the like).
    fn after_update(&mut self, _student: &Params, _step: &Step) -> Result<()> {
        Ok(())
    }

    /// Called between the gradient and the optimiser step: names (prefixes) of parameters
    /// whose gradient is to be dropped at this step (frozen prototypes).
    fn frozen(&self, _step: &Step) -> Vec<String> {
        Vec::new()
    }

    /// State that is not in the parameter store, for the checkpoint, by name.
    fn state(&self) -> BTreeMap<String, Tensor> {
        BTreeMap::new()
    }

    /// Takes that state back.
    fn load_state(&mut self, _state: &BTreeMap<String, Tensor>) -> Result<()> {
        Ok(())
    }

    /// Averaged weights of the whole store, where the method keeps some: what should be evaluated
    /// instead of the last step's.
    fn averaged(&self) -> Result<Option<BTreeMap<String, Tensor>>> {
        Ok(None)
    }

    /// Class scores `(N, C)` where the method is a classifier (supervised); `None` otherwise.
    fn logits(&self, _features: &Tensor) -> Result<Option<Tensor>> {
        Ok(None)
    }
}
