//! Chains of groups of digits, `030 1234-567`: what phone and card numbers are looked for in.

use std::ops::Range;

/// Most characters between two groups: `) - `.
const BETWEEN: usize = 4;

/// Groups of digits that follow each other with little between.
pub(super) struct Chain<'a> {
    /// All of the text.
    pub text: &'a str,
    /// Where each group stands.
    pub groups: Vec<Range<usize>>,
}

/// What may stand between two groups of one number.
fn between(gap: &str) -> bool {
    gap.len() <= BETWEEN && !gap.contains("  ") && gap.bytes().all(|b| b" -./()".contains(&b))
}

/// The chains of `text`, in order.
pub(super) fn chains(text: &str) -> Vec<Chain<'_>> {
    let bytes = text.as_bytes();
    let mut chains: Vec<Chain<'_>> = Vec::new();
    let (mut at, mut end) = (0, None);
    while let Some(start) = bytes[at..].iter().position(u8::is_ascii_digit).map(|skipped| at + skipped) {
        at = start + bytes[start..].iter().take_while(|b| b.is_ascii_digit()).count();
        match chains.last_mut() {
            Some(chain) if end.is_some_and(|end| between(&text[end..start])) => chain.groups.push(start..at),
            _ => chains.push(Chain { text, groups: std::iter::once(start..at).collect() }),
        }
        end = Some(at);
    }
    chains
}

impl<'a> Chain<'a> {
    /// The digits of a group.
    pub fn digits(&self, group: usize) -> &'a str {
        self.groups.get(group).map_or("", |range| &self.text[range.clone()])
    }

    /// How many digits a group has.
    pub fn length(&self, group: usize) -> usize {
        self.groups.get(group).map_or(0, Range::len)
    }

    /// What stands between a group and the next one.
    pub fn gap(&self, group: usize) -> Option<&'a str> {
        Some(&self.text[self.groups.get(group)?.end..self.groups.get(group + 1)?.start])
    }

    /// What stands before a group, all of the text.
    pub fn before(&self, group: usize) -> &'a str {
        self.groups.get(group).map_or("", |range| &self.text[..range.start])
    }

    /// What stands after a group, all of the text.
    pub fn after(&self, group: usize) -> &'a str {
        self.groups.get(group).map_or("", |range| &self.text[range.end..])
    }

    /// True if one of three groups in a row from `first` to before `end` is a day: `2020-03-09`, `9.3.2020`.
    pub fn has_date(&self, first: usize, end: usize) -> bool {
        (first..end.saturating_sub(2)).any(|group| {
            let value = |g: usize| self.digits(g).parse::<u16>().unwrap_or(u16::MAX);
            let year = |g: usize| self.length(g) == 4 && (1000..2200).contains(&value(g));
            let day = |a: usize, b: usize| {
                self.length(a) <= 2
                    && self.length(b) <= 2
                    && (1..=31).contains(&value(a))
                    && (1..=31).contains(&value(b))
                    && value(a).min(value(b)) <= 12
            };
            let same = self.gap(group) == self.gap(group + 1) && self.gap(group).is_some_and(|gap| gap.len() == 1);
            same && (year(group) && day(group + 1, group + 2) || day(group, group + 1) && year(group + 2))
        })
    }
}

/// True if a number may begin after `before`.
pub(super) fn begins(before: &str) -> bool {
    let mut last = before.chars().rev();
    match last.next() {
        None => true,
        Some(c) if c.is_alphanumeric() => false,
        Some('.' | ',' | ':') => !last.next().is_some_and(|c| c.is_ascii_digit()),
        // `AB-212` is the code of a product; after a space the dash is that of a list.
        Some('-' | '/') => last.next().is_none_or(char::is_whitespace),
        Some(c) => !"_#$€£%@+".contains(c),
    }
}

/// True if a number may end before `after`.
pub(super) fn ends(after: &str) -> bool {
    let mut next = after.chars();
    match next.next() {
        None => true,
        Some(c) if c.is_alphanumeric() => false,
        Some('.' | ',' | ':') => !next.next().is_some_and(|c| c.is_ascii_digit()),
        Some('-' | '/') => !next.next().is_some_and(char::is_alphanumeric),
        Some(c) => !"_%@".contains(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_chained_over_little_gaps() {
        let text = "a 1-22 (333) 4, 5  6\n7";
        let found: Vec<Vec<&str>> =
            chains(text).iter().map(|c| (0..c.groups.len()).map(|g| c.digits(g)).collect()).collect();
        assert_eq!(found, [vec!["1", "22", "333", "4"], vec!["5"], vec!["6"], vec!["7"]]);
    }

    #[test]
    fn days_are_seen_wherever_they_stand() {
        let has = |text: &str| chains(text).iter().any(|c| c.has_date(0, c.groups.len()));
        assert!(has("2020-03-09") && has("9.3.2020") && has("12/31/1999") && has("030 2020-03-09 1"));
        assert!(!has("2020-13-32") && !has("2020-03.09") && !has("0171-12-34") && !has("212-555-1234"));
    }

    #[test]
    fn numbers_begin_and_end_like_words() {
        assert!(begins("") && begins("tel:") && begins("(") && begins("\n-") && begins("Tel."));
        assert!(!begins("AB-") && !begins("3.") && !begins("$") && !begins("x") && !begins("/a/") && !begins("12:"));
        assert!(ends("") && ends(".") && ends(", and") && ends(")") && ends(" - x"));
        assert!(!ends("-A") && !ends(".5") && !ends("%") && !ends("x") && !ends(":30"));
    }
}
