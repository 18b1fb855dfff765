//! Personal data that a text shows by its form: addresses and numbers that lead to one person.
//!
//! Only what can be told by form is found: names and streets are not. Each kind has a scanner of its own that looks
//! at each character a bounded number of times. Square brackets are walls: nothing is found across one. So the marks
//! that [`super::redact()`] writes are never part of a finding, and what stands next to a mark is judged as if the text
//! ended there.

mod card;
mod chain;
mod email;
mod iban;
mod ip;
mod phone;

use std::ops::Range;

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// An e-mail address.
    Email,
    /// A phone number.
    Phone,
    /// The number of a credit or debit card.
    Card,
    /// The number of a bank account.
    Iban,
    /// An IP address, version 4.
    Ip,
}

impl Kind {
    /// All kinds, in the order of reports.
    pub const ALL: [Self; 5] = [Self::Email, Self::Phone, Self::Card, Self::Iban, Self::Ip];

    /// What stands in its place once it is masked.
    pub fn mark(self) -> &'static str {
        match self {
            Self::Email => "[EMAIL]",
            Self::Phone => "[PHONE]",
            Self::Card => "[CARD]",
            Self::Iban => "[IBAN]",
            Self::Ip => "[IP]",
        }
    }

    /// Its name in a report.
    pub fn name(self) -> &'static str {
        match self {
            Self::Email => "e-mail addresses",
            Self::Phone => "phone numbers",
            Self::Card => "card numbers",
            Self::Iban => "IBANs",
            Self::Ip => "IP addresses",
        }
    }
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What it is.
    pub kind: Kind,
    /// Where it stands, in bytes.
    pub range: Range<usize>,
}

type Scanner = fn(&str) -> Vec<Range<usize>>;

/// The surest kinds come first: what they take the others no longer see.
const SCANNERS: [(Kind, Scanner); 5] = [
    (Kind::Email, email::scan),
    (Kind::Iban, iban::scan),
    (Kind::Ip, ip::scan),
    (Kind::Card, card::scan),
    (Kind::Phone, phone::scan),
];

/// What is taken away may lay its neighbour bare. More than two rounds are not known to be needed; the limit keeps the
/// time linear whatever the text.
const ROUNDS: usize = 8;

/// All personal data of `text`, in order, none over another.
pub fn find(text: &str) -> Vec<Found> {
    let mut found = Vec::new();
    let mut start = 0;
    for end in text.match_indices(['[', ']']).map(|(at, _)| at).chain([text.len()]) {
        if may_hold(&text.as_bytes()[start..end]) {
            search(text, start..end, &mut found);
        }
        start = end + 1;
    }
    found.sort_unstable_by_key(|f| f.range.start);
    found
}

/// Nothing is found without an `@` or four digits. Most texts end here.
fn may_hold(bytes: &[u8]) -> bool {
    bytes.contains(&b'@') || bytes.iter().filter(|b| b.is_ascii_digit()).nth(3).is_some()
}

/// Lets each scanner look at what is still open of `whole`, until none finds more.
fn search(text: &str, whole: Range<usize>, found: &mut Vec<Found>) {
    let mut open = vec![whole];
    for _ in 0..ROUNDS {
        let before = found.len();
        for (kind, scan) in SCANNERS {
            let mut left = Vec::with_capacity(open.len());
            for piece in open {
                let mut start = piece.start;
                for hit in scan(&text[piece.clone()]) {
                    let range = piece.start + hit.start..piece.start + hit.end;
                    left.push(start..range.start);
                    start = range.end;
                    found.push(Found { kind, range });
                }
                left.push(start..piece.end);
            }
            left.retain(|piece| !piece.is_empty());
            open = left;
        }
        if found.len() == before {
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use proptest::prelude::*;

    use super::*;

    fn kinds(text: &str) -> Vec<(Kind, &str)> {
        find(text).into_iter().map(|f| (f.kind, &text[f.range])).collect()
    }

    #[test]
    fn all_kinds_are_found_in_order() {
        let text = "Write to jo.doe@mail.example.org or call +49 30 1234567; pay 4111 1111 1111 1111 or \
                    DE89 3704 0044 0532 0130 00 from 192.168.17.4.";
        let expected = [
            (Kind::Email, "jo.doe@mail.example.org"),
            (Kind::Phone, "+49 30 1234567"),
            (Kind::Card, "4111 1111 1111 1111"),
            (Kind::Iban, "DE89 3704 0044 0532 0130 00"),
            (Kind::Ip, "192.168.17.4"),
        ];
        assert_eq!(kinds(text), expected);
    }

    #[test]
    fn everyday_numbers_are_left_alone() {
        let plain = [
            "On 2020-03-09 and 09.03.2020 at 12:30:45, 1990-1995 and 2001-2010.",
            "Between 2019-12-31 23:59 and 2020-01-01 00:00 UTC.",
            "Version 1.2.3, v10.20.30.40, release 2.0.14.3 and 1.2.3.4.5.",
            "It cost 1 234 567 890 or 1,234,567,890 or 1.234.567.890.",
            "Order 12345678901234, part AB-212-555-1234, ISBN 978-3-16-148410-0, 0-306-40615-2.",
            "Pages 100-200, 1000000-2000000; zip 12345-6789; pi is 3.14159265358979.",
            "2017 2018 2019 2020 2021, 10 20 30 40 50 60 and 01 02 03 04 05 06 07.",
            "Rev. 41 (1990) 123456-123470; $212-555-1234; 5 @ 3.50, @name, a@b, foo@bar.",
            "[1234] 2021-05-05T10:11:12.123456Z 1588672272 0x41111111",
        ];
        for text in plain {
            assert_eq!(kinds(text), [], "{text}");
        }
    }

    #[test]
    fn long_runs_take_linear_time() {
        let start = Instant::now();
        for piece in
            ["@", "a@", "a.", "1", "1-", "1 ", "+1 ", "(1) ", "a@b.c-", "1.1.1.1-", "212-555-1234-", "DE89", "[1"]
        {
            let text = piece.repeat(1 << 20 >> piece.len().ilog2());
            find(&text);
        }
        assert!(start.elapsed().as_secs() < 60, "{:?}", start.elapsed());
    }

    proptest! {
        #[test]
        fn findings_are_in_order_and_whole_characters(text in "[\\PC0-9@.+ä () -]{0,200}") {
            let mut end = 0;
            for Found { range, .. } in find(&text) {
                prop_assert!(range.start >= end && range.start < range.end);
                prop_assert!(text.get(range.clone()).is_some());
                end = range.end;
            }
        }
    }
}
