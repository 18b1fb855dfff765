//! A random stretch of the tokens of a text (DeCLUTR).

use manabi_core::rng::Rng;

use crate::sample::Tokens;

/// Fewest tokens of a stretch, where there are so many.
const LEAST: usize = 8;

/// Between a quarter and all of the tokens between the marks, neighbours, with the marks around them.
pub fn span(tokens: &Tokens, is_mark: impl Fn(u32) -> bool, rng: &mut Rng) -> Tokens {
    let first = tokens.ids.iter().position(|id| !is_mark(*id));
    let Some(first) = first else { return tokens.clone() };
    let end = tokens.ids.iter().rposition(|id| !is_mark(*id)).map_or(first + 1, |last| last + 1);
    let count = end - first;
    let least = (count / 4).max(LEAST).min(count);
    let length = least + rng.below(count - least + 1);
    let start = first + rng.below(count - length + 1);
    let kept: Vec<usize> = (0..first).chain(start..start + length).chain(end..tokens.ids.len()).collect();
    Tokens {
        ids: kept.iter().map(|at| tokens.ids[*at]).collect(),
        begins: kept.iter().map(|at| tokens.begins[*at]).collect(),
        dropout: tokens.dropout,
    }
}

#[cfg(test)]
mod tests {
    use manabi_core::rng::{Key, Purpose};

    use super::*;

    #[test]
    fn stretches_are_neighbours_between_the_marks() {
        let ids: Vec<u32> = [2].into_iter().chain(10..50).chain([3]).collect();
        let tokens = Tokens { begins: vec![true; ids.len()], ids, dropout: Some(1) };
        let mut rng = Key::new(5, Purpose::Augment).rng();
        for _ in 0..100 {
            let seen = span(&tokens, |id| id < 10, &mut rng);
            let inner = &seen.ids[1..seen.ids.len() - 1];
            assert_eq!((seen.ids[0], *seen.ids.last().unwrap(), seen.dropout), (2, 3, Some(1)));
            assert!((10..=40).contains(&inner.len()) && inner.windows(2).all(|w| w[1] == w[0] + 1));
        }
        let marks = Tokens { ids: vec![2, 3], begins: vec![true; 2], dropout: None };
        assert_eq!(span(&marks, |id| id < 10, &mut rng), marks);
    }
}
