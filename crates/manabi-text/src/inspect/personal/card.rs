//! Numbers of credit and debit cards: what the network begins them with, and Luhn's check digit.

use std::ops::Range;

use super::chain::{Chain, begins, chains, ends};

/// How cards print their digits.
const SHAPES: [&[usize]; 6] = [&[4, 4, 4, 4, 3], &[4, 4, 4, 4], &[4, 6, 5], &[4, 6, 4], &[4, 4, 5], &[4, 3, 3, 3]];

/// The numbers of `text`.
pub(super) fn scan(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for chain in chains(text) {
        let mut group = 0;
        while group < chain.groups.len() {
            let taken = card(&chain, group);
            if taken > 0 {
                found.push(chain.groups[group].start..chain.groups[group + taken - 1].end);
            }
            group += taken.max(1);
        }
    }
    found
}

/// Groups of the card that begins with group `first`; 0 if none does.
fn card(chain: &Chain<'_>, first: usize) -> usize {
    if !begins(chain.before(first)) {
        return 0;
    }
    let valid = |groups: usize| {
        let digits: String = (first..first + groups).map(|g| chain.digits(g)).collect();
        ends(chain.after(first + groups - 1)) && known(&digits) && luhn(&digits)
    };
    if (13..=19).contains(&chain.length(first)) {
        return usize::from(valid(1));
    }
    let shaped = |shape: &&&[usize]| {
        let gap = chain.gap(first);
        let same = (1..shape.len()).all(|g| chain.gap(first + g - 1) == gap);
        let lengths = (0..).zip(**shape).all(|(g, length): (usize, &usize)| chain.length(first + g) == *length);
        // A row of many numbers of four digits is a table.
        let last = first + shape.len() - 1;
        let goes_on = chain.gap(last) == gap && chain.length(last + 1) == 4;
        let went_on = first > 0 && chain.gap(first - 1) == gap && chain.length(first - 1) == 4;
        matches!(gap, Some(" " | "-")) && same && lengths && !goes_on && !went_on && valid(shape.len())
    };
    SHAPES.iter().find(shaped).map_or(0, |shape| shape.len())
}

/// True if a network gives out numbers of this length that begin so.
fn known(digits: &str) -> bool {
    let head = |n: usize| digits.get(..n).and_then(|d| d.parse::<u32>().ok()).unwrap_or(0);
    match digits.len() {
        15 => matches!(head(2), 34 | 37),
        14 => matches!(head(3), 300..=305 | 309) || matches!(head(2), 36 | 38 | 39),
        13 => head(1) == 4,
        16 if matches!(head(2), 51..=55) || matches!(head(4), 2221..=2720) => true,
        16..=19 => {
            head(1) == 4 && digits.len() != 17
                || head(4) == 6011
                || matches!(head(2), 62 | 65)
                || matches!(head(3), 644..=649)
                || matches!(head(4), 3528..=3589 | 5018 | 5020 | 5038 | 5893 | 6304 | 6759 | 6761..=6763)
        }
        _ => false,
    }
}

/// Luhn's check: every second digit from the right counts twice, its own digits summed.
fn luhn(digits: &str) -> bool {
    let sum: u32 = (0u32..)
        .zip(digits.bytes().rev())
        .map(|(place, byte)| {
            let digit = u32::from(byte.wrapping_sub(b'0'));
            match (place % 2, digit) {
                (0, d) => d,
                (_, d) if d > 4 => 2 * d - 9,
                (_, d) => 2 * d,
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<&str> {
        scan(text).into_iter().map(|r| &text[r]).collect()
    }

    // The networks' published numbers for tests.
    #[test]
    fn valid_numbers_are_found() {
        let valid = [
            "4111111111111111",
            "4111 1111 1111 1111",
            "5555-5555-5555-4444",
            "2223003122003222",
            "378282246310005",
            "3782 822463 10005",
            "6011 1111 1111 1117",
            "3056 930902 5904",
            "4222222222222",
            "3530111333300000",
        ];
        for card in valid {
            assert_eq!(found(&format!("card: {card}, 12/27")), [card]);
            assert_eq!(found(&format!("({card}).")), [card]);
        }
    }

    #[test]
    fn other_long_numbers_are_not() {
        let wrong = [
            "4111111111111112",
            "1234567812345670",
            "0.4111111111111111",
            "41111111111111111111",
            "4111 1111 11111111",
            "4111-1111 1111-1111",
            "4111.1111.1111.1111",
            "4111 1111 1111 1111 1111 1111",
            "A4111111111111111",
            "4111111111111111-B",
            "X-4111111111111111",
        ];
        for text in wrong {
            assert!(found(text).is_empty(), "{text}");
        }
    }
}
