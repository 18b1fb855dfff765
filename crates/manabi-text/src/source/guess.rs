//! Which columns of a table hold what, by what stands in them: for tables whose header is missing or says nothing.

use std::collections::BTreeSet;

use super::{columns::Columns, prose::is_sentence};

/// Different labels, at most, and bytes of one.
const MOST_LABELS: usize = 50;
const LONGEST_LABEL: usize = 40;

/// The columns of a table, and whether its first row is a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Guess {
    pub columns: Columns,
    pub header: bool,
}

/// What the columns of `rows` hold; `None` if none holds texts. `quotes` as in [`super::record::Dialect`].
pub(super) fn guess(rows: &[Vec<String>], quotes: bool) -> Option<Guess> {
    let width = usual_width(rows)?;
    let whole: Vec<&Vec<String>> = rows.iter().filter(|r| r.len() >= width).collect();
    let header = whole.len() > 1 && rows.first().is_some_and(|first| is_header(first, &whole[1..], width));
    let body = &whole[usize::from(header)..];
    let column = |c: usize| body.iter().map(move |r| r[c].trim());
    let texts: Vec<usize> = (0..width).filter(|c| mostly(column(*c), is_sentence)).collect();
    let first = *texts.first()?;
    let columns = match texts.as_slice() {
        // Genre, file, year, number, score, text, text: the score stands before the first text.
        [one, two] if *two == one + 1 && first > 0 && is_score(column(first - 1)) => {
            Columns { texts: vec![*one], second: Some(*two), score: Some(first - 1), ..Columns::default() }
        }
        _ => {
            let label = (0..width).find(|c| !texts.contains(c) && is_label(column(*c)));
            let backslash = quotes && !header && label.is_some();
            Columns { texts, label, backslash, ..Columns::default() }
        }
    };
    Some(Guess { columns, header })
}

/// The width that most rows have.
fn usual_width(rows: &[Vec<String>]) -> Option<usize> {
    let mut widths: Vec<usize> = rows.iter().map(Vec::len).collect();
    widths.sort_unstable();
    widths.get(widths.len() / 2).copied().filter(|w| *w > 0)
}

fn mostly<'a>(cells: impl Iterator<Item = &'a str>, is: impl Fn(&str) -> bool) -> bool {
    let filled: Vec<&str> = cells.filter(|c| !c.is_empty()).collect();
    !filled.is_empty() && 2 * filled.iter().filter(|c| is(c)).count() > filled.len()
}

/// A header is made of short words, none a sentence or a number, and none stands below itself.
fn is_header(first: &[String], body: &[&Vec<String>], width: usize) -> bool {
    let word = |cell: &str| {
        let short = !cell.is_empty() && cell.len() <= LONGEST_LABEL && !is_sentence(cell);
        short && cell.parse::<f64>().is_err() && cell.split_whitespace().count() <= 3
    };
    let fresh = |(at, cell): (usize, &String)| body.iter().all(|row| row[at].trim() != cell.trim());
    let below = (0..width).any(|c| mostly(body.iter().map(|r| r[c].trim()), is_sentence));
    below && first.len() == width && first.iter().all(|c| word(c.trim())) && first.iter().enumerate().all(fresh)
}

/// Scores are numbers, some of them with decimals; pairs without one have an empty cell.
fn is_score<'a>(cells: impl Iterator<Item = &'a str>) -> bool {
    let filled: Vec<&str> = cells.filter(|c| !c.is_empty()).collect();
    let decimals = filled.iter().any(|c| c.contains('.'));
    decimals && filled.iter().all(|c| c.parse::<f64>().is_ok_and(f64::is_finite))
}

/// Labels are few short words that repeat.
fn is_label<'a>(cells: impl Iterator<Item = &'a str>) -> bool {
    let cells: Vec<&str> = cells.collect();
    let different: BTreeSet<&str> = cells.iter().copied().collect();
    let short = different.iter().all(|cell| !cell.is_empty() && cell.len() <= LONGEST_LABEL);
    short && different.len() <= MOST_LABELS && (2 * different.len() <= cells.len() || cells.len() < 4)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows(texts: &[&[&str]]) -> Vec<Vec<String>> {
        texts.iter().map(|r| r.iter().map(|c| (*c).to_string()).collect()).collect()
    }

    #[test]
    fn news_have_a_label_before_their_texts() {
        let news = rows(&[
            &["3", "Oil prices rise", "The price of oil rose today."],
            &["1", "Talks begin in town", "Both sides met for talks."],
            &["3", "Shares of banks fall", "Shares fell by a tenth."],
            &["1", "A vote is held again", "People voted on Sunday."],
        ]);
        let found = guess(&news, true).unwrap();
        let columns = Columns { texts: vec![1, 2], label: Some(0), backslash: true, ..Columns::default() };
        assert_eq!(found, Guess { columns, header: false });
    }

    #[test]
    fn pairs_have_a_score_before_their_texts() {
        let pairs = rows(&[
            &["news", "x", "2012", "1", "4.5", "A man plays a guitar", "Somebody plays a guitar"],
            &["news", "x", "2012", "2", "5", "A cat sleeps there", "The market fell today", "source", "other source"],
            &["news", "x", "2012", "3", "", "A dog sleeps here", "The market rose today"],
        ]);
        let found = guess(&pairs, false).unwrap().columns;
        assert_eq!((found.texts, found.second, found.score, found.label), (vec![5], Some(6), Some(4), None));
    }

    #[test]
    fn a_header_with_other_words_is_known_for_one() {
        let table = rows(&[
            &["verdict", "sms"],
            &["spam", "Win a prize now"],
            &["ham", "See you at home"],
            &["ham", "On my way"],
        ]);
        let found = guess(&table, true).unwrap();
        assert!(found.header);
        assert_eq!((found.columns.texts, found.columns.label), (vec![1], Some(0)));
        assert_eq!(guess(&rows(&[&["1", "2.5"], &["3", "4.5"]]), true), None);
        assert_eq!(guess(&[], true), None);
    }

    proptest! {
        #[test]
        fn no_rows_make_it_panic(
            rows in proptest::collection::vec(proptest::collection::vec("[a-c.1 ]{0,9}", 0..5), 0..8),
        ) {
            if let Some(found) = guess(&rows, true) {
                prop_assert!(!found.columns.texts.is_empty());
            }
        }
    }
}
