//! Texts of one batch, their tokens one after the other: nothing is filled up, nothing is computed for padding.

use std::sync::Arc;

use candle_core::Device;
use manabi_core::{Error, Result};

use crate::{sample::Sample, tokenizer::Marks};

/// Token numbers of `N` texts, `ΣT` in all.
#[derive(Clone, Debug)]
pub struct TextBatch {
    /// Token numbers `(ΣT)`.
    pub ids: Vec<u32>,
    /// Tokens of each text `(N)`, at least one.
    pub lengths: Vec<usize>,
    /// `(ΣT)`: true where a token begins a word.
    pub begins: Vec<bool>,
    /// Of which random numbers each text's dropout is made `(N)`; empty where nothing is dropped.
    pub dropout: Vec<u64>,
    /// Numbers of tokens that nobody wrote.
    pub marks: Arc<Marks>,
    /// Where tensors are made.
    pub device: Device,
}

impl TextBatch {
    /// The batch of some views.
    ///
    /// # Errors
    /// If there is none, or one of them has no token.
    pub fn of(samples: &[Sample], marks: &Arc<Marks>, device: &Device) -> Result<Self> {
        let views = samples.iter().map(Sample::tokens).collect::<Result<Vec<_>>>()?;
        if views.is_empty() || views.iter().any(|v| v.ids.is_empty() || v.ids.len() != v.begins.len()) {
            return Err(Error::data("a batch of no texts, or with a text of no tokens"));
        }
        let dropout: Vec<u64> = views.iter().filter_map(|v| v.dropout).collect();
        Ok(Self {
            ids: views.iter().flat_map(|v| &v.ids).copied().collect(),
            lengths: views.iter().map(|v| v.ids.len()).collect(),
            begins: views.iter().flat_map(|v| &v.begins).copied().collect(),
            dropout: if dropout.len() == views.len() { dropout } else { Vec::new() },
            marks: Arc::clone(marks),
            device: device.clone(),
        })
    }

    /// Number of texts.
    pub fn len(&self) -> usize {
        self.lengths.len()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.lengths.is_empty()
    }

    /// The text that each token belongs to `(ΣT)`.
    pub fn owners(&self) -> Vec<u32> {
        (0u32..).zip(&self.lengths).flat_map(|(text, length)| std::iter::repeat_n(text, *length)).collect()
    }

    /// The place of each token within its text `(ΣT)`, from `first` on.
    pub fn places(&self, first: u32) -> Vec<u32> {
        self.lengths.iter().flat_map(|length| (first..).take(*length)).collect()
    }

    /// Where each text begins among all tokens `(N)`.
    pub fn starts(&self) -> Vec<u32> {
        let mut next = 0;
        self.lengths
            .iter()
            .map(|length| {
                let start = next;
                next += *length as u32;
                start
            })
            .collect()
    }

    /// The same texts with other tokens in the same places.
    pub fn with_ids(&self, ids: Vec<u32>) -> Self {
        Self { ids, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::Tokens;

    #[test]
    fn texts_lie_one_after_the_other() {
        let view =
            |ids: &[u32]| Sample::Tokens(Tokens { ids: ids.to_vec(), begins: vec![true; ids.len()], dropout: Some(3) });
        let of = |views: &[Sample]| TextBatch::of(views, &Arc::default(), &Device::Cpu);
        let batch = of(&[view(&[5, 6, 7]), view(&[8])]).unwrap();
        assert_eq!((batch.ids.as_slice(), batch.lengths.as_slice()), (&[5, 6, 7, 8][..], &[3, 1][..]));
        assert_eq!((batch.owners(), batch.places(2), batch.starts()), (vec![0, 0, 0, 1], vec![2, 3, 4, 2], vec![0, 3]));
        assert_eq!(batch.dropout, [3, 3]);
        assert!(of(&[]).is_err() && of(&[view(&[])]).is_err());
    }
}
