//! Training on labels: from scratch (the supervised baseline) or from a pre-trained encoder (fine-tuning).
//!
//! Both go through [`Trainer`] with the [`crate::method::supervised`] method, the same loader,
//! augmentation, learning rate, schedule, smoothing and averaging of weights; they
//! differ in where they start and end. Fine-tuning starts its head from a linear probe on the pre-trained
//! features (LP-FT, Kumar et al., arXiv:2202.10054): a random head would first wreck the features. It ends on the way
//! from that start to the trained weights (WiSE-FT, Wortsman et al., arXiv:2109.01903), half-way with few labels: there
//! the trained weights alone fall behind the linear probe, their middle with the start is ahead of both (CIFAR-10, 100
//! labels: probe 40.6, trained 37.6, middle 41.6; docs/BENCHMARKS.md). With thousands the trained weights stand alone.
//! Cost: `steps · batch` forward and backward passes.

use std::collections::BTreeMap;

use candle_core::{Device, Tensor};

use super::{
    embed::{embed, eval_batch},
    linear::{LinearProbe, ProbeOptions},
    recipe::Recipe,
};
use crate::{
    Error, Result,
    data::Source,
    encoder::{Encoder, Mode},
    method::{self, Overrides},
    modality::Modality,
    nn::Compute,
    optim::OptimizerConfig,
    train::{Observer, Setup, TrainConfig, Trainer},
};

/// What [`fit`] starts from and how.
pub struct Job<'a, M: Modality> {
    /// The modality, bound to the dataset.
    pub modality: &'a M,
    /// The dataset.
    pub source: &'a dyn Source<M::Sample>,
    /// Labelled rows to train on.
    pub rows: &'a [usize],
    /// Weights of a pre-trained encoder; `None` trains from scratch.
    pub encoder: Option<&'a BTreeMap<String, Tensor>>,
    /// How.
    pub recipe: Recipe,
    /// Seed of initial values, order and augmentation.
    pub seed: u64,
    /// How the layers compute while they train; the classifier that results computes in `f32`.
    pub compute: Compute,
}

/// A trained classifier.
pub struct Classifier<M: Modality> {
    modality: M,
    encoder: Box<dyn Encoder<M::Batch>>,
    weight: Tensor,
    bias: Tensor,
}

/// Trains a classifier on labels.
pub fn fit<M: Modality>(
    job: &Job<M>,
    observer: &mut dyn Observer,
) -> Result<(Classifier<M>, BTreeMap<String, Tensor>)> {
    let recipe = &job.recipe;
    let config = TrainConfig {
        seed: job.seed,
        steps: Some(recipe.steps),
        batch: Some(recipe.batch),
        warmup: Some(0.1),
        clip: Some(0.0),
        monitor_every: 0,
        precision: job.compute.precision,
        recompute: job.compute.recompute,
        optimizer: Some(OptimizerConfig::Adamw {
            lr: recipe.lr * job.modality.rates().labelled,
            beta1: 0.9,
            beta2: 0.99,
            eps: 1e-8,
            weight_decay: recipe.weight_decay,
        }),
        ..TrainConfig::default()
    };
    let mut settings = toml::Table::new();
    settings.insert("smoothing".into(), recipe.smoothing.into());
    settings.insert("ema".into(), recipe.ema.into());
    if recipe.balanced {
        settings.insert("class_counts".into(), class_counts(job)?.into());
    }
    let mut setup = Setup::new(job.modality, job.source, job.rows, method::find::<M>("supervised")?, config);
    setup.overrides = Overrides(settings);
    setup.encoder = job.encoder.cloned();
    let mut trainer = Trainer::new(setup)?;
    if job.encoder.is_some() {
        let head = probe_head(job, trainer.encoder())?;
        trainer.params().pp("head.classifier").load(&head)?;
    }
    // Training writes into the very tensors that a snapshot shares: the start is copied.
    let start = match job.encoder {
        Some(_) => copied(trainer.params().snapshot()?)?,
        None => BTreeMap::new(),
    };
    trainer.run(observer)?;
    let trained = match trainer.method().averaged()? {
        Some(averaged) => averaged,
        None => trainer.params().snapshot()?,
    };
    let tensors = blended(&start, trained, recipe.blend)?;
    Ok((Classifier::from_tensors(job.modality, &tensors)?, tensors))
}

fn copied(tensors: BTreeMap<String, Tensor>) -> Result<BTreeMap<String, Tensor>> {
    tensors.into_iter().map(|(name, tensor)| Ok((name, tensor.copy()?))).collect()
}

/// `(1 − share)·start + share·trained`, tensor by tensor; what has no start is taken as trained.
fn blended(
    start: &BTreeMap<String, Tensor>,
    trained: BTreeMap<String, Tensor>,
    share: f64,
) -> Result<BTreeMap<String, Tensor>> {
    let mix = |(name, tensor): (String, Tensor)| match start.get(&name) {
        Some(first) => {
            let tensor = (first.affine(1.0 - share, 0.0)? + tensor.affine(share, 0.0)?)?;
            Ok((name, tensor))
        }
        None => Ok((name, tensor)),
    };
    trained.into_iter().map(mix).collect()
}

/// The head `(C, R)`, `(C)` of a linear probe on the start's read-outs of the labelled rows.
fn probe_head<M: Modality>(job: &Job<M>, encoder: &dyn Encoder<M::Batch>) -> Result<BTreeMap<String, Tensor>> {
    let classes = job.source.classes().len();
    let features = embed(job.modality, job.source, encoder, job.rows, &mut |_| {})?;
    let labels = labels_of(job.source, job.rows)?;
    let options = ProbeOptions { seed: job.seed, balanced: job.recipe.balanced, ..ProbeOptions::default() };
    let probe = LinearProbe::fit_select(&features, &labels, None, &options)?;
    let (weights, offsets) = probe.unstandardized();
    let (dim, known) = (features.dim(), probe.classes());
    let mut weight = vec![0f32; classes * dim];
    // A class that the probe never saw keeps a score below all others.
    let floor = offsets.iter().copied().fold(f64::INFINITY, f64::min).min(0.0) - 1.0;
    let mut bias = vec![floor as f32; classes];
    for (column, &class) in known.iter().enumerate() {
        for d in 0..dim {
            weight[class as usize * dim + d] = weights[d * known.len() + column] as f32;
        }
        bias[class as usize] = offsets[column] as f32;
    }
    Ok(BTreeMap::from([
        ("weight".to_string(), Tensor::from_vec(weight, (classes, dim), &Device::Cpu)?),
        ("bias".to_string(), Tensor::from_vec(bias, classes, &Device::Cpu)?),
    ]))
}

/// Rows of each class among the job's.
fn class_counts<M: Modality>(job: &Job<M>) -> Result<Vec<i64>> {
    let mut counts = vec![0; job.source.classes().len()];
    for label in labels_of(job.source, job.rows)? {
        if let Some(count) = counts.get_mut(label as usize) {
            *count += 1;
        }
    }
    Ok(counts)
}

fn labels_of<S>(source: &dyn Source<S>, rows: &[usize]) -> Result<Vec<u32>> {
    rows.iter()
        .map(|&row| {
            let record = source.records().get(row).ok_or_else(|| Error::data(format!("there is no row {row}")))?;
            record.label.ok_or_else(|| Error::data(format!("{} has no label to train on", record.id)))
        })
        .collect()
}

impl<M: Modality> Classifier<M> {
    /// The classifier whose weights are `tensors` (`encoder.…`, `head.classifier.…`).
    pub fn from_tensors(modality: &M, tensors: &BTreeMap<String, Tensor>) -> Result<Self> {
        let own = tensors.iter().filter_map(|(name, t)| Some((name.strip_prefix("encoder.")?.to_string(), t.clone())));
        let encoder = modality.restore(&own.collect())?;
        let part = |name: &str| {
            let full = format!("head.classifier.{name}");
            tensors
                .get(&full)
                .cloned()
                .ok_or_else(|| Error::config(format!("these weights hold no {full}: not a classifier")))
        };
        Ok(Self { modality: modality.clone(), encoder, weight: part("weight")?, bias: part("bias")? })
    }

    /// Class probabilities `(rows, C)`, row-major.
    pub fn probabilities(&self, source: &dyn Source<M::Sample>, rows: &[usize]) -> Result<Vec<f32>> {
        let mut all = Vec::with_capacity(rows.len() * self.bias.elem_count());
        for chunk in rows.chunks(256) {
            let batch = eval_batch(&self.modality, source, chunk)?;
            let x = self.encoder.readout(&batch, Mode::Eval)?.detach();
            let logits = x.matmul(&self.weight.t()?)?.broadcast_add(&self.bias)?;
            let p = manabi_kernels::activation::softmax_last(&logits)?;
            all.extend(p.flatten_all()?.to_vec1::<f32>()?);
        }
        Ok(all)
    }

    /// The most probable class of each row; the smaller one on a tie.
    pub fn predict(&self, source: &dyn Source<M::Sample>, rows: &[usize]) -> Result<Vec<u32>> {
        let classes = self.bias.elem_count().max(1);
        let probabilities = self.probabilities(source, rows)?;
        Ok(probabilities.chunks_exact(classes).map(|row| best(row) as u32).collect())
    }
}

/// Index of the first largest value.
pub fn best(row: &[f32]) -> usize {
    row.iter().enumerate().fold(0, |best, (i, v)| if *v > row[best] { i } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fine_tuning_ends_on_the_line_between_start_and_end_and_a_random_start_is_left_alone() {
        let named = |v: f32| BTreeMap::from([("w".to_string(), Tensor::new(&[v, -v], &Device::Cpu).unwrap())]);
        let value = |t: &BTreeMap<String, Tensor>| t["w"].to_vec1::<f32>().unwrap();
        assert_eq!(value(&blended(&named(2.0), named(6.0), 0.25).unwrap()), [3.0, -3.0]);
        assert_eq!(value(&blended(&BTreeMap::new(), named(6.0), 0.25).unwrap()), [6.0, -6.0]);
    }
}
