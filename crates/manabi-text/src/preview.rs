//! What a report shows of a text: its beginning.

use crate::sample::Text;

/// Characters that are shown.
const MOST: usize = 160;

/// The first words, white space collapsed.
pub fn preview(text: &Text) -> String {
    let mut shown = String::new();
    let whole = [Some(text.text.as_str()), text.second.as_deref()];
    for word in whole.into_iter().flatten().flat_map(str::split_whitespace) {
        if shown.chars().count() + word.chars().count() > MOST {
            shown.push('…');
            break;
        }
        if !shown.is_empty() {
            shown.push(' ');
        }
        shown.push_str(word);
    }
    // One word may be longer than that.
    if shown == "…" { text.text.trim().chars().take(MOST).collect::<String>() + "…" } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_is_shown_in_whole_words() {
        let text = |t: &str| Text { text: t.into(), second: None };
        assert_eq!(preview(&text(" two\n words ")), "two words");
        let long = preview(&text(&"word ".repeat(100)));
        assert!(long.ends_with("word…") && long.chars().count() <= MOST + 1);
        assert_eq!(preview(&text(&"x".repeat(500))).chars().count(), MOST + 1);
    }
}
