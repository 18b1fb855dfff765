//! Tables whose lines are steps of time: one column a channel, and any of time, label, group, split and flag.

use std::{collections::HashMap, fs::File, io::BufReader};

use manabi_core::{
    Error, Result,
    data::{Entry, Split},
};

use super::{
    clock::epoch_unit,
    dialect::Head,
    number::{flag, is_missing, number, wide},
    roles::{Roles, roles},
    table::Table,
    time,
    writer::{Mark, Writer},
};
use crate::{
    config::SeriesConfig,
    recording::{Catalogue, Recording},
};

/// Reads the table that `entry` names and that begins with `head`. Rows whose time lies in one of `anomalies` are
/// flagged, where these are known from another file.
pub fn read(
    entry: &Entry,
    head: &Head,
    config: &SeriesConfig,
    anomalies: Option<&[(f64, f64)]>,
    catalogue: &mut Catalogue,
) -> Result<()> {
    let file = |reason: String| Error::file(&entry.path, reason);
    let roles = roles(head, config).map_err(file)?;
    for name in &roles.left_out {
        catalogue.remark(format!("column \"{name}\" holds text and is left out"));
    }
    let opened = File::open(&entry.path).map_err(|e| Error::io(&entry.path, e))?;
    let table = Table::new(BufReader::with_capacity(1 << 18, opened), head.dialect.clone()).map_err(file)?;
    let stamps = Stamps::of(head, &roles);
    let reader = Reader { entry, config, roles, stamps, anomalies, width: head.names().len(), names: head.names() };
    reader.run(table, catalogue)
}

/// How the cells of the time columns are read.
#[derive(Clone, Copy, Debug)]
struct Stamps {
    text: bool,
    unit: f64,
    seconds: bool,
}

impl Stamps {
    fn of(head: &Head, roles: &Roles) -> Self {
        let first = roles.time.first().and_then(|c| head.column(*c).find(|cell| !cell.is_empty()));
        let value = first.and_then(|cell| wide(cell.as_bytes(), head.dialect.comma));
        let unit = value.and_then(epoch_unit);
        Self { text: value.is_none(), unit: unit.unwrap_or(1.0), seconds: value.is_none() || unit.is_some() }
    }
}

struct Reader<'a> {
    entry: &'a Entry,
    config: &'a SeriesConfig,
    roles: Roles,
    stamps: Stamps,
    anomalies: Option<&'a [(f64, f64)]>,
    width: usize,
    names: Vec<String>,
}

impl Reader<'_> {
    fn run<R: std::io::BufRead>(&self, mut table: Table<R>, catalogue: &mut Catalogue) -> Result<()> {
        let file = |reason: String| Error::file(&self.entry.path, reason);
        let mut row = Vec::with_capacity(self.width);
        let mut groups: HashMap<Vec<u8>, u64> = HashMap::new();
        let mut more = table.advance().map_err(file)?;
        if !more {
            return Err(file("there is no row of values".into()));
        }
        while more {
            // Rows of one group and split are a recording.
            let key = self.key(&table);
            if let Some(first) = groups.insert(key.clone(), table.number()) {
                let text = String::from_utf8_lossy(table.cell(self.roles.group.unwrap_or(0))).into_owned();
                return Err(file(format!(
                    "line {}: group \"{text}\" stands already in line {first}, with others between; sort the table by \
                     group, and by time within it",
                    table.number()
                )));
            }
            let recording = self.recording(&table).map_err(file)?;
            let mut writer = Writer::begin(catalogue, recording, self.config.resample, self.stamps.seconds);
            while more && self.key_is(&table, &key) {
                self.values(&table, &mut row).map_err(file)?;
                let mark = self.mark(&table, writer.catalogue()).map_err(file)?;
                writer.push(&row, mark)?;
                more = table.advance().map_err(file)?;
            }
            writer.finish()?;
        }
        Ok(())
    }

    fn key<R: std::io::BufRead>(&self, table: &Table<R>) -> Vec<u8> {
        let cell = |c: Option<usize>| c.map_or(&[][..], |c| table.cell(c));
        [cell(self.roles.group), b"\0", cell(self.roles.split)].concat()
    }

    fn key_is<R: std::io::BufRead>(&self, table: &Table<R>, key: &[u8]) -> bool {
        (self.roles.group.is_none() && self.roles.split.is_none()) || self.key(table) == key
    }

    fn recording<R: std::io::BufRead>(&self, table: &Table<R>) -> std::result::Result<Recording, String> {
        let mut recording = Recording::of(self.entry, self.roles.names.clone());
        let text = |c: usize| String::from_utf8_lossy(table.cell(c)).trim().to_string();
        if let Some(group) = self.roles.group.map(text).filter(|g| !g.is_empty()) {
            recording.id = format!("{}:{group}", self.entry.id);
            recording.group = Some(group);
        }
        if let Some(word) = self.roles.split.map(text).filter(|w| !w.is_empty()) {
            let split = Split::parse(&word).ok_or_else(|| {
                format!("line {}: split \"{word}\" is not one of train, valid, test", table.number())
            })?;
            if recording.split != Some(split) {
                recording.id = format!("{}:{}", recording.id, word.to_ascii_lowercase());
            }
            recording.split = Some(split);
        }
        recording.target_column = self.roles.target.map(|_| self.roles.channels.len());
        Ok(recording)
    }

    /// The row's values: the channels, then the number to be regressed.
    fn values<R: std::io::BufRead>(&self, table: &Table<R>, row: &mut Vec<f32>) -> std::result::Result<(), String> {
        let found = table.cells();
        // A separator at the end of a line makes one empty cell more.
        if found < self.width || (found > self.width && !table.cell(self.width).is_empty()) {
            return Err(format!("line {}: {found} cells, but the table has {} columns", table.number(), self.width));
        }
        row.clear();
        for column in self.roles.channels.iter().chain(&self.roles.target) {
            let cell = table.cell(*column);
            let Some(value) = number(cell, table.dialect().comma) else {
                return Err(format!(
                    "line {}, column \"{}\": \"{}\" is not a number; mend the cell, or name the columns to read with \
                     columns",
                    table.number(),
                    self.names[*column],
                    String::from_utf8_lossy(cell)
                ));
            };
            row.push(value);
        }
        Ok(())
    }

    fn mark<R: std::io::BufRead>(
        &self,
        table: &Table<R>,
        catalogue: &mut Catalogue,
    ) -> std::result::Result<Mark, String> {
        let comma = table.dialect().comma;
        let mut mark = Mark::default();
        for column in &self.roles.time {
            let cell = table.cell(*column);
            let value = if self.stamps.text { time::parse(cell) } else { wide(cell, comma) };
            let Some(value) = value.or(is_missing(cell).then_some(f64::NAN)) else {
                return Err(format!(
                    "line {}, column \"{}\": \"{}\" is no time stamp",
                    table.number(),
                    self.names[*column],
                    String::from_utf8_lossy(cell)
                ));
            };
            mark.time = Some(mark.time.unwrap_or(0.0) + value * self.stamps.unit);
        }
        if let Some(column) = self.roles.label {
            let cell = table.cell(column);
            let text = std::str::from_utf8(cell)
                .map_err(|_| format!("line {}, column \"{}\": not UTF-8", table.number(), self.names[column]))?;
            mark.label = Some((!is_missing(cell)).then(|| catalogue.word(text)));
        }
        if let Some(column) = self.roles.flag {
            let cell = table.cell(column);
            let Some(flagged) = flag(cell, comma) else {
                return Err(format!(
                    "line {}, column \"{}\": \"{}\" is neither 0 nor 1",
                    table.number(),
                    self.names[column],
                    String::from_utf8_lossy(cell)
                ));
            };
            mark.flag = Some(flagged);
        }
        if let Some(windows) = self.anomalies {
            mark.flag = Some(mark.time.is_some_and(|t| windows.iter().any(|(from, to)| (*from..=*to).contains(&t))));
        }
        Ok(mark)
    }
}
