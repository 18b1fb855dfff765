//! Sentence order (ALBERT, Lan et al., arXiv:1909.11942): are the two halves of a text in their order?

use manabi_core::modality::PretextTask;

/// The task.
pub const ORDER: PretextTask = PretextTask {
    name: "sentence-order",
    classes: 2,
    summary: "say whether the two halves of a text stand in their order",
};

/// `text` with its two halves exchanged. They are cut at the end of a sentence where one ends in the middle half of the
/// text, else between two words.
pub fn swapped(text: &str) -> String {
    let (first, second) = halves(text);
    format!("{} {}", second.trim(), first.trim())
}

fn halves(text: &str) -> (&str, &str) {
    let (low, high) = (text.len() / 4, text.len() - text.len() / 4);
    let middle = text.len() / 2;
    let nearest = |ends: &mut dyn Iterator<Item = usize>| {
        ends.filter(|at| (low..=high).contains(at)).min_by_key(|at| at.abs_diff(middle))
    };
    let mut sentences = text.match_indices(['.', '!', '?', '\n']).map(|(at, mark)| at + mark.len());
    let mut words = text.match_indices(char::is_whitespace).map(|(at, _)| at);
    let cut = nearest(&mut sentences).or_else(|| nearest(&mut words)).unwrap_or(0);
    text.split_at(cut)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn halves_are_exchanged_at_the_end_of_a_sentence_or_between_words() {
        assert_eq!(swapped("One came first. Two came after it."), "Two came after it. One came first.");
        assert_eq!(swapped("no sentence ends here"), "ends here no sentence");
        assert_eq!(swapped("word").trim(), "word");
    }

    proptest! {
        #[test]
        fn nothing_is_lost(text in any::<String>()) {
            let count = |t: &str| t.chars().filter(|c| !c.is_whitespace()).count();
            prop_assert_eq!(count(&swapped(&text)), count(&text));
        }
    }
}
