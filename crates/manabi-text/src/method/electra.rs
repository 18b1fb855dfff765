//! Replaced-token detection: Clark et al., *ELECTRA*, arXiv:2003.10555.
//!
//! A small generator names hidden tokens, as in masked language modelling; what it names is put in their places, and the
//! encoder says of every token whether it stood there from the beginning:
//! `ℓ = CE(generator at hidden tokens) + λ · BCE(encoder at all tokens)`. All tokens teach the encoder, not 15 % of them.
//!
//! Shapes: tokens `(ΣT)`, scores `(M, V)` and `(ΣT)`. Cost: one pass of the encoder and one of a generator of a quarter
//! of its width.
//!
//! Defaults: 15 % hidden, all of them masked; `λ = 50`; generator's width a quarter, its layers as many; its tokens are
//! drawn from its softmax. Its tables are its own (the paper shares the encoder's, of another width here).

use candle_core::Tensor;
use manabi_core::{
    Error, Result,
    encoder::{Encoder, Mode, PackedEncoder, Sees},
    loss::cross_entropy,
    method::{BuildContext, DatasetFacts, Family, Loss, Method, MethodEntry, Step, ViewPlan},
    modality::ViewKind,
    nn::{Init, Linear},
    rng::{Key, Purpose},
};
use manabi_kernels::{activation::gelu, index::gather_rows};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{corrupt::Corruption, head::TokenHead, mlm};
use crate::{
    batch::TextBatch,
    encoder::{Bert, BertConfig},
};

/// The narrowest generator.
const NARROWEST: usize = 64;

/// Settings of ELECTRA.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Share of the tokens that is hidden from the generator.
    pub ratio: f64,
    /// Weight of the encoder's loss beside the generator's.
    pub weight: f64,
    /// Width of the generator, a multiple of 64; 0 for a quarter of the encoder's.
    pub generator: usize,
}

impl Config {
    /// Defaults for such a dataset.
    pub fn for_dataset(_facts: &DatasetFacts) -> Self {
        Self { ratio: 0.15, weight: 50.0, generator: 0 }
    }

    /// Says what cannot work.
    pub fn validate(&self) -> Result<()> {
        let sound = self.ratio > 0.0 && self.ratio < 1.0 && self.weight > 0.0;
        if !sound || !self.generator.is_multiple_of(NARROWEST) {
            return Err(Error::config(format!(
                "ELECTRA needs a ratio between 0 and 1 ({}), a weight above 0 ({}) and a generator's width that is a \
                 multiple of {NARROWEST} ({})",
                self.ratio, self.weight, self.generator
            )));
        }
        Ok(())
    }
}

/// The list's entry.
pub fn entry() -> MethodEntry<TextBatch> {
    MethodEntry {
        name: "electra",
        aliases: &["replaced-token"],
        family: Family::Masked,
        paper: "Clark et al. 2020, arXiv:2003.10555",
        summary: "say which words a small generator has put in the place of others (Transformer)",
        build: |context| Ok(Box::new(Electra::new(context)?)),
        defaults: mlm::defaults,
        settings: |facts| super::table(&Config::for_dataset(facts)),
    }
}

/// The method.
pub struct Electra {
    weight: f64,
    corruption: Corruption,
    generator: Bert,
    names: TokenHead,
    dense: Linear,
    says: Linear,
}

/// Longest text and layers of the encoder, from its parameters' names.
fn sizes(context: &BuildContext<TextBatch>) -> (usize, usize) {
    let named = context.student.named();
    let places = named.iter().find(|(name, ..)| name.ends_with("position_embeddings.weight"));
    let layers: std::collections::BTreeSet<&str> =
        named.iter().filter_map(|(name, ..)| name.split("layer.").nth(1)?.split('.').next()).collect();
    (places.and_then(|(_, var, _)| var.dim(0).ok()).unwrap_or(512), layers.len().max(1))
}

impl Electra {
    fn new(context: &BuildContext<TextBatch>) -> Result<Self> {
        let config: Config = context.overrides.apply("electra", &Config::for_dataset(&context.facts))?;
        config.validate()?;
        let packed = super::packed("electra", context.encoder, Sees::All)?;
        let (vocabulary, dim) = (packed.table().dims2()?.0, packed.part_dim());
        let quarter = (dim / 4).next_multiple_of(NARROWEST).max(NARROWEST);
        let width = if config.generator == 0 { quarter } else { config.generator };
        let (most, layers) = sizes(context);
        let small = BertConfig::scratch(vocabulary, most, layers, width, width / NARROWEST);
        let generator = Bert::new(&context.heads.pp("generator"), BertConfig { dropout: 0.0, ..small })?;
        let names = TokenHead::new(&context.heads.pp("generator_predictions"), width, (vocabulary, width))?;
        let init = Init::TruncatedNormal(0.02);
        let linear = |name: &str, outputs| {
            Linear::with_init(&context.heads.pp(name), dim, outputs, init, Some(Init::Constant(0.0)))
        };
        Ok(Self {
            weight: config.weight,
            corruption: Corruption { share: config.ratio, whole_words: false, all_masked: true, vocabulary },
            generator,
            names,
            dense: linear("discriminator_predictions.dense", dim)?,
            says: linear("discriminator_predictions.dense_prediction", 1)?,
        })
    }
}

/// One token a row of scores `(M, V)`, drawn from their softmax with the numbers `uniform`.
fn draw(logits: &Tensor, uniform: &[f32]) -> Result<Vec<u32>> {
    let (rows, columns) = logits.dims2()?;
    let scores = logits.detach().flatten_all()?.to_vec1::<f32>()?;
    let drawn = scores.par_chunks(columns).zip(uniform).map(|(row, uniform)| {
        let top = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let total: f64 = row.iter().map(|v| f64::from((v - top).exp())).sum();
        let mut left = f64::from(*uniform) * total;
        let found = row.iter().position(|v| {
            left -= f64::from((v - top).exp());
            left < 0.0
        });
        found.unwrap_or(columns - 1) as u32
    });
    let drawn: Vec<u32> = drawn.collect();
    debug_assert_eq!(drawn.len(), rows);
    Ok(drawn)
}

/// `mean_i softplus(s_i) − y_i s_i`: binary cross-entropy of scores `(M)`.
fn binary(scores: &Tensor, truth: &Tensor) -> Result<Tensor> {
    // softplus(s) = max(s, 0) + ln(1 + e^−|s|)
    let soft = (scores.relu()? + (scores.abs()?.neg()?.exp()? + 1.0)?.log()?)?;
    Ok((soft - (scores * truth)?)?.mean_all()?)
}

impl Method<TextBatch> for Electra {
    fn name(&self) -> &'static str {
        "electra"
    }

    fn plan(&self) -> ViewPlan {
        ViewPlan::Views(vec![ViewKind::Weak])
    }

    fn loss(&mut self, encoder: &dyn Encoder<TextBatch>, views: &[TextBatch], step: &Step) -> Result<Loss> {
        let [batch] = super::views("electra", views)?;
        let packed = super::packed("electra", encoder, Sees::All)?;
        let hidden = self.corruption.apply(batch, step)?;
        let guessed = self.generator.parts(&hidden.batch, Mode::Train)?;
        let logits = self.names.forward(&gather_rows(&guessed, &hidden.rows)?, self.generator.table())?;
        let named = cross_entropy(&logits, &hidden.truth, 0.0)?;
        // The encoder reads what the generator wrote; no gradient goes back through it.
        let mut rng = Key::new(step.seed, Purpose::Method).epoch(step.index).rng();
        let uniform: Vec<f32> = hidden.rows.iter().map(|_| rng.uniform()).collect();
        let mut ids = batch.ids.clone();
        for (row, id) in hidden.rows.iter().zip(draw(&logits, &uniform)?) {
            ids[*row as usize] = id;
        }
        let rows: Vec<u32> = (0..ids.len() as u32).filter(|row| !batch.marks.is(batch.ids[*row as usize])).collect();
        let replaced = |row: &u32| f32::from(u8::from(ids[*row as usize] != batch.ids[*row as usize]));
        let truth = Tensor::from_vec(rows.iter().map(replaced).collect(), rows.len(), &batch.device)?;
        let parts = packed.parts(&batch.with_ids(ids), Mode::Train)?;
        let seen = gelu(&self.dense.forward(&gather_rows(&parts, &rows)?)?)?;
        let scores = self.says.forward(&seen)?.squeeze(1)?;
        let told = binary(&scores, &truth)?;
        let value = (&named + told.affine(self.weight, 0.0)?)?;
        let metrics = vec![
            ("generator", f64::from(named.to_scalar::<f32>()?)),
            ("discriminator", f64::from(told.to_scalar::<f32>()?)),
        ];
        Ok(Loss { value, features: super::pooled(&parts.detach(), batch)?, second: None, metrics })
    }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    // F.binary_cross_entropy_with_logits(torch.tensor([2., -1., 30., 0.5]), torch.tensor([1., 0., 0., 1.])) -> 7.7285671
    #[test]
    fn the_binary_cross_entropy_is_pytorchs() {
        let scores = Tensor::new(&[2f32, -1.0, 30.0, 0.5], &Device::Cpu).unwrap();
        let truth = Tensor::new(&[1f32, 0.0, 0.0, 1.0], &Device::Cpu).unwrap();
        let value = binary(&scores, &truth).unwrap().to_scalar::<f32>().unwrap();
        assert!((value - 7.728_567).abs() < 1e-5, "{value}");
    }

    #[test]
    fn tokens_are_drawn_as_often_as_their_probability_says() {
        let row = [0.0f32, 3f32.ln(), f32::NEG_INFINITY];
        let logits = Tensor::from_vec(row.repeat(1000), (1000, 3), &Device::Cpu).unwrap();
        let uniform: Vec<f32> = (0..1000).map(|i| (i as f32 + 0.5) / 1000.0).collect();
        let drawn = draw(&logits, &uniform).unwrap();
        let count = |id: u32| drawn.iter().filter(|d| **d == id).count();
        assert_eq!((count(0), count(1), count(2)), (250, 750, 0));
    }
}
