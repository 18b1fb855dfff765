//! A small encoder with tokens and frames, and the tests that hold for every method of the list on it.

use candle_core::{Device, Tensor};

use super::{BuildContext, DatasetFacts, Loss, Method, Overrides, Step, ViewPlan, methods};
use crate::{
    Result,
    encoder::{Encoder, EncoderFactory, FrameEncoder, Mask, Mode, Targets, TokenEncoder},
    modality::PretextTask,
    nn::{Init, Linear, Params, Role, Transformer, TransformerConfig},
    optim::{Gradients, Groups, Optimizer, OptimizerConfig},
    rng::{Key, Purpose},
};

const LENGTH: usize = 48;
const PATCH: usize = 4;
const WIDTH: usize = 16;
const ROWS: usize = 24;

/// Patches of a sequence, embedded one by one, then mixed by a Transformer.
struct Patches {
    embed: Linear,
    mask_token: Tensor,
    mixer: Transformer,
}

impl Patches {
    fn new(params: &Params) -> Result<Self> {
        Ok(Self {
            embed: Linear::new(&params.pp("embed"), PATCH, WIDTH)?,
            mask_token: params.get("mask_token", (1, 1, WIDTH), Init::TruncatedNormal(0.02), Role::NoDecay)?,
            mixer: Transformer::new(params, &TransformerConfig { depth: 1, dim: WIDTH, heads: 2 })?,
        })
    }

    fn patches(batch: &Tensor) -> Result<Tensor> {
        Ok(batch.reshape((batch.dim(0)?, LENGTH / PATCH, PATCH))?)
    }
}

impl Encoder<Tensor> for Patches {
    fn features(&self, batch: &Tensor, _: Mode) -> Result<Tensor> {
        Ok(self.mixer.forward(&self.embed.forward(&Self::patches(batch)?)?, None)?.mean(1)?)
    }
    fn dim(&self) -> usize {
        WIDTH
    }
    fn tokens(&self) -> Option<&dyn TokenEncoder<Tensor>> {
        Some(self)
    }
    fn frames(&self) -> Option<&dyn FrameEncoder<Tensor>> {
        Some(self)
    }
}

impl FrameEncoder<Tensor> for Patches {
    fn frame_dim(&self) -> usize {
        WIDTH
    }
    fn span(&self) -> usize {
        1
    }
    fn frames(&self, batch: &Tensor, _: Mode) -> Result<Tensor> {
        Ok(self.embed.forward(&Self::patches(batch)?)?.tanh()?)
    }
}

impl TokenEncoder<Tensor> for Patches {
    fn token_count(&self, _: &Tensor) -> Result<usize> {
        Ok(LENGTH / PATCH)
    }
    fn token_grid(&self, _: &Tensor) -> Result<(usize, usize)> {
        Ok((1, LENGTH / PATCH))
    }
    fn target_dim(&self) -> usize {
        PATCH
    }
    fn targets(&self, batch: &Tensor) -> Result<Targets> {
        Ok(Targets::Continuous(Self::patches(batch)?))
    }
    fn masked_tokens(&self, batch: &Tensor, mask: &Mask) -> Result<Tensor> {
        let x = self.embed.forward(&Self::patches(batch)?)?;
        let hidden = mask.masked.unsqueeze(2)?;
        let x = (x.broadcast_mul(&hidden.affine(-1.0, 1.0)?)? + self.mask_token.broadcast_mul(&hidden)?)?;
        self.mixer.forward(&x, None)
    }
    fn visible_tokens(&self, batch: &Tensor, rows: &[u32]) -> Result<Tensor> {
        let x = self.embed.forward(&Self::patches(batch)?)?.flatten_to(1)?;
        let n = batch.dim(0)?;
        let seen = manabi_kernels::index::gather_rows(&x, rows)?;
        self.mixer.forward(&seen.reshape((n, rows.len() / n, WIDTH))?, None)
    }
}

const TASKS: &[PretextTask] = &[PretextTask { name: "reversal", classes: 2, summary: "" }];

struct Run {
    params: Params,
    encoder: Patches,
    method: Box<dyn Method<Tensor>>,
}

fn start(name: &str) -> Run {
    let params = Params::new(1, &Device::Cpu);
    let encoder = Patches::new(&params.pp("encoder")).unwrap();
    let factory: EncoderFactory<Tensor> = std::sync::Arc::new(|p| Ok(Box::new(Patches::new(p)?)));
    let entry = methods::<Tensor>().into_iter().find(|entry| entry.name == name).unwrap();
    let facts = DatasetFacts { samples: ROWS, classes: 2, transformations: 2, batch: ROWS, steps: 60, dim: WIDTH };
    let method = (entry.build)(&BuildContext {
        name: entry.name,
        tasks: TASKS,
        heads: &params.pp("head"),
        encoder: &encoder,
        student: &params.pp("encoder"),
        factory: &factory,
        facts,
        overrides: &Overrides::default(),
    });
    Run { params, encoder, method: method.unwrap_or_else(|e| panic!("{name}: {e}")) }
}

impl Run {
    /// Waves of two frequencies and any phase, with noise: one batch a view.
    fn loss(&mut self, index: u64) -> Loss {
        let plan = self.method.plan();
        let views = match &plan {
            ViewPlan::Views(kinds) => kinds.len(),
            ViewPlan::Transformed { .. } => 1,
        };
        let view = |view: u32| {
            let values: Vec<f32> = (0..ROWS)
                .flat_map(|row| {
                    let mut phase = Key::new(5, Purpose::Synthetic).sample(row as u64).rng();
                    let mut noise = Key::new(5, Purpose::Augment).epoch(index).sample(row as u64).view(view).rng();
                    let (offset, pace) = (phase.range(0.0, 6.3), if row % 2 == 0 { 0.3 } else { 0.9 });
                    (0..LENGTH).map(|t| (pace * t as f32 + offset).sin() + 0.1 * noise.normal()).collect::<Vec<_>>()
                })
                .collect();
            Tensor::from_vec(values, (ROWS, LENGTH), &Device::Cpu).unwrap()
        };
        let views: Vec<Tensor> = (0..views as u32).map(view).collect();
        let (samples, labels): (Vec<usize>, Vec<u32>) = (0..ROWS).map(|row| (row, (row % 2) as u32)).unzip();
        let step = Step { index, total: 60, epoch: index, seed: 1, samples: &samples, labels: &labels };
        self.method.loss(&self.encoder, &views, &step).unwrap()
    }

    fn end_of(&mut self, index: u64) {
        let step = Step { index, total: 60, epoch: index, seed: 1, samples: &[], labels: &[] };
        self.method.after_update(&self.params, &step).unwrap();
    }
}

fn value(loss: &Loss) -> f32 {
    loss.value.to_scalar().unwrap()
}

#[test]
fn every_method_moves_every_parameter_that_it_uses() {
    for entry in methods::<Tensor>() {
        let mut run = start(entry.name);
        let grads = run.loss(0).value.backward().unwrap();
        let still: Vec<String> = run
            .params
            .trainable()
            .into_iter()
            .filter(|(_, var, _)| {
                let moved = grads.get(var.as_tensor()).map(|g| g.abs().unwrap().sum_all().unwrap());
                moved.is_none_or(|g| g.to_scalar::<f32>().unwrap() == 0.0)
            })
            .map(|(name, ..)| name)
            .collect();
        // What a method does not look at has no gradient: the mask token, and the mixer behind the frames.
        let unused = |name: &String| {
            name.contains("mask_token")
                || (entry.name == "cpc" && !name.contains("embed") && name.starts_with("encoder."))
        };
        let still: Vec<&String> = still.iter().filter(|name| !unused(name)).collect();
        assert!(still.is_empty(), "{}: {still:?}", entry.name);
    }
}

#[test]
fn what_is_to_be_predicted_is_predicted_better_after_some_steps() {
    for name in ["cola", "cpc", "best-rq", "units", "masked", "mae", "ssast"] {
        let mut run = start(name);
        let config = OptimizerConfig::Adamw { lr: 2e-3, beta1: 0.9, beta2: 0.99, eps: 1e-8, weight_decay: 0.0 };
        let mut optimizer = Optimizer::new(config, &run.params, &Groups::default()).unwrap();
        let mut losses = Vec::new();
        for index in 0..60 {
            let loss = run.loss(index);
            losses.push(value(&loss));
            let mut store = loss.value.backward().unwrap();
            let gradients = Gradients::collect(&run.params.trainable(), &mut store).unwrap();
            optimizer.step(&gradients, 1.0).unwrap();
            run.end_of(index);
        }
        // Units are made anew on the way, and named from the start again.
        let (first, last) = if name == "units" { (losses[25], losses[59]) } else { (losses[0], losses[59]) };
        assert!(last < 0.9 * first, "{name}: {losses:?}");
    }
}

#[test]
fn a_method_that_takes_its_state_back_goes_on_with_the_same_loss() {
    for name in ["units", "swav", "byol"] {
        let mut run = start(name);
        run.loss(0);
        run.end_of(30);
        let expected = value(&run.loss(31));
        let mut again = start(name);
        again.method.load_state(&run.method.state()).unwrap();
        assert_eq!(value(&again.loss(31)), expected, "{name}");
    }
}
