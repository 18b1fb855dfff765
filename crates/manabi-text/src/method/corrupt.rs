//! Which tokens are hidden, and what stands in their place.
//!
//! Whole words are drawn until a share of the tokens is reached (Cui et al., arXiv:1906.08101: a piece of a word is
//! guessed from its other pieces otherwise), or single tokens. Of those that were drawn eight in ten become the mask, one
//! in ten another token, one in ten stays (Devlin et al., arXiv:1810.04805).

use manabi_core::{
    Error, Result,
    method::Step,
    rng::{Key, Purpose, Rng},
};

use crate::batch::TextBatch;

/// How a batch is corrupted.
#[derive(Clone, Copy, Debug)]
pub struct Corruption {
    /// Share of the tokens that is drawn.
    pub share: f64,
    /// Draw whole words.
    pub whole_words: bool,
    /// All that were drawn become the mask (ELECTRA's), not eight in ten.
    pub all_masked: bool,
    /// Tokens of the vocabulary.
    pub vocabulary: usize,
}

/// A batch with some tokens hidden.
#[derive(Clone, Debug)]
pub struct Corrupted {
    /// The texts as the encoder sees them.
    pub batch: TextBatch,
    /// Rows among all tokens that are to be told, rising.
    pub rows: Vec<u32>,
    /// What stood there.
    pub truth: Vec<u32>,
}

impl Corruption {
    /// Hides tokens of `batch`, a pure function of the step and the texts' numbers.
    ///
    /// # Errors
    /// If the vocabulary has no mask, or no token can be hidden in the whole batch.
    pub fn apply(&self, batch: &TextBatch, step: &Step) -> Result<Corrupted> {
        let Some(mask) = batch.marks.mask else {
            return Err(Error::config("this tokeniser has no mask ([MASK] or <mask>), which hidden tokens need"));
        };
        let mut ids = batch.ids.clone();
        let mut rows = Vec::new();
        for (text, (start, length)) in batch.starts().into_iter().zip(&batch.lengths).enumerate() {
            let sample = step.samples.get(text).copied().unwrap_or(text) as u64;
            let key = Key::new(step.seed, Purpose::Mask).epoch(step.index).sample(sample).view(text as u32);
            let mut rng = key.rng();
            let begin = rows.len();
            self.draw(batch, start as usize..start as usize + length, &mut rng, &mut rows);
            rows[begin..].sort_unstable();
            for row in &rows[begin..] {
                let chance = rng.uniform();
                let id = &mut ids[*row as usize];
                if self.all_masked || chance < 0.8 {
                    *id = mask;
                } else if chance < 0.9 {
                    *id = other(&mut rng, self.vocabulary, batch);
                }
            }
        }
        if rows.is_empty() {
            return Err(Error::data("no text of this batch has a word that could be hidden"));
        }
        let truth = rows.iter().map(|row| batch.ids[*row as usize]).collect();
        Ok(Corrupted { batch: batch.with_ids(ids), rows, truth })
    }

    /// Rows of one text that are hidden: at least one where it has a token that is no mark, and never all of several.
    fn draw(&self, batch: &TextBatch, text: std::ops::Range<usize>, rng: &mut Rng, rows: &mut Vec<u32>) {
        let written: Vec<usize> = text.filter(|row| !batch.marks.is(batch.ids[*row])).collect();
        if written.is_empty() {
            return;
        }
        let wanted = ((written.len() as f64 * self.share).round() as usize).max(1);
        // Each unit is a word with all of its pieces, or one token.
        let mut units: Vec<Vec<usize>> = Vec::new();
        for row in &written {
            match units.last_mut().filter(|_| self.whole_words && !batch.begins[*row]) {
                Some(word) => word.push(*row),
                None => units.push(vec![*row]),
            }
        }
        let mut hidden = 0;
        for unit in rng.permutation(units.len()) {
            let unit = &units[unit];
            // A long word is left out where it would hide twice as much as was asked for.
            if hidden > 0 && hidden + unit.len() > wanted {
                continue;
            }
            hidden += unit.len();
            rows.extend(unit.iter().map(|row| *row as u32));
            if hidden >= wanted {
                break;
            }
        }
    }
}

/// A random token that is no mark.
fn other(rng: &mut Rng, vocabulary: usize, batch: &TextBatch) -> u32 {
    for _ in 0..16 {
        let id = rng.below(vocabulary) as u32;
        if !batch.marks.is(id) {
            return id;
        }
    }
    batch.marks.pad
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Arc;

    use candle_core::Device;

    use super::*;
    use crate::tokenizer::Marks;

    /// `texts` of 20 words of one or two tokens between marks 2 and 3; the mask is 4.
    pub fn batch(texts: usize) -> TextBatch {
        let (mut ids, mut begins) = (Vec::new(), Vec::new());
        for text in 0..texts as u32 {
            ids.push(2);
            begins.push(true);
            for word in 0..20 {
                ids.push(5 + (text * 7 + word) % 40);
                begins.push(true);
                if word % 3 == 0 {
                    ids.push(45 + word % 5);
                    begins.push(false);
                }
            }
            ids.push(3);
            begins.push(true);
        }
        let length = ids.len() / texts;
        let marks = Marks { before: vec![2], after: vec![3], mask: Some(4), pad: 0, all: vec![0, 1, 2, 3, 4] };
        TextBatch {
            ids,
            lengths: vec![length; texts],
            begins,
            dropout: Vec::new(),
            marks: Arc::new(marks),
            device: Device::Cpu,
        }
    }

    pub fn step(samples: &[usize]) -> Step<'_> {
        Step { index: 3, total: 10, epoch: 0, seed: 1, samples, labels: &[] }
    }

    #[test]
    fn the_asked_share_of_whole_words_is_hidden_and_never_a_mark() {
        let (batch, samples) = (batch(40), (0..40).collect::<Vec<_>>());
        let corruption = Corruption { share: 0.15, whole_words: true, all_masked: false, vocabulary: 50 };
        let found = corruption.apply(&batch, &step(&samples)).unwrap();
        let share = found.rows.len() as f64 / batch.ids.len() as f64;
        assert!((0.1..0.2).contains(&share), "{share}");
        for (row, truth) in found.rows.iter().zip(&found.truth) {
            assert_eq!(batch.ids[*row as usize], *truth);
            assert!(!batch.marks.is(*truth));
            // The second piece of a word is hidden with the first.
            let next = *row as usize + 1;
            if batch.begins[*row as usize] && !batch.begins[next] {
                assert!(found.rows.contains(&(next as u32)));
            }
        }
        let masked = found.rows.iter().filter(|row| found.batch.ids[**row as usize] == 4).count() as f64;
        assert!((0.7..0.9).contains(&(masked / found.rows.len() as f64)));
        let untouched = (0..batch.ids.len()).filter(|row| !found.rows.contains(&(*row as u32)));
        assert!(untouched.into_iter().all(|row| batch.ids[row] == found.batch.ids[row]));
        let again = corruption.apply(&batch, &step(&samples)).unwrap();
        assert_eq!((again.rows, again.batch.ids), (found.rows, found.batch.ids));
    }

    #[test]
    fn a_vocabulary_without_a_mask_and_texts_of_nothing_but_marks_are_refused() {
        let corruption = Corruption { share: 0.15, whole_words: false, all_masked: true, vocabulary: 50 };
        let marks_only = TextBatch { ids: vec![2, 3], begins: vec![true; 2], lengths: vec![2], ..batch(1) };
        assert!(corruption.apply(&marks_only, &step(&[0])).unwrap_err().to_string().contains("no text of this batch"));
        let without = TextBatch { marks: Arc::default(), ..batch(1) };
        assert!(corruption.apply(&without, &step(&[0])).unwrap_err().to_string().contains("no mask"));
    }
}
