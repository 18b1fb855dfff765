//! A dataset of texts, read from the store when they are asked for.

use std::{collections::HashMap, sync::Arc};

use manabi_core::{
    Error, Result,
    data::{ALIKE, Entry, Listing, Record, Skipped, Source, Split},
};

use super::{
    corpus::{Corpus, Place},
    store::Texts,
};
use crate::{
    config::TextConfig,
    sample::{Sample, Text},
};

/// Bytes of texts in memory where nothing else is asked for.
const MEMORY: u64 = 4 << 30;

/// A dataset of texts.
#[derive(Debug)]
pub struct TextSource {
    records: Vec<Record>,
    classes: Vec<String>,
    skipped: Vec<Skipped>,
    notes: Vec<String>,
    places: Vec<Place>,
    texts: Texts,
}

impl TextSource {
    /// The rows of `listing`, whose texts lie at `places`.
    pub(super) fn new(listing: Listing, places: Vec<Place>, texts: Texts) -> Self {
        let (records, classes) = listing.records();
        let Listing { skipped, notes, .. } = listing;
        Self { records, classes, skipped, notes, places, texts }
    }

    /// The texts of `rows` as they are.
    ///
    /// # Errors
    /// If there is none, or the temporary file for very many of them cannot be written.
    pub fn of_rows(rows: impl IntoIterator<Item = (Entry, Text)>, notes: Vec<String>) -> Result<Self> {
        let mut corpus = Corpus::new(&TextConfig::default(), MEMORY);
        for (entry, text) in rows {
            corpus.push_raw(entry, &text)?;
        }
        if corpus.len() == 0 {
            return Err(Error::data("there is no text"));
        }
        notes.into_iter().for_each(|note| corpus.note(note));
        corpus.finish()
    }

    /// What was remarked.
    pub(super) fn into_notes(self) -> Vec<String> {
        self.notes
    }

    /// Forgets the official split where all rows are its test part, as of a dataset of which only that is there.
    pub(super) fn split_anew(&mut self) {
        if !self.records.iter().all(|r| r.split == Some(Split::Test)) {
            return;
        }
        self.records.iter_mut().for_each(|r| r.split = None);
        self.notes.push("all rows are of the test part, so that a split of them is drawn instead".into());
    }

    /// Gives equal texts a common group, where they have none of their own and no official split holds them.
    ///
    /// # Errors
    /// If the temporary file cannot be read.
    pub(super) fn group_equal(&mut self) -> Result<()> {
        let mut first: HashMap<u64, usize> = HashMap::new();
        let (mut together, mut groups) = (0, 0);
        for row in 0..self.places.len() {
            if self.records.get(row).is_none_or(|r| r.group.is_some() || r.split.is_some()) {
                continue;
            }
            let one = *first.entry(self.places[row].hash).or_insert(row);
            if one == row || self.text(one)? != self.text(row)? {
                continue;
            }
            let name = format!("{ALIKE}{}", self.records[one].id);
            if self.records[one].group.is_none() {
                (together, groups) = (together + 1, groups + 1);
                self.records[one].group = Some(name.clone());
            }
            together += 1;
            self.records[row].group = Some(name);
        }
        if groups > 0 {
            self.notes.push(format!(
                "{together} rows have the text of another one ({groups} different texts): equal ones never stand in two splits"
            ));
        }
        Ok(())
    }

    fn text(&self, row: usize) -> Result<Text> {
        let missing = || Error::data(format!("there is no row {row}; there are {}", self.places.len()));
        let Place { start, lengths: (first, second), .. } = *self.places.get(row).ok_or_else(missing)?;
        let text = self.texts.read(start, first as usize)?;
        let second = second.map(|length| self.texts.read(start + u64::from(first), length as usize)).transpose()?;
        Ok(Text { text, second })
    }
}

impl Source<Sample> for TextSource {
    fn records(&self) -> &[Record] {
        &self.records
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn load(&self, index: usize) -> Result<Arc<Sample>> {
        Ok(Arc::new(Sample::Text(self.text(index)?)))
    }

    fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    fn notes(&self) -> &[String] {
        &self.notes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str, text: &str, second: Option<&str>) -> (Entry, Text) {
        (Entry::new(id, id), Text { text: text.into(), second: second.map(str::to_string) })
    }

    #[test]
    fn rows_come_back_as_they_were_given() {
        let rows = [row("a", "one text", None), row("b", "left", Some("right"))];
        let source = TextSource::of_rows(rows.clone(), vec!["made".into()]).unwrap();
        for (at, (entry, text)) in rows.iter().enumerate() {
            assert_eq!(source.load(at).unwrap().text().unwrap(), text);
            assert_eq!(source.records()[at].id, entry.id);
        }
        assert_eq!(source.notes(), ["made"]);
        assert!(source.load(2).is_err() && TextSource::of_rows([], Vec::new()).is_err());
    }

    #[test]
    fn equal_texts_have_a_common_group_unless_a_split_or_a_group_holds_them() {
        let mut rows = vec![row("a", "same", None), row("b", "other", None), row("c", "same", None)];
        rows.extend([row("d", "same", None), row("e", "same", None), row("f", "same", Some("pair"))]);
        rows[3].0.split = Some(Split::Train);
        rows[4].0.group = Some("own".into());
        let mut source = TextSource::of_rows(rows, Vec::new()).unwrap();
        source.group_equal().unwrap();
        let groups: Vec<Option<&str>> = source.records().iter().map(|r| r.group.as_deref()).collect();
        assert_eq!(groups, [Some("like a"), None, Some("like a"), None, Some("own"), None]);
        assert!(source.notes()[0].starts_with("2 rows have the text of another one (1 different texts)"));
    }

    #[test]
    fn a_test_part_alone_is_split_anew() {
        let mut rows = vec![row("a", "one", None), row("b", "two", None)];
        rows.iter_mut().for_each(|r| r.0.split = Some(Split::Test));
        let mut source = TextSource::of_rows(rows.clone(), Vec::new()).unwrap();
        source.split_anew();
        assert!(source.records().iter().all(|r| r.split.is_none()) && source.notes()[0].contains("test part"));
        rows[0].0.split = Some(Split::Train);
        let mut source = TextSource::of_rows(rows, Vec::new()).unwrap();
        source.split_anew();
        assert!(source.records().iter().all(|r| r.split.is_some()) && source.notes().is_empty());
    }
}
