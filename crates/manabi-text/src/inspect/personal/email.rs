//! E-mail addresses: a name, `@`, and a domain that ends in letters.

use std::ops::Range;

/// Longest name and longest domain, in characters, by the standard.
const NAME: usize = 64;
const DOMAIN: usize = 253;

/// A letter or digit that addresses are made of. Only Latin ones: where words are not parted by spaces, the letters
/// around an address are no part of it.
fn word(c: char) -> bool {
    c.is_alphanumeric() && c < '\u{250}'
}

/// The addresses of `text`.
pub(super) fn scan(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for (at, _) in text.match_indices('@') {
        let begin = found.last().map_or(0, |f| f.end);
        let Some(before) = text.get(begin..at) else { continue };
        if let (Some(name), Some(domain)) = (name(before), domain(&text[at + 1..])) {
            found.push(at - name..at + 1 + domain);
        }
    }
    found
}

/// Bytes of the name that `before` ends in.
fn name(before: &str) -> Option<usize> {
    let part = |c: &(usize, char)| word(c.1) || "._%+-'".contains(c.1);
    let start = before.char_indices().rev().take(NAME).take_while(part).last()?.0;
    let name = before[start..].trim_start_matches(|c| !word(c));
    (!name.is_empty() && !name.ends_with(['.', '\''])).then_some(name.len())
}

/// Bytes of the domain that `after` begins with: the most labels of which the last is made of letters.
fn domain(after: &str) -> Option<usize> {
    let part = |c: &(usize, char)| word(c.1) || c.1 == '-' || c.1 == '.';
    let run = after.char_indices().take(DOMAIN).take_while(part).last().map_or(0, |(at, c)| at + c.len_utf8());
    let (mut start, mut end) = (0, None);
    for (number, label) in after[..run].split('.').enumerate() {
        let trimmed = label.trim_end_matches('-');
        if trimmed.is_empty() || trimmed.starts_with('-') {
            break;
        }
        let letters = trimmed.chars().all(char::is_alphabetic) && (2..=24).contains(&trimmed.chars().count());
        if number > 0 && (letters || trimmed.starts_with("xn--")) {
            end = Some(start + trimmed.len());
        }
        // A dash at its end: the sentence goes on.
        if trimmed.len() < label.len() {
            break;
        }
        start += label.len() + 1;
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        scan(text).into_iter().map(|r| &text[r]).collect()
    }

    #[test]
    fn addresses_are_found_without_what_surrounds_them() {
        assert_eq!(found("From: <a.b+c@x-y.example.co.uk>,"), ["a.b+c@x-y.example.co.uk"]);
        assert_eq!(found("mail me@x.com."), ["me@x.com"]);
        assert_eq!(found("'me@x.com' --me@y.org--"), ["me@x.com", "me@y.org"]);
        assert_eq!(found("müller@bücher.de请联系me@x.com谢谢"), ["müller@bücher.de", "me@x.com"]);
        assert_eq!(found("up!path!user%node.bitnet@gate.edu"), ["user%node.bitnet@gate.edu"]);
        assert_eq!(found("a@b.com,c@d.net;e@f.xn--p1ai"), ["a@b.com", "c@d.net", "e@f.xn--p1ai"]);
    }

    #[test]
    fn what_only_looks_like_one_is_not() {
        for text in ["a@b", "@name.com", "5 @ 3.50", "x@1.2", "x.@y.com", "a@.com", "a@-b.com", "a@@b.com", "a@b.c"] {
            assert!(found(text).is_empty(), "{text}: {:?}", found(text));
        }
    }

    #[test]
    fn a_name_that_is_too_long_is_masked_as_far_as_it_may_be_one() {
        let text = format!("{}@x.com", "a".repeat(100));
        assert_eq!(found(&text), [&text[36..]]);
    }

    #[test]
    fn two_addresses_do_not_share_letters() {
        assert_eq!(found("a@b.com@c.com"), ["a@b.com"]);
    }
}
