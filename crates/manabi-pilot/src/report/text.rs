//! Lines for the terminal: wrapped at its width, commands kept whole.

/// Wraps `text` at `width` characters; rows after the first are indented by `indent`. What stands between backticks is
/// never broken, so that a command can be copied, and a word longer than the width stands alone.
pub fn wrap(text: &str, width: usize, indent: usize) -> String {
    let mut out = String::new();
    let mut used = 0;
    for piece in pieces(text) {
        let length = piece.chars().count();
        if used == 0 {
            out.push_str(&piece);
            used = length;
        } else if used + 1 + length <= width {
            out.push(' ');
            out.push_str(&piece);
            used += 1 + length;
        } else {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', indent));
            out.push_str(&piece);
            used = indent + length;
        }
    }
    out
}

/// Splits at spaces outside backticks, and keeps a number together with the `%` behind it.
fn pieces(text: &str) -> Vec<String> {
    let mut pieces: Vec<String> = Vec::new();
    let mut in_command = false;
    for word in text.split_whitespace() {
        let glue = in_command || word.starts_with('%');
        if word.matches('`').count() % 2 == 1 {
            in_command = !in_command;
        }
        match pieces.last_mut() {
            Some(last) if glue => {
                last.push(' ');
                last.push_str(word);
            }
            _ => pieces.push(word.to_string()),
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::wrap;

    #[test]
    fn no_row_is_wider_than_the_terminal() {
        let text = "one two three four five six seven eight nine ten ".repeat(8);
        assert!(wrap(&text, 40, 2).lines().all(|row| row.chars().count() <= 40));
    }

    #[test]
    fn a_command_stays_on_one_row() {
        let wrapped = wrap("Next: `manabi finetune runs/parts --labels labels.csv` and more words", 30, 2);
        assert!(wrapped.contains("`manabi finetune runs/parts --labels labels.csv`"), "{wrapped}");
    }

    #[test]
    fn a_percent_sign_stays_with_its_number() {
        assert_eq!(wrap("with 60 labels (5 %) it", 17, 0), "with 60 labels\n(5 %) it");
    }

    #[test]
    fn an_empty_text_stays_empty() {
        assert_eq!(wrap("", 80, 2), "");
    }
}
