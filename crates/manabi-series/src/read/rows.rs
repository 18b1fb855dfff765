//! Rows of any table on their way into the catalogue: a change of group or split begins another recording.
//!
//! What is special about a kind of file (text, Parquet) lies behind [`Rows`].

use std::{borrow::Cow, collections::HashMap};

use manabi_core::{
    Error, Result,
    data::{Entry, Split},
};

use super::{
    roles::Roles,
    writer::{Mark, Writer},
};
use crate::{
    config::SeriesConfig,
    recording::{Catalogue, Recording},
};

/// A table that is read row by row.
pub trait Rows {
    /// Goes to the next row; false at the end.
    fn advance(&mut self) -> std::result::Result<bool, String>;
    /// Where the row stands, as `line 12`.
    fn place(&self) -> String;
    /// An error if the row has not a cell for every column.
    fn check(&self) -> std::result::Result<(), String>;
    /// The number in a cell, `NaN` where it is missing; `None` where it is none.
    fn number(&self, column: usize) -> Option<f32>;
    /// The time in a cell, `NaN` where it is missing; `None` where it is none.
    fn time(&self, column: usize) -> Option<f64>;
    /// The flag in a cell.
    fn flag(&self, column: usize) -> Option<bool>;
    /// The text in a cell; `None` where it is missing.
    fn text(&self, column: usize) -> Option<Cow<'_, str>>;
}

/// What rows are read by.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    /// The file.
    pub entry: &'a Entry,
    /// The settings.
    pub config: &'a SeriesConfig,
    /// What each column is.
    pub roles: &'a Roles,
    /// Names of all columns.
    pub names: &'a [String],
    /// True if times are in seconds.
    pub seconds: bool,
    /// Spans of time that are anomalous, where another file says so.
    pub anomalies: Option<&'a [(f64, f64)]>,
}

impl Reader<'_> {
    /// Reads all rows.
    pub fn run(&self, rows: &mut impl Rows, catalogue: &mut Catalogue) -> Result<()> {
        let file = |reason: String| Error::file(&self.entry.path, reason);
        for name in &self.roles.left_out {
            catalogue.remark(format!("column \"{name}\" holds text and is left out"));
        }
        for name in &self.roles.reserved {
            catalogue.remark(format!(
                "column \"{name}\" is named like a label or a group and is left out; name it in `columns` to read it as a channel"
            ));
        }
        let mut row = Vec::with_capacity(self.names.len());
        let mut seen: HashMap<Key, String> = HashMap::new();
        let mut more = rows.advance().map_err(file)?;
        if !more {
            return Err(file("there is no row of values".into()));
        }
        while more {
            let key = self.key(rows);
            if let Some(first) = seen.insert(key.clone(), rows.place()) {
                return Err(file(format!(
                    "{}: group \"{}\" stands already in {first}, with others between; sort the table by group, and by \
                     time within it",
                    rows.place(),
                    key.group
                )));
            }
            let recording = self.recording(&key).map_err(|reason| file(format!("{}: {reason}", rows.place())))?;
            let mut writer = Writer::begin(catalogue, recording, self.config.resample, self.seconds);
            while more && self.same(rows, &key) {
                self.values(rows, &mut row).map_err(file)?;
                let mark = self.mark(rows, writer.catalogue()).map_err(file)?;
                writer.push(&row, mark)?;
                more = rows.advance().map_err(file)?;
            }
            writer.finish()?;
        }
        Ok(())
    }

    fn key(&self, rows: &impl Rows) -> Key {
        let text = |column: Option<usize>| {
            column.and_then(|c| rows.text(c)).map_or_else(String::new, |text| text.trim().to_string())
        };
        Key { group: text(self.roles.group), split: text(self.roles.split) }
    }

    fn same(&self, rows: &impl Rows, key: &Key) -> bool {
        let text = |column: Option<usize>, known: &str| {
            column.is_none_or(|c| rows.text(c).as_deref().map_or("", str::trim) == known)
        };
        text(self.roles.group, &key.group) && text(self.roles.split, &key.split)
    }

    fn recording(&self, key: &Key) -> std::result::Result<Recording, String> {
        let mut recording = Recording::of(self.entry, self.roles.names.clone());
        if !key.group.is_empty() {
            recording.id = format!("{}:{}", self.entry.id, key.group);
            recording.group = Some(key.group.clone());
        }
        if !key.split.is_empty() {
            let word = &key.split;
            let split = Split::parse(word).ok_or(format!("split \"{word}\" is not one of train, valid, test"))?;
            recording.id = format!("{}:{}", recording.id, word.to_ascii_lowercase());
            recording.split = Some(split);
        }
        recording.target_column = self.roles.target.map(|_| self.roles.channels.len());
        Ok(recording)
    }

    /// The row's values: the channels, then the number to be regressed.
    fn values(&self, rows: &impl Rows, row: &mut Vec<f32>) -> std::result::Result<(), String> {
        rows.check()?;
        row.clear();
        for column in self.roles.channels.iter().chain(&self.roles.target) {
            let Some(value) = rows.number(*column) else {
                return Err(self.wrong(
                    rows,
                    *column,
                    "is not a number; mend the cell, or name the columns to read with columns",
                ));
            };
            row.push(value);
        }
        Ok(())
    }

    fn wrong(&self, rows: &impl Rows, column: usize, what: &str) -> String {
        let (name, text) = (self.names.get(column).map_or("", String::as_str), rows.text(column).unwrap_or_default());
        // A cell may be a page long.
        let shown: String = text.chars().take(60).collect();
        format!("{}, column \"{name}\": \"{shown}\" {what}", rows.place())
    }

    fn mark(&self, rows: &impl Rows, catalogue: &mut Catalogue) -> std::result::Result<Mark, String> {
        let mut mark = Mark::default();
        for column in &self.roles.time {
            let value = rows.time(*column).ok_or_else(|| self.wrong(rows, *column, "is no time stamp"))?;
            mark.time = Some(mark.time.unwrap_or(0.0) + value);
        }
        if let Some(column) = self.roles.label {
            mark.label = Some(rows.text(column).map(|text| catalogue.word(&text)));
        }
        if let Some(column) = self.roles.flag {
            mark.flag = Some(rows.flag(column).ok_or_else(|| self.wrong(rows, column, "is neither 0 nor 1"))?);
        }
        if let Some(spans) = self.anomalies {
            mark.flag = Some(mark.time.is_some_and(|t| spans.iter().any(|(from, to)| (*from..=*to).contains(&t))));
        }
        Ok(mark)
    }
}

/// Rows of one group and split are one recording.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    group: String,
    split: String,
}
