//! Messages of mail and news without what names their class: header, quotes, signature, much as scikit-learn's
//! `remove=("headers", "footers", "quotes")` does it.

/// Lines of a signature, at most.
const SIGNATURE: usize = 20;

/// The message's own words. What does not begin with a header stays as it is.
pub(super) fn body(text: &str) -> String {
    let Some(rest) = after_header(text) else { return text.to_string() };
    let lines: Vec<&str> = rest.lines().collect();
    let written = lines.iter().rposition(|line| !line.trim().is_empty()).map_or(0, |last| last + 1);
    // A signature stands behind a line of two dashes, near the end.
    let dashes = lines[..written].iter().rposition(|line| line.trim_end() == "--");
    let end = dashes.filter(|at| written - at <= SIGNATURE).unwrap_or(written);
    let kept: Vec<&str> = lines[..end].iter().copied().filter(|line| !is_quote(line) && !names_group(line)).collect();
    kept.join("\n")
}

/// What comes after the header: lines `Name: value`, and lines that go on from one, up to an empty one.
fn after_header(text: &str) -> Option<&str> {
    let (mut at, mut fields, mut others) = (0, 0usize, 0usize);
    for line in text.split_inclusive('\n') {
        at += line.len();
        if line.trim().is_empty() {
            return (fields >= 2 && fields > 2 * others).then(|| &text[at..]);
        }
        let name = line.split(':').next().unwrap_or_default();
        let word = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if word && name.len() < line.trim_end().len() {
            fields += 1;
        } else if !line.starts_with([' ', '\t']) {
            others += 1;
        }
        if others > fields + 3 {
            return None;
        }
    }
    // A message that is nothing but its header.
    (fields >= 4 && fields > 2 * others).then_some("")
}

/// True for a quoted line, and for the one that says who is quoted.
fn is_quote(line: &str) -> bool {
    let line = line.trim();
    let marked = line.starts_with(['>', '|']) || line.starts_with(":>") || line.starts_with("}>");
    let begins = ["In article", "Quoted from", "In <"].iter().any(|words| line.starts_with(words));
    let ends = ["writes:", "wrote:", "says:", "said:", "writes in", "writes...", "writes"];
    // Whose words they are is named by an address or a short name, so that a sentence of the message's own is none.
    let names = line.contains(['@', '<', '(']);
    let short = line.split_whitespace().count() <= 5 && (line.ends_with("writes:") || line.ends_with("wrote:"));
    marked || short || (names && (begins || ends.iter().any(|end| line.ends_with(end))))
}

/// True for a line of the header of a message within the message that names the class.
fn names_group(line: &str) -> bool {
    let name = line.split_once(':').map(|(name, _)| name.trim().to_ascii_lowercase());
    name.is_some_and(|name| ["newsgroups", "xref", "path", "followup-to", "article"].contains(&name.as_str()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn header_quotes_and_signature_go() {
        let text = "From: a@b.c\nSubject: Re: pumps\n and more\nLines: 3\n\nIn article <1@x> y (Y) writes:\n>old words\n\
                    > > older ones\nA B\nwrote:\n\nNew words: he said:\nNewsgroups: sci.med\nmore.\n\n--\nMe\nhome\n";
        assert_eq!(body(text).trim(), "A B\n\nNew words: he said:\nmore.");
    }

    #[test]
    fn dashes_far_from_the_end_are_no_signature() {
        let text = format!("From: a\nTo: b\n\nOne.\n--\n{}", "words\n".repeat(40));
        assert_eq!(body(&text).lines().count(), 42);
        assert_eq!(body("From: a\nTo: b\nLines: 0\nDate: today\n"), "");
    }

    #[test]
    fn a_text_without_a_header_stays_as_it_is() {
        for text in ["Dear all: this is it.\n\nThe end.", "one line", "", "Note: a\n\nb", "> not a message\n\nat all"] {
            assert_eq!(body(text), text);
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in any::<String>(), lines in "([A-Z]: b\n){0,4}\n?([>a-]{0,3}\n){0,6}") {
            let _ = (body(&text), body(&lines));
        }
    }
}
