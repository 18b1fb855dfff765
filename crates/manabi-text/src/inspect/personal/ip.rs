//! IP addresses: four numbers up to 255 with dots between, but no version.

use std::ops::Range;

/// Words after which four numbers are a version or a heading.
const VERSIONS: [&str; 9] = ["version", "versions", "release", "ver", "rev", "v", "section", "chapter", "build"];

/// The addresses of `text`.
pub(super) fn scan(text: &str) -> Vec<Range<usize>> {
    let bytes = text.as_bytes();
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some(start) = bytes[at..].iter().position(u8::is_ascii_digit).map(|skipped| at + skipped) {
        let run = bytes[start..].iter().take_while(|b| b.is_ascii_digit() || **b == b'.').count();
        at = start + run;
        // The dots of a sentence are no part of it.
        let address = text[start..at].trim_end_matches('.');
        let end = start + address.len();
        if four(address) && free(&text[..start]) && ends(&text[end..]) {
            found.push(start..end);
        }
    }
    found
}

/// Four numbers up to 255, written without needless zeros. What begins with 0 is nobody's address.
fn four(text: &str) -> bool {
    let part = |p: &str| {
        (1..=3).contains(&p.len()) && !(p.len() > 1 && p.starts_with('0')) && p.parse::<u16>().is_ok_and(|n| n <= 255)
    };
    text.len() <= 15 && !text.starts_with('0') && text.split('.').count() == 4 && text.split('.').all(part)
}

/// True if an address may begin after `before`.
fn free(before: &str) -> bool {
    let mut last = before.chars().rev();
    match last.next() {
        None => true,
        Some(c) if c.is_alphanumeric() || "._".contains(c) => false,
        // `lib-1.2.3.4` is a version, `10.0.0.1-10.0.0.9` are addresses.
        Some('-') => !last.next().is_some_and(char::is_alphabetic),
        Some(_) => {
            let start = before.char_indices().rev().take(16).last().map_or(0, |(at, _)| at);
            let near = before[start..].trim_end_matches(|c: char| !c.is_alphanumeric());
            let word = near.rsplit(|c: char| !c.is_alphanumeric()).next().unwrap_or("");
            // What stands on the line before does not count.
            before[start + near.len()..].contains('\n') || !VERSIONS.iter().any(|v| word.eq_ignore_ascii_case(v))
        }
    }
}

/// True if an address may end before `after`.
fn ends(after: &str) -> bool {
    let mut next = after.chars();
    match next.next() {
        None => true,
        Some(c) if c.is_alphanumeric() || c == '_' => false,
        Some('.') => !next.next().is_some_and(char::is_alphanumeric),
        Some('-') => !next.next().is_some_and(char::is_alphabetic),
        Some(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        scan(text).into_iter().map(|r| &text[r]).collect()
    }

    #[test]
    fn addresses_are_found() {
        assert_eq!(found("from 192.168.0.1:80, 8.8.8.8/32."), ["192.168.0.1", "8.8.8.8"]);
        assert_eq!(found("(10.0.0.1-10.0.0.9) is 255.255.255.0..."), ["10.0.0.1", "10.0.0.9", "255.255.255.0"]);
        assert_eq!(found("this is version 2\n1.2.3.4"), ["1.2.3.4"]);
    }

    #[test]
    fn versions_and_other_numbers_are_not() {
        let wrong = [
            "1.2.3",
            "1.2.3.4.5",
            "v1.2.3.4",
            "version 1.2.3.4",
            "Ver. 1.2.3.4",
            "1.2.3.256",
            "1.2.3.1000",
            "01.2.3.4",
            "1..2.3",
            "lib-1.2.3.4",
            "1.2.3.4-beta",
            "1.2.3.4.tar",
            "0.1.2.3",
            "1.2.3.4a",
            "ä1.2.3.4",
            "Section 1.2.3.4",
        ];
        for text in wrong {
            assert!(found(text).is_empty(), "{text}");
        }
    }
}
