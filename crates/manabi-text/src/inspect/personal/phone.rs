//! Phone numbers: 9 to 15 digits that `+`, their groups or the word before show to be one.
//!
//! Most long numbers in texts are none, so without `+` or a word such as `tel` before it only the ways are known in
//! which numbers are commonly written: with 0 before the area, with the area in parentheses, in groups of 3-3-4 (North
//! America), 3-4-4 (China) and 3-3-3 (Spain, Poland).

use std::ops::Range;

use super::chain::{Chain, begins, chains, ends};

/// Digits of a number.
const DIGITS: std::ops::RangeInclusive<usize> = 9..=15;
/// Most groups of one.
const GROUPS: usize = 8;
/// Words that a number follows begin so.
const WORDS: [&str; 8] = ["tel", "tél", "phone", "fax", "call", "mobil", "cell", "handy"];

/// The numbers of `text`.
pub(super) fn scan(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for chain in chains(text) {
        let mut group = 0;
        while group < chain.groups.len() {
            let last = (group + GROUPS).min(chain.groups.len());
            match (group + 1..=last).rev().find_map(|end| Some((number(&chain, group, end)?, end))) {
                Some((start, end)) => {
                    found.push(start..chain.groups[end - 1].end);
                    group = end;
                }
                None => group += 1,
            }
        }
    }
    found
}

/// Where the number begins that is made of groups `first` to before `end`, if they are one.
fn number(chain: &Chain<'_>, first: usize, end: usize) -> Option<usize> {
    let digits: usize = (first..end).map(|g| chain.length(g)).sum();
    if !DIGITS.contains(&digits) || chain.has_date(first, end) || !closes(chain.after(end - 1)) {
        return None;
    }
    let whole = chain.before(first);
    // The area in parentheses: `(030) 1234567`.
    let open = whole.strip_suffix('(').filter(|_| chain.gap(first).is_some_and(|gap| gap.starts_with(')')));
    let before = open.unwrap_or(whole);
    let start = match before.strip_suffix(' ').unwrap_or(before).strip_suffix('+') {
        Some(before) => {
            let leading = chain.digits(first);
            let fits = !leading.starts_with('0') && (!leading.starts_with('1') || digits == 11);
            // Some write two of them.
            let before = before.strip_suffix('+').unwrap_or(before);
            (fits && begins(before)).then_some(before.len())?
        }
        None => {
            let number = Number { chain, first, end, enclosed: open.is_some() };
            let begins = begins(before) && end > first + 1;
            (begins && (announced(before) || number.is_usual())).then_some(before.len())?
        }
    };
    // `(+44) 20 …` begins with its parenthesis; one that opens or closes nothing belongs to something else.
    let numbered = &chain.text[start..chain.groups[end - 1].end];
    match parentheses(numbered) {
        0 => Some(start),
        -1 if chain.text[..start].ends_with('(') => Some(start - 1),
        _ => None,
    }
}

/// How many more parentheses are opened than closed; only whole pairs give 0.
fn parentheses(text: &str) -> i32 {
    let step = |depth: i32, c| match c {
        '(' => depth + if depth < 0 { 100 } else { 1 },
        ')' => depth - 1,
        _ => depth,
    };
    text.chars().fold(0, step)
}

/// True if a number may end before `after`; an extension may follow.
fn closes(after: &str) -> bool {
    let extension = after.strip_prefix('x').or_else(|| after.strip_prefix("ext"));
    ends(after) || extension.is_some_and(|e| e.trim_start_matches('.').starts_with(|c: char| c.is_ascii_digit()))
}

/// True if one of the last words before says what follows.
fn announced(before: &str) -> bool {
    let start = before.char_indices().rev().take(20).last().map_or(0, |(at, _)| at);
    let near = before[start..].rsplit('\n').next().unwrap_or("").to_lowercase();
    let mut words = near.split(|c: char| !c.is_alphabetic()).filter(|w| !w.is_empty()).rev().take(2);
    words.any(|word| WORDS.iter().any(|w| word.starts_with(w)))
}

/// Groups that may be a number.
struct Number<'a> {
    chain: &'a Chain<'a>,
    first: usize,
    end: usize,
    enclosed: bool,
}

impl Number<'_> {
    /// True if it is written as numbers are.
    fn is_usual(&self) -> bool {
        let head = self.chain.digits(self.first);
        let shape: Vec<usize> = (self.first..self.end).map(|g| self.chain.length(g)).collect();
        let later = shape.get(1..).unwrap_or_default();
        if later.iter().any(|length| *length < 2) && head != "1" {
            return false;
        }
        if self.enclosed {
            // `(1990) 123-456` is a year and pages.
            let year = head.len() == 4 && (head.starts_with("19") || head.starts_with("20"));
            return (2..=5).contains(&head.len()) && !year && shape.len() <= 5;
        }
        // A row of numbers with spaces between is a table or a list.
        if self.spaced() && self.in_a_row() {
            return false;
        }
        let dotted = self.gaps().all(|gap| gap == ".");
        match shape.as_slice() {
            pairs if pairs.iter().all(|length| *length == 2) => {
                pairs.len() == 5 && head.starts_with('0') && head != "00"
            }
            // `02139-0903` is a postal code, and may stand before a number.
            [5, 4] if self.gaps().all(|gap| gap == "-") => false,
            [5, 3, 3, 4] if self.chain.gap(self.first) == Some(" ") => false,
            _ if head.starts_with('0') => {
                let thousands = dotted && shape.iter().all(|length| *length == 3);
                (2..=6).contains(&head.len()) && !head.starts_with("000") && !thousands && shape.len() <= 6
            }
            [3, 3, 4] => self.american(self.first),
            [1, 3, 3, 4] => head == "1" && self.american(self.first + 1),
            [3, 4, 4] => !dotted && matches!(head.as_bytes(), [b'1', b'3'..=b'9', ..]),
            [3, 3, 3] if self.spaced() => {
                matches!(head.as_bytes(), [b'5'..=b'9', ..]) && self.chain.digits(self.end - 1) != "000"
            }
            [3, 3, 3] => self.gaps().all(|gap| gap == "-"),
            _ => false,
        }
    }

    fn gaps(&self) -> impl Iterator<Item = &str> {
        (self.first..self.end - 1).filter_map(|g| self.chain.gap(g))
    }

    fn spaced(&self) -> bool {
        self.gaps().all(|gap| gap == " ")
    }

    /// True if more groups stand beside it, one space away.
    fn in_a_row(&self) -> bool {
        let before = self.first > 0 && self.chain.gap(self.first - 1) == Some(" ");
        before || self.chain.gap(self.end - 1) == Some(" ")
    }

    /// In North America neither area nor exchange begins with 0 or 1.
    fn american(&self, area: usize) -> bool {
        let digit = |group: usize| self.chain.digits(group).as_bytes().first().is_some_and(|d| *d > b'1');
        digit(area) && digit(area + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        scan(text).into_iter().map(|r| &text[r]).collect()
    }

    #[test]
    fn numbers_are_found_as_people_write_them() {
        let valid = [
            "+49 30 1234567",
            "+49 (0)30 123456-78",
            "+4915112345678",
            "+1 (212) 555-1234",
            "+1-212-555-1234",
            "+(44) 20 7946 0958",
            "++49 231 1084-250",
            "+ 61 3 724 4488",
            "(+44) 203 523296",
            "(212) 555-1234",
            "(212)555-1234",
            "212-555-1234",
            "212.555.1234",
            "212/555-1234",
            "212 555 1234",
            "1-800-555-1234",
            "030/1234567",
            "0171-1234567",
            "020 7946 0958",
            "01 23 45 67 89",
            "01.23.45.67.89",
            "0049 30 123456",
            "(11) 98765-4321",
            "138-1234-5678",
            "03-1234-5678",
            "612 345 678",
            "123-456-789",
        ];
        for phone in valid {
            assert_eq!(found(&format!("at {phone}, or")), [phone]);
            assert_eq!(found(phone), [phone]);
            assert_eq!(found(&format!("({phone}).")), [phone]);
        }
        assert_eq!(found("212-555-1234x55"), ["212-555-1234"]);
        assert_eq!(found("Tel.: 12345-6789 or fax 555 123 456"), ["12345-6789", "555 123 456"]);
        assert_eq!(found("Cambridge, MA 02139-0903, 01752 508-481-3700"), ["508-481-3700"]);
        assert_eq!(found("at (301)-286-9000 (300, 1200 or 2400"), ["(301)-286-9000"]);
        assert_eq!(found("030 123456 / +49 30 123457"), ["030 123456", "+49 30 123457"]);
    }

    #[test]
    fn other_numbers_are_not() {
        let wrong = [
            "2020-03-09 12",
            "09.03.2020 1200",
            "1990-1995-2000",
            "123456789",
            "5551234",
            "555-1234",
            "1 234 567 890",
            "123 456 789",
            "600 000 000",
            "234.567.890",
            "AB-212-555-1234",
            "212-555-1234-A",
            "12345-6789",
            "978-3-16-148410-0",
            "0-306-40615-2",
            "(1990) 123456-99",
            "01 02 03 04 05 06",
            "x+123456789012",
            "+12345678",
            "+1 234 567",
            "+0123456789",
            "0.123456789",
            "012.345.678.901",
            "100.200.3000",
            "$212-555-1234",
            "112-555-1234",
            "212 555 1234 17 18",
            "20 25 30 35 40 45",
            "00 01 02 03 04",
        ];
        for text in wrong {
            assert!(found(text).is_empty(), "{text}: {:?}", found(text));
        }
    }
}
