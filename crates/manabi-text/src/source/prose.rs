//! Whether characters are words: what sets a text apart from a table of numbers or a list of names of files.

/// Words that are looked at.
const WORDS: usize = 4_000;

/// True for a word of a language: letters with hardly anything between them.
fn is_word(word: &str) -> bool {
    let word = word.trim_matches(|c: char| !c.is_alphanumeric());
    let (mut letters, mut others) = (0, 0);
    for c in word.chars() {
        match c {
            '/' | '_' | '=' | '\\' | '{' | '}' | '<' | '|' | '@' => return false,
            c if c.is_alphabetic() || is_mark(c) => letters += 1,
            _ => others += 1,
        }
    }
    letters > 4 * others
}

/// Marks that stand upon letters (vowels of Indic scripts), which are no letters by themselves.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{5b0}'..='\u{5c7}' | '\u{64b}'..='\u{65f}' | '\u{900}'..='\u{e4e}' | '’')
}

/// True if most of the first words of `text` are words of a language.
pub(super) fn is_prose(text: &str) -> bool {
    // What stands alone as punctuation says nothing.
    let speaks = |word: &&str| word.chars().any(char::is_alphanumeric);
    let (mut words, mut all) = (0, 0);
    for word in text.split_whitespace().filter(speaks).take(WORDS) {
        all += 1;
        words += usize::from(is_word(word));
    }
    words > 0 && 2 * words > all
}

/// True for a cell of several words, or one in a script that sets no blanks between them.
pub(super) fn is_sentence(cell: &str) -> bool {
    let several = cell.trim().contains(char::is_whitespace) || cell.chars().filter(|c| *c >= '\u{2e80}').count() > 4;
    several && cell.chars().filter(|c| c.is_alphabetic()).count() >= 5 && is_prose(cell)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_are_told_from_numbers_paths_and_settings() {
        for text in
            ["simplistic , silly and tedious .", "Ça va? Bien.", "這是一個句子，很短。", "यह एक वाक्य है", "complaining"]
        {
            assert!(is_prose(text), "{text}");
        }
        for text in
            ["1 0.5 2.25 x", "/m/027rn /location/country/form /m/06cx9", "a_b=3 c_d=4", "0.1,0.2,0.3", "", "a1b2 c3d4"]
        {
            assert!(!is_prose(text), "{text}");
        }
    }

    #[test]
    fn sentences_have_several_words() {
        for cell in ["A plane is taking off.", "它很短很短。"] {
            assert!(is_sentence(cell), "{cell}");
        }
        for cell in ["main-captions", "2012 test", "", "0.5 1.5", "a b"] {
            assert!(!is_sentence(cell), "{cell}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in any::<String>()) {
            let _ = (is_prose(&text), is_sentence(&text));
        }
    }
}
