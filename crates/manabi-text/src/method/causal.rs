//! Causal language modelling: Radford et al. 2018, *Improving Language Understanding by Generative Pre-Training*.
//!
//! Each token is named from those before it: `ℓ = mean_t −log p(x_{t+1} | x_1 … x_t)` over all tokens of all texts. The
//! encoder must not see what comes after: `causal-mini`.
//!
//! Shapes: tokens `(ΣT)`, scores `(ΣT − N, V)`. Cost: one pass a text, and the scores of every token, which for a
//! vocabulary of thousands are most of it.

use manabi_core::{
    Error, Result,
    encoder::{Encoder, Mode, Sees},
    loss::cross_entropy,
    method::{BuildContext, Family, Loss, Method, MethodEntry, Step, ViewPlan},
    modality::ViewKind,
};
use manabi_kernels::index::gather_rows;

use super::{head::TokenHead, mlm};
use crate::batch::TextBatch;

/// The list's entry.
pub fn entry() -> MethodEntry<TextBatch> {
    MethodEntry {
        name: "causal-lm",
        aliases: &["gpt"],
        family: Family::Masked,
        paper: "Radford et al. 2018",
        summary: "name each next word from those before it (causal Transformer)",
        build: |context| Ok(Box::new(CausalLm::new(context)?)),
        defaults: mlm::defaults,
        settings: |_| toml::Table::new(),
    }
}

/// The method.
pub struct CausalLm {
    head: TokenHead,
}

impl CausalLm {
    fn new(context: &BuildContext<TextBatch>) -> Result<Self> {
        if let Some(name) = context.overrides.0.keys().next() {
            return Err(Error::config(format!("settings of causal-lm: there is no \"{name}\"; it has none")));
        }
        let packed = super::packed("causal-lm", context.encoder, Sees::Before)?;
        let table = packed.table().dims2()?;
        Ok(Self { head: TokenHead::new(&context.heads.pp("predictions"), packed.part_dim(), table)? })
    }
}

/// Rows that have a next token in their text, and that token.
pub(super) fn next_tokens(batch: &TextBatch) -> (Vec<u32>, Vec<u32>) {
    let rows: Vec<u32> = batch
        .starts()
        .into_iter()
        .zip(&batch.lengths)
        .flat_map(|(start, length)| start..(start + *length as u32).saturating_sub(1))
        .collect();
    let next = rows.iter().map(|row| batch.ids[*row as usize + 1]).collect();
    (rows, next)
}

impl Method<TextBatch> for CausalLm {
    fn name(&self) -> &'static str {
        "causal-lm"
    }

    fn plan(&self) -> ViewPlan {
        ViewPlan::Views(vec![ViewKind::Weak])
    }

    fn loss(&mut self, encoder: &dyn Encoder<TextBatch>, views: &[TextBatch], _step: &Step) -> Result<Loss> {
        let [batch] = super::views("causal-lm", views)?;
        let packed = super::packed("causal-lm", encoder, Sees::Before)?;
        let parts = packed.parts(batch, Mode::Train)?;
        let (rows, next) = next_tokens(batch);
        let logits = self.head.forward(&gather_rows(&parts, &rows)?, packed.table())?;
        let value = cross_entropy(&logits, &next, 0.0)?;
        let features = super::pooled(&parts.detach(), batch)?;
        Ok(Loss { value, features, second: None, metrics: Vec::new() })
    }
}

#[cfg(test)]
mod tests {
    use super::{super::corrupt::tests::batch, *};

    #[test]
    fn the_last_token_of_a_text_has_no_next_one() {
        let texts = TextBatch { ids: vec![2, 7, 3, 2, 3], begins: vec![true; 5], lengths: vec![3, 2], ..batch(1) };
        assert_eq!(next_tokens(&texts), (vec![0, 1, 3], vec![7, 3, 3]));
    }
}
