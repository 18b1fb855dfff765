//! Labels that stand in the same line as their text.

use std::collections::BTreeSet;

use super::prose::is_prose;

/// Different labels, at most, and bytes of one.
const MOST: usize = 50;
const LONGEST: usize = 40;
/// So many lines that begin with the same label are enough to know it for one.
const ENOUGH: usize = 20;
/// What fastText writes before a label.
const FAST_TEXT: &str = "__label__";

/// Where the label of a line stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Label {
    /// There is none.
    Nowhere,
    /// A number before a blank (`1 a fine film`).
    Blank,
    /// A word before the first tab.
    Tab,
    /// A word behind the last tab.
    LastTab,
    /// fastText's `__label__name` before a blank.
    FastText,
}

impl Label {
    /// What all of `lines`, the first ones of a file, say.
    pub fn of(lines: &[String]) -> Self {
        let lines: Vec<&str> = lines.iter().map(|l| l.trim_end()).filter(|l| !l.trim().is_empty()).collect();
        let all = |place: Self| {
            let parts: Option<Vec<(&str, &str)>> = lines.iter().map(|l| place.split(l)).collect();
            parts.is_some_and(|parts| repeats(&parts))
        };
        if lines.is_empty() {
            return Self::Nowhere;
        }
        if lines.iter().all(|l| l.starts_with(FAST_TEXT)) {
            return Self::FastText;
        }
        [Self::Tab, Self::LastTab, Self::Blank].into_iter().find(|place| all(*place)).unwrap_or(Self::Nowhere)
    }

    /// Label and text of a line; `None` if it has no label there.
    pub fn split(self, line: &str) -> Option<(&str, &str)> {
        let (label, text) = match self {
            Self::Nowhere => return None,
            Self::Blank => line.split_once(' ')?,
            Self::Tab => line.split_once('\t')?,
            Self::LastTab => line.rsplit_once('\t').map(|(text, label)| (label, text))?,
            Self::FastText => {
                line.strip_prefix(FAST_TEXT).map(|rest| rest.split_once(char::is_whitespace).unwrap_or((rest, "")))?
            }
        };
        let label = label.trim();
        let fits = match self {
            Self::Blank => is_number(label),
            _ => label.split_whitespace().count() <= 3 && label.len() <= LONGEST,
        };
        (fits && !label.is_empty()).then(|| (label, text.trim()))
    }

    /// The text of a line without fastText's further labels, and whether there were any.
    pub fn without_more(self, mut text: &str) -> (&str, bool) {
        let whole = text.len();
        while let (Self::FastText, Some(rest)) = (self, text.strip_prefix(FAST_TEXT)) {
            text = rest.split_once(char::is_whitespace).map_or("", |(_, rest)| rest.trim_start());
        }
        (text, text.len() < whole)
    }
}

/// Up to three digits, perhaps with a sign.
fn is_number(label: &str) -> bool {
    let digits = label.strip_prefix(['+', '-']).unwrap_or(label);
    (1..=3).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
}

/// True if the labels are a few that come again and again, and what stands beside them are words.
fn repeats(parts: &[(&str, &str)]) -> bool {
    let labels: BTreeSet<&str> = parts.iter().map(|(label, _)| *label).collect();
    let few = labels.len() <= MOST && (2 * labels.len() <= parts.len() || parts.len() < 4);
    // In a short file that one word comes again and again may be by chance, and so may be numbers one after the other.
    let varied = labels.len() > 1 || parts.len() >= ENOUGH;
    let words: Vec<&str> = parts.iter().map(|(_, text)| *text).take(ENOUGH * 10).collect();
    few && varied && is_prose(&words.join(" "))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(lines: &[&str]) -> Label {
        Label::of(&lines.iter().map(|l| (*l).to_string()).collect::<Vec<_>>())
    }

    #[test]
    fn labels_are_known_by_their_repetition() {
        assert_eq!(of(&["1 a film", "0 bad", "", "1 good", "0 so so"]), Label::Blank);
        assert_eq!(of(&["pos\ta film", "neg\tbad", "pos\tgood", "neg\tno"]), Label::Tab);
        assert_eq!(of(&["a film\t1", "it was bad\t0", "good one\t1", "no, no\t0"]), Label::LastTab);
        assert_eq!(of(&["__label__x a", "__label__y b"]), Label::FastText);
        assert_eq!(of(&["0 the same label in all lines"; 30]), Label::Blank);
    }

    #[test]
    fn texts_that_begin_with_numbers_or_the_same_words_have_no_labels() {
        assert_eq!(of(&["1 dog came", "2 dogs came", "3 more", "4 more"]), Label::Nowhere);
        assert_eq!(of(&["the one", "the other", "a third", "the last"]), Label::Nowhere);
        assert_eq!(of(&["1 0.5 2", "2 0.5 3", "1 0.7 2", "2 0.2 1"]), Label::Nowhere);
        assert_eq!((of(&["7 words here"]), of(&[])), (Label::Nowhere, Label::Nowhere));
    }

    #[test]
    fn a_line_is_cut_in_label_and_text() {
        assert_eq!(Label::FastText.split("__label__x __label__y a b"), Some(("x", "__label__y a b")));
        assert_eq!(Label::FastText.without_more("__label__y a b"), ("a b", true));
        assert_eq!(Label::Blank.without_more("a b"), ("a b", false));
        assert_eq!((Label::Tab.split("no label"), Label::Blank.split("-1 bad")), (None, Some(("-1", "bad"))));
        assert_eq!((Label::Blank.split("1999 was"), Label::Tab.split("\tempty")), (None, None));
    }

    proptest! {
        #[test]
        fn no_lines_make_it_panic(lines in proptest::collection::vec("(__label__)?[a0\t -]{0,12}", 0..30)) {
            let place = Label::of(&lines);
            for line in &lines {
                let _ = place.split(line).map(|(_, text)| place.without_more(text));
            }
        }
    }
}
