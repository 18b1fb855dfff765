//! A random stretch of a long text.

use manabi_core::rng::Rng;

/// At most about `bytes` of `text`, from the beginning of a random word on.
pub fn window<'a>(text: &'a str, bytes: usize, rng: &mut Rng) -> &'a str {
    let Some(room) = text.len().checked_sub(bytes).filter(|room| *room > 0) else { return text };
    let from = rng.below(room + 1);
    // The next word's beginning, or the next character's where there is none.
    let rest = (from..=text.len()).find(|at| text.is_char_boundary(*at)).map_or("", |at| &text[at..]);
    let start = if from == 0 { 0 } else { rest.find(char::is_whitespace).filter(|at| *at < 64).unwrap_or(0) };
    let rest = rest[start..].trim_start();
    let end = (0..=rest.len().min(bytes)).rev().find(|at| rest.is_char_boundary(*at)).unwrap_or(0);
    &rest[..end]
}

#[cfg(test)]
mod tests {
    use manabi_core::rng::{Key, Purpose};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn short_texts_are_seen_whole_and_long_ones_from_the_beginning_of_a_word() {
        let mut rng = Key::new(1, Purpose::Augment).rng();
        assert_eq!(window("all of it", 20, &mut rng), "all of it");
        let text = "alpha beta gamma delta ".repeat(20);
        for _ in 0..50 {
            let seen = window(&text, 40, &mut rng);
            let first = seen.split(' ').next().unwrap();
            assert!(seen.len() <= 40 && (["alpha", "beta", "gamma", "delta", ""].contains(&first)), "{seen}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_cut_within_a_character(text in any::<String>(), bytes in 1usize..30, seed: u64) {
            let seen = window(&text, bytes, &mut Key::new(seed, Purpose::Augment).rng());
            prop_assert!(text.contains(seen));
        }
    }
}
