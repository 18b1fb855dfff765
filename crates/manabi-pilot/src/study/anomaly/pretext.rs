//! Reconstruction error of masked prediction: how badly the run's own pretext task does on a row.
//!
//! What normal rows look like was learnt, so what is hidden of an odd row is filled in wrongly (Bergmann et al. 2019, *MVTec
//! AD*, section 4.1, for autoencoders). A row's score is the mean error over [`MASKS`] masks, which are the same for all rows,
//! so that no row is unlucky. The encoder and the decoder are those of the run's last checkpoint.
//!
//! The encoder has seen the normal rows in training, so that their errors, and with them the threshold, are a little too low:
//! more than the promised share of normal rows may be flagged. The ranking does not suffer.
//!
//! Cost: [`MASKS`] passes a row.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};
use manabi_core::{
    Error, Result,
    data::Source,
    encoder::Encoder,
    method::{BuildContext, DatasetFacts, Method, MethodEntry, Overrides, Step, ViewPlan},
    modality::{Modality, ViewKind},
    nn::Params,
    rng::{Key, Purpose},
};

/// Masks that each row is seen under.
pub const MASKS: usize = 8;

/// What a run with masked prediction left behind.
pub struct Masked<M: Modality> {
    /// The method.
    pub method: MethodEntry<M::Batch>,
    /// Its settings.
    pub overrides: Overrides,
    /// The seed that it was built with.
    pub seed: u64,
    /// Samples that it was trained on.
    pub samples: usize,
    /// The parameters of encoder and heads, as in a checkpoint.
    pub parameters: BTreeMap<String, Tensor>,
    /// What else the method keeps, as in a checkpoint.
    pub state: BTreeMap<String, Tensor>,
}

/// The encoder with its decoder.
pub struct Pretext<'a, M: Modality> {
    modality: &'a M,
    source: &'a dyn Source<M::Sample>,
    encoder: Box<dyn Encoder<M::Batch>>,
    method: Box<dyn Method<M::Batch>>,
}

impl<'a, M: Modality> Pretext<'a, M> {
    /// Builds both and loads their parameters.
    pub fn new(modality: &'a M, source: &'a dyn Source<M::Sample>, masked: &Masked<M>) -> Result<Self> {
        let params = Params::new(masked.seed, &Device::Cpu);
        // The names of the trainer's store.
        let student = params.pp("encoder");
        let encoder = modality.encoder(&student)?;
        let facts = DatasetFacts {
            samples: masked.samples,
            classes: source.classes().len(),
            transformations: 0,
            batch: MASKS,
            steps: 1,
            dim: encoder.dim(),
        };
        let mut method = (masked.method.build)(&BuildContext {
            name: masked.method.name,
            tasks: M::tasks(),
            heads: &params.pp("head"),
            encoder: encoder.as_ref(),
            student: &student,
            factory: &modality.factory(),
            facts,
            overrides: &masked.overrides,
        })?;
        // A batch is one row under several masks here: its own statistics would hide how far it is from the others.
        if masked.parameters.keys().any(|name| name.ends_with("running_mean")) {
            return Err(Error::data(
                "the run's encoder normalises by the statistics of a batch (batch norm), so one row alone cannot be \
                 scored with it; an encoder of patches can",
            ));
        }
        params.load(&masked.parameters)?;
        method.load_state(&masked.state)?;
        Ok(Self { modality, source, encoder, method })
    }

    /// The errors of `rows`, one a row.
    pub fn errors(&mut self, rows: &[usize]) -> Result<Vec<f64>> {
        rows.iter().map(|&row| self.error(row)).collect()
    }

    fn error(&mut self, row: usize) -> Result<f64> {
        let sample = self.source.load(row)?;
        // One row under all masks is one batch; the loss is its mean.
        let view = || self.modality.augment(&sample, ViewKind::Eval, &mut Key::new(0, Purpose::Eval).rng());
        let views = (0..MASKS).map(|_| view()).collect::<Result<Vec<_>>>()?;
        let batch = self.modality.collate(&views, &Device::Cpu)?;
        let batches = match self.method.plan() {
            ViewPlan::Views(kinds) => vec![batch; kinds.len()],
            ViewPlan::Transformed { .. } => vec![batch],
        };
        // A mask follows from seed, step, sample and place in the batch: all the same for every row.
        let step = Step { index: 0, total: 1, epoch: 0, seed: 0, samples: &[0; MASKS], labels: &[] };
        let loss = self.method.loss(self.encoder.as_ref(), &batches, &step)?;
        Ok(f64::from(loss.value.detach().to_dtype(DType::F32)?.to_scalar::<f32>()?))
    }
}
