//! Masked prediction that both tells and makes what was hidden: Gong et al., *SSAST*, arXiv:2110.09784.
//!
//! Of each hidden token one head makes its content, `r`, and another one tells it from the sample's other hidden
//! contents, `c`: `ℓ = −mean_i log( exp c_i·x_i / Σ_j exp c_i·x_j ) + λ · mean_i ‖r_i − x_i‖² / C`, with `j` over the
//! hidden tokens of the same sample. Making alone rewards blurred contents; telling alone needs no detail.
//!
//! Shapes: tokens `(N, T, D)`, contents `(N, T, C)`, mask `(N, T)`. Cost: one pass a sample and `N` products of hidden
//! tokens with themselves.
//!
//! Defaults: λ 10, 78 % hidden (400 of 512 tokens), in blocks of 4 (theirs have 3 to 5), heads of one hidden layer as wide
//! as the tokens; AdamW as for the other masked methods. The encoder must see tokens (a Transformer).

use candle_core::Tensor;
use serde::{Deserialize, Serialize};

use super::shared::{hidden, masked_error, no_tokens, one_view};
use crate::{
    Error, Result,
    encoder::{Encoder, Mask, Targets},
    loss::info_nce,
    method::{BuildContext, DatasetFacts, Family, Loss, Method, MethodEntry, Step, TrainDefaults, ViewPlan, settings},
    modality::ViewKind,
    nn::{Linear, Params},
};

/// Settings of joint masked prediction.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Share of tokens that is hidden.
    pub ratio: f64,
    /// Side of the blocks that are hidden together, in tokens.
    pub block: usize,
    /// Weight λ of the squared error beside InfoNCE.
    pub reconstruction: f64,
}

impl Config {
    /// Defaults for such a dataset.
    pub fn for_dataset(_facts: &DatasetFacts) -> Self {
        Self { ratio: 0.78, block: 4, reconstruction: 10.0 }
    }

    /// Says what cannot work.
    pub fn validate(&self) -> Result<()> {
        let Self { ratio, block, reconstruction } = *self;
        if !(ratio > 0.0 && ratio < 1.0) || block == 0 || !(reconstruction >= 0.0 && reconstruction.is_finite()) {
            return Err(Error::config(format!(
                "SSAST needs a ratio between 0 and 1, blocks of at least 1 token and a weight of 0 or more, not \
                 {ratio}, {block} and {reconstruction}"
            )));
        }
        Ok(())
    }
}

/// The list's entry.
pub fn entry<B: Clone + 'static>() -> MethodEntry<B> {
    MethodEntry {
        name: "ssast",
        aliases: &[],
        family: Family::Masked,
        paper: "Gong et al. 2022, arXiv:2110.09784",
        summary: "make hidden tokens and tell them from each other (Transformer)",
        build: |context| Ok(Box::new(Joint::new(context)?)),
        defaults: |facts| TrainDefaults { batch: 128.min(facts.samples), ..TrainDefaults::transformer() },
        settings: |facts| settings::table(&Config::for_dataset(facts)),
    }
}

/// One hidden layer as wide as the tokens.
struct Head([Linear; 2]);

impl Head {
    fn new(params: &Params, inputs: usize, outputs: usize) -> Result<Self> {
        Ok(Self([Linear::new(&params.pp(0), inputs, inputs)?, Linear::new(&params.pp(2), inputs, outputs)?]))
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.0[1].forward(&self.0[0].forward(x)?.relu()?)
    }
}

/// The method.
pub struct Joint {
    config: Config,
    make: Head,
    tell: Head,
}

impl Joint {
    fn new<B>(context: &BuildContext<B>) -> Result<Self> {
        let config: Config = context.overrides.apply("ssast", &Config::for_dataset(&context.facts))?;
        config.validate()?;
        let (width, contents) = (context.encoder.dim(), context.encoder.tokens().ok_or_else(no_tokens)?.target_dim());
        let head = |name| Head::new(&context.heads.pp(name), width, contents);
        Ok(Self { config, make: head("decoder")?, tell: head("classifier")? })
    }
}

/// InfoNCE of `told (N, T, C)` against `contents (N, T, C)` among each sample's hidden tokens, averaged over samples.
/// Samples with a single hidden token have nothing to be told from and are left out.
fn tell_apart(told: &Tensor, contents: &Tensor, mask: &Mask) -> Result<Option<Tensor>> {
    let mut losses = Vec::new();
    for (sample, hidden) in mask.masked.to_vec2::<f32>()?.iter().enumerate() {
        let rows: Vec<u32> = (0..hidden.len() as u32).filter(|&t| hidden[t as usize] > 0.5).collect();
        if rows.len() < 2 {
            continue;
        }
        let rows = Tensor::new(rows, told.device())?;
        let of = |x: &Tensor| x.get(sample)?.index_select(&rows, 0);
        losses.push(info_nce(&of(told)?, &of(contents)?, 1.0)?);
    }
    if losses.is_empty() {
        return Ok(None);
    }
    Ok(Some(Tensor::stack(&losses, 0)?.mean_all()?))
}

impl<B: Clone + 'static> Method<B> for Joint {
    fn name(&self) -> &'static str {
        "ssast"
    }

    fn plan(&self) -> ViewPlan {
        ViewPlan::Views(vec![ViewKind::Weak])
    }

    fn loss(&mut self, encoder: &dyn Encoder<B>, views: &[B], step: &Step) -> Result<Loss> {
        let batch = one_view(views)?;
        let tokens = encoder.tokens().ok_or_else(no_tokens)?;
        let targets = tokens.targets(batch)?;
        let Targets::Continuous(contents) = &targets else {
            return Err(Error::config("SSAST makes contents of numbers, but these tokens are classes: use `masked`"));
        };
        let mask = hidden(tokens, batch, step, (self.config.block, self.config.ratio), contents.device())?;
        let tokens = tokens.masked_tokens(batch, &mask)?; // (N, T, D)
        let error = masked_error(&self.make.forward(&tokens)?, &targets, &mask)?;
        let mut metrics = vec![("reconstruction", f64::from(error.to_scalar::<f32>()?))];
        let mut value = error.affine(self.config.reconstruction, 0.0)?;
        if let Some(told) = tell_apart(&self.tell.forward(&tokens)?, &contents.detach(), &mask)? {
            metrics.push(("InfoNCE", f64::from(told.to_scalar::<f32>()?)));
            value = (value + told)?;
        }
        Ok(Loss { value, features: tokens.detach().mean(1)?, second: None, metrics })
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    fn mask(rows: &[[f32; 3]; 2]) -> Mask {
        Mask { masked: Tensor::new(rows, &Device::Cpu).unwrap() }
    }

    #[test]
    fn only_hidden_tokens_of_the_same_sample_are_told_apart() {
        // Two hidden contents of equal length, at right angles: c = k·x gives log(1 + exp(−k)).
        let contents =
            Tensor::new(&[[[1f32, 0.0], [9.0, 9.0], [0.0, 1.0]], [[5.0, 5.0], [3.0, 1.0], [2.0, 7.0]]], &Device::Cpu)
                .unwrap();
        let loss = |mask| tell_apart(&(&contents * 2.0).unwrap(), &contents, &mask).unwrap();
        let value = loss(mask(&[[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])).unwrap().to_scalar::<f32>().unwrap();
        assert!((value - (1.0 + (-2f32).exp()).ln()).abs() < 1e-5, "{value}");
        assert!(loss(mask(&[[0.0, 0.0, 1.0], [0.0, 1.0, 0.0]])).is_none());
    }

    #[test]
    fn what_cannot_work_is_refused_with_its_figures() {
        let config = Config { ratio: 0.78, block: 4, reconstruction: 10.0 };
        assert!(config.validate().is_ok());
        let message = Config { ratio: 1.0, ..config.clone() }.validate().unwrap_err().to_string();
        assert!(message.contains("not 1, 4 and 10"), "{message}");
        assert!(Config { reconstruction: f64::NAN, ..config }.validate().is_err());
    }
}
