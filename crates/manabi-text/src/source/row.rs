//! A row of a table, from its cells into the corpus.

use manabi_core::{Error, Result, data::Split};

use super::{
    columns::Columns,
    corpus::{Corpus, Left},
    names::NamedFile,
};

/// Appends the row of `columns` whose cells `cell` gives.
///
/// # Errors
/// If a score is no number, or a split none of the three; the message names `place`, such as `line 7`.
pub(super) fn push<'a>(
    file: &NamedFile,
    columns: &Columns,
    (number, unit): (u64, &str),
    cell: impl Fn(usize) -> Option<&'a str>,
    corpus: &mut Corpus,
) -> Result<()> {
    let fail = |reason: String| Error::file(&file.path, format!("{unit} {number}: {reason}"));
    let filled = |column: Option<usize>| column.and_then(&cell).map(str::trim).filter(|c| !c.is_empty());
    let target = match filled(columns.score) {
        None if columns.score.is_some() && columns.second.is_some() => {
            corpus.leave(Left::Unscored);
            return Ok(());
        }
        None => None,
        Some(score) => {
            let number = score.parse().ok().filter(|n: &f64| n.is_finite());
            Some(number.ok_or_else(|| fail(format!("\"{score}\" is no score; a number is needed")))?)
        }
    };
    let split = match filled(columns.split) {
        None => file.split,
        Some(word) => {
            let unknown = || fail(format!("split \"{word}\" is not one of train, valid, test"));
            Some(Split::parse(word).ok_or_else(unknown)?)
        }
    };
    let texts: Vec<&str> = columns.texts.iter().filter_map(|c| filled(Some(*c))).collect();
    let mut text = texts.join(" ");
    if columns.backslash {
        text = text.replace('\\', " ");
    }
    let second = columns.second.map(|c| cell(c).unwrap_or_default());
    let mut entry = file.entry(format!("{}:{number}", file.id));
    let own = filled(columns.label).map(str::to_string);
    if own.is_some() || target.is_some() {
        // What the file says of rows that say nothing of themselves.
        (entry.label, entry.group) = (None, None);
    }
    (entry.split, entry.target) = (split, target);
    entry.label = own.or(entry.label);
    entry.group = filled(columns.group).map(str::to_string).or(entry.group);
    if !corpus.push(entry, &text, second)? {
        corpus.leave(Left::Row);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use manabi_core::data::Entry;

    use super::*;
    use crate::config::TextConfig;

    fn pushed(columns: &Columns, cells: &[&str]) -> Result<Vec<Entry>> {
        let file = NamedFile { label: Some("of the file".into()), group: Some("f".into()), ..NamedFile::new("f", "f") };
        let mut corpus = Corpus::new(&TextConfig::default(), 1 << 20);
        push(&file, columns, (7, "line"), |c| cells.get(c).copied(), &mut corpus)?;
        Ok(corpus.listing.entries)
    }

    #[test]
    fn what_a_row_says_of_itself_comes_first() {
        let columns =
            Columns { texts: vec![0, 1], label: Some(2), split: Some(3), backslash: true, ..Columns::default() };
        let row = &pushed(&columns, &["a", "b\\c", "x", "dev"]).unwrap()[0];
        assert_eq!((row.id.as_str(), row.label.as_deref(), row.group.as_deref()), ("f:7", Some("x"), None));
        assert_eq!(row.split, Some(Split::Valid));
        let row = &pushed(&columns, &["a", "b", " ", ""]).unwrap()[0];
        assert_eq!((row.label.as_deref(), row.group.as_deref(), row.split), (Some("of the file"), Some("f"), None));
        let message = pushed(&columns, &["a", "b", "", "holdout"]).unwrap_err().to_string();
        assert_eq!(message, "f: line 7: split \"holdout\" is not one of train, valid, test");
    }

    #[test]
    fn pairs_without_a_score_are_left_out_and_single_texts_are_not() {
        let pair = Columns { texts: vec![1], second: Some(2), score: Some(0), ..Columns::default() };
        assert_eq!(pushed(&pair, &["4.5", "a", "b"]).unwrap()[0].target, Some(4.5));
        assert!(pushed(&pair, &["", "a", "b"]).unwrap().is_empty());
        assert!(pushed(&pair, &["x", "a", "b"]).unwrap_err().to_string().contains("\"x\" is no score"));
        let single = Columns { texts: vec![1], score: Some(0), ..Columns::default() };
        assert_eq!(pushed(&single, &["", "a"]).unwrap().len(), 1);
        assert!(pushed(&single, &["", " "]).unwrap().is_empty());
    }
}
