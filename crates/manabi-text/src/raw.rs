//! The honest baseline: tf-idf of words and pairs of words, which with logistic regression is hard to beat.
//!
//! `x(t) = (1 + ln n(t)) · (1 + ln((1 + N) / (1 + d(t))))`, rows of length 1: scikit-learn's
//! `TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2, max_features=…)`, but that words may have one
//! letter, and that the terms kept are those of most documents. Counted over the training texts.
//!
//! Shapes: text → `(terms)`. Cost: one look-up a word.

use std::collections::HashMap;

use manabi_core::{Error, Result};

/// Terms that are counted at once: beyond it rare ones are forgotten.
const MOST_TERMS: usize = 4_000_000;

/// The terms and their weights.
#[derive(Clone, Debug, Default)]
pub struct TfIdf {
    columns: HashMap<String, u32>,
    idf: Vec<f32>,
}

/// Calls `term` with each word of `text`, in small letters, and each pair of neighbours.
fn terms(text: &str, mut term: impl FnMut(&str)) {
    let (mut before, mut pair) = (String::new(), String::new());
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()) {
        let word = word.to_lowercase();
        term(&word);
        if !before.is_empty() {
            pair.clear();
            pair.extend([before.as_str(), " ", &word]);
            term(&pair);
        }
        before = word;
    }
}

impl TfIdf {
    /// Counts `texts` and keeps at most `most` terms that stand in two of them or more.
    pub fn fit<S: AsRef<str>>(texts: impl Iterator<Item = S>, most: usize) -> Self {
        // Documents of a term, and the last one that it was seen in.
        let mut seen: HashMap<String, (u32, u32)> = HashMap::new();
        let mut documents = 0u32;
        for text in texts {
            documents += 1;
            terms(text.as_ref(), |term| match seen.get_mut(term) {
                Some((count, last)) if *last != documents => (*count, *last) = (*count + 1, documents),
                Some(_) => {}
                None => {
                    seen.insert(term.to_string(), (1, documents));
                }
            });
            if seen.len() > MOST_TERMS {
                seen.retain(|_, (count, _)| *count > 1);
            }
        }
        let least = if documents < 10 { 1 } else { 2 };
        let mut found: Vec<(String, u32)> = seen.into_iter().map(|(term, (count, _))| (term, count)).collect();
        found.retain(|(_, count)| *count >= least);
        found.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        found.truncate(most);
        let n = 1.0 + f64::from(documents);
        let idf = found.iter().map(|(_, d)| (1.0 + (n / (1.0 + f64::from(*d))).ln()) as f32).collect();
        Self { columns: (0u32..).zip(found).map(|(i, (term, _))| (term, i)).collect(), idf }
    }

    /// Terms.
    pub fn len(&self) -> usize {
        self.idf.len()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.idf.is_empty()
    }

    /// The row of a text; of one without a known term it is zero.
    ///
    /// # Errors
    /// If there are no terms at all.
    pub fn row(&self, text: &str) -> Result<Vec<f32>> {
        if self.is_empty() {
            return Err(Error::data(
                "no word stands in two of the training texts: there is nothing for tf-idf to count",
            ));
        }
        let mut row = vec![0.0f32; self.idf.len()];
        terms(text, |term| {
            if let Some(value) = self.columns.get(term).and_then(|c| row.get_mut(*c as usize)) {
                *value += 1.0;
            }
        });
        let mut square = 0.0f64;
        for (value, idf) in row.iter_mut().zip(&self.idf).filter(|(v, _)| **v > 0.0) {
            *value = (1.0 + value.ln()) * idf;
            square += f64::from(*value).powi(2);
        }
        if square > 0.0 {
            let scale = 1.0 / square.sqrt() as f32;
            row.iter_mut().for_each(|v| *v *= scale);
        }
        Ok(row)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    // from sklearn.feature_extraction.text import TfidfVectorizer
    // v = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\w+")
    // d = ["the cat sat", "the cat sat on the mat", "a dog"]; x = v.fit_transform(d).toarray()
    // {t: round(x[1][v.vocabulary_[t]], 5) for t in ("the", "cat sat", "mat", "on the")}
    // -> {'the': 0.4299, 'cat sat': 0.25391, 'mat': 0.33386, 'on the': 0.33386}
    #[test]
    fn figures_are_scikit_learns() {
        let texts = ["the cat sat", "the cat sat on the mat", "a dog"];
        let tfidf = TfIdf::fit(texts.iter(), 100);
        let row = tfidf.row(texts[1]).unwrap();
        for (term, expected) in [("the", 0.4299), ("cat sat", 0.25391), ("mat", 0.33386), ("on the", 0.33386)] {
            let found = row[tfidf.columns[term] as usize];
            assert!((found - expected).abs() < 1e-4, "{term}: {found} instead of {expected}");
        }
    }

    #[test]
    fn the_commonest_terms_are_kept_and_unknown_ones_are_nothing() {
        let texts: Vec<String> = (0..20).map(|i| format!("common word{}", i % 3)).collect();
        let tfidf = TfIdf::fit(texts.iter(), 2);
        assert_eq!(tfidf.len(), 2);
        assert!(tfidf.columns.contains_key("common"));
        assert!(tfidf.row("nothing known").unwrap().iter().all(|v| *v == 0.0));
        assert!(TfIdf::default().row("x").is_err());
    }

    proptest! {
        #[test]
        fn rows_have_length_one_or_none(texts in proptest::collection::vec(".{0,40}", 1..12)) {
            let tfidf = TfIdf::fit(texts.iter(), 50);
            prop_assume!(!tfidf.is_empty());
            for text in &texts {
                let square: f32 = tfidf.row(text).unwrap().iter().map(|v| v * v).sum();
                prop_assert!(square == 0.0 || (square - 1.0).abs() < 1e-4);
            }
        }
    }
}
