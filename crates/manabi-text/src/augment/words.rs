//! Words left out at random: what a denoising autoencoder repairs (TSDAE), and a mild change of a text's wording.

use manabi_core::rng::Rng;

use crate::sample::Tokens;

/// Leaves out each word (with all of its pieces) with probability `share`; marks stay, and at least one word.
pub fn delete(tokens: &Tokens, is_mark: impl Fn(u32) -> bool, share: f32, rng: &mut Rng) -> Tokens {
    let words: Vec<usize> = (0..tokens.ids.len()).filter(|i| tokens.begins[*i] && !is_mark(tokens.ids[*i])).collect();
    if words.is_empty() {
        return tokens.clone();
    }
    let mut kept: Vec<bool> = words.iter().map(|_| !rng.chance(share)).collect();
    if !kept.contains(&true) {
        let one = rng.below(kept.len());
        kept[one] = true;
    }
    let mut left = Tokens { dropout: tokens.dropout, ..Tokens::default() };
    let (mut word, mut keep) = (0, true);
    for (at, id) in tokens.ids.iter().enumerate() {
        if is_mark(*id) {
            keep = true;
        } else if words.get(word) == Some(&at) {
            keep = kept[word];
            word += 1;
        }
        if keep {
            left.ids.push(*id);
            left.begins.push(tokens.begins[at]);
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use manabi_core::rng::{Key, Purpose};

    use super::*;

    #[test]
    fn whole_words_go_and_marks_stay() {
        // [CLS] one two ##a ##b three [SEP]
        let tokens = Tokens {
            ids: vec![2, 10, 11, 20, 21, 12, 3],
            begins: vec![true, true, true, false, false, true, true],
            dropout: None,
        };
        let mut rng = Key::new(3, Purpose::Augment).rng();
        for _ in 0..100 {
            let left = delete(&tokens, |id| id < 4, 0.6, &mut rng);
            assert_eq!((left.ids[0], *left.ids.last().unwrap()), (2, 3));
            assert!(left.ids.len() > 2 && left.ids.len() == left.begins.len());
            let two = left.ids.contains(&11);
            assert_eq!((left.ids.contains(&20), left.ids.contains(&21)), (two, two));
        }
        assert_eq!(delete(&tokens, |id| id < 4, 0.0, &mut rng), tokens);
        assert_eq!(delete(&tokens, |id| id < 4, 1.0, &mut rng).begins.iter().filter(|b| **b).count(), 3);
    }
}
