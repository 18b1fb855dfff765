//! BEST-RQ: Chiu, Qin, Zhang, Yu & Wu, *Self-supervised Learning with Random-projection Quantizer*, arXiv:2202.01855.
//!
//! Targets become classes without anything being learnt: `id = argmin_v ‖ norm(A x) − c_v ‖` with a random matrix `A`
//! and random unit codes `c_v`, both drawn once from the seed and never trained. Runs of tokens are hidden, a linear
//! layer names the class of each hidden one; `ℓ` is their cross-entropy.
//!
//! Shapes: tokens `(N, T, D)`, continuous targets `(N, T, C)`, `A (C, 16)`, codes `(V, 16)`. Cost: one pass a sample.
//!
//! Defaults: codes of 16 values (paper). 8 192 codes are for speech by the thousand hours: on small data most would
//! stand for nothing, so `V` is four times the square root of the number of samples, within 32 and 1 024. Hidden tokens
//! are the encoder's learnt mask token where the paper puts noise.

use candle_core::{D, DType, Tensor};
use manabi_kernels::norm::l2_normalize;
use serde::{Deserialize, Serialize};

use super::shared::{codes_used, hidden, masked_error, no_tokens, one_view};
use crate::{
    Error, Result,
    encoder::{Encoder, Targets},
    method::{BuildContext, DatasetFacts, Family, Loss, Method, MethodEntry, Step, TrainDefaults, ViewPlan, settings},
    modality::ViewKind,
    nn::Linear,
    rng::{Key, Purpose},
};

/// Settings of BEST-RQ.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Share of tokens that is hidden.
    pub ratio: f64,
    /// Tokens that are hidden together: the side of a block, the length of a run.
    pub block: usize,
    /// Number of codes, `V`.
    pub codes: usize,
    /// Width in which targets and codes are compared.
    pub width: usize,
}

impl Config {
    /// Defaults for such a dataset.
    pub fn for_dataset(facts: &DatasetFacts) -> Self {
        let codes = (4.0 * (facts.samples as f64).sqrt()) as usize;
        Self { ratio: 0.5, block: 2, codes: codes.clamp(32, 1024), width: 16 }
    }

    /// Says what cannot work.
    pub fn validate(&self) -> Result<()> {
        if !(self.ratio > 0.0 && self.ratio < 1.0) || self.block == 0 || self.codes < 2 || self.width == 0 {
            return Err(Error::config(
                "BEST-RQ needs a ratio between 0 and 1, blocks and a width of at least 1, and 2 codes or more",
            ));
        }
        Ok(())
    }
}

/// The list's entry.
pub fn entry<B: Clone + 'static>() -> MethodEntry<B> {
    MethodEntry {
        name: "best-rq",
        aliases: &["random-quantiser"],
        family: Family::Masked,
        paper: "Chiu et al. 2022, arXiv:2202.01855",
        summary: "name the random code of hidden tokens (Transformer)",
        build: |context| Ok(Box::new(Quantised::new(context)?)),
        defaults: |facts| TrainDefaults { batch: 128.min(facts.samples), ..TrainDefaults::transformer() },
        settings: |facts| settings::table(&Config::for_dataset(facts)),
    }
}

/// The method.
pub struct Quantised {
    config: Config,
    quantiser: Quantiser,
    head: Linear,
}

impl Quantised {
    fn new<B>(context: &BuildContext<B>) -> Result<Self> {
        let config: Config = context.overrides.apply("best-rq", &Config::for_dataset(&context.facts))?;
        config.validate()?;
        let tokens = context.encoder.tokens().ok_or_else(no_tokens)?;
        let quantiser = Quantiser::draw(context.heads.seed(), tokens.target_dim(), config.width, config.codes)?;
        let head = Linear::new(&context.heads.pp("classifier"), context.encoder.dim(), config.codes)?;
        Ok(Self { config, quantiser, head })
    }
}

/// A random projection and random codes.
struct Quantiser {
    projection: Tensor,
    codes: Tensor,
}

impl Quantiser {
    fn draw(seed: u64, inputs: usize, width: usize, codes: usize) -> Result<Self> {
        let mut rng = Key::new(seed, Purpose::Method).view(1).rng();
        let mut matrix = |rows: usize, columns: usize| {
            let values: Vec<f32> = (0..rows * columns).map(|_| rng.normal()).collect();
            Tensor::from_vec(values, (rows, columns), &candle_core::Device::Cpu)
        };
        let projection = matrix(inputs, width)?;
        Ok(Self { projection, codes: l2_normalize(&matrix(codes, width)?, 1e-12)? })
    }

    /// The nearest code of each target: `(N, T, C)` → `(N, T)`. Of unit vectors the nearest has the largest product.
    fn ids(&self, targets: &Tensor) -> Result<Tensor> {
        let (n, t, c) = targets.dims3()?;
        let device = targets.device();
        let rows = targets.detach().reshape((n * t, c))?.matmul(&self.projection.to_device(device)?)?;
        let scores = l2_normalize(&rows, 1e-12)?.matmul(&self.codes.to_device(device)?.t()?)?;
        Ok(scores.argmax(D::Minus1)?.to_dtype(DType::U32)?.reshape((n, t))?)
    }
}

impl<B: Clone + 'static> Method<B> for Quantised {
    fn name(&self) -> &'static str {
        "best-rq"
    }

    fn plan(&self) -> ViewPlan {
        ViewPlan::Views(vec![ViewKind::Weak])
    }

    fn loss(&mut self, encoder: &dyn Encoder<B>, views: &[B], step: &Step) -> Result<Loss> {
        let batch = one_view(views)?;
        let tokens = encoder.tokens().ok_or_else(no_tokens)?;
        let targets = match tokens.targets(batch)? {
            Targets::Continuous(values) => {
                Targets::Discrete { ids: self.quantiser.ids(&values)?, classes: self.config.codes }
            }
            Targets::Discrete { .. } => {
                return Err(Error::config("BEST-RQ makes classes of numbers, but these tokens are classes already"));
            }
        };
        let device = self.head.weight().device();
        let mask = hidden(tokens, batch, step, (self.config.block, self.config.ratio), device)?;
        let tokens = tokens.masked_tokens(batch, &mask)?; // (N, T, D)
        let value = masked_error(&self.head.forward(&tokens)?, &targets, &mask)?;
        let used = codes_used(&targets)?;
        Ok(Loss { value, features: tokens.detach().mean(1)?, second: None, metrics: vec![("codes used", used)] })
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn the_code_of_a_target_is_the_nearest_one_and_depends_on_the_seed_alone() {
        let quantiser = Quantiser::draw(3, 5, 4, 9).unwrap();
        let values: Vec<f32> = (0..30).map(|i| (0.7 * i as f32).sin()).collect();
        let targets = Tensor::from_vec(values, (2, 3, 5), &Device::Cpu).unwrap();
        let ids = quantiser.ids(&targets).unwrap().flatten_all().unwrap().to_vec1::<u32>().unwrap();
        let rows = targets.reshape((6, 5)).unwrap().matmul(&quantiser.projection).unwrap();
        let rows = l2_normalize(&rows, 1e-12).unwrap().to_vec2::<f32>().unwrap();
        let codes = quantiser.codes.to_vec2::<f32>().unwrap();
        for (row, id) in rows.iter().zip(&ids) {
            let distance = |code: &Vec<f32>| row.iter().zip(code).map(|(a, b)| (a - b).powi(2)).sum::<f32>();
            let best = (0..9).min_by(|a, b| distance(&codes[*a]).total_cmp(&distance(&codes[*b]))).unwrap();
            assert_eq!(*id as usize, best);
        }
        let again = Quantiser::draw(3, 5, 4, 9).unwrap().ids(&targets).unwrap();
        assert_eq!(again.flatten_all().unwrap().to_vec1::<u32>().unwrap(), ids);
    }

    #[test]
    fn the_number_of_codes_follows_the_data() {
        let codes = |samples| {
            let facts = DatasetFacts { samples, classes: 0, transformations: 0, batch: 2, steps: 5, dim: 192 };
            Config::for_dataset(&facts).codes
        };
        assert_eq!([codes(10), codes(400), codes(10_000_000)], [32, 80, 1024]);
    }
}
