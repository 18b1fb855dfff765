//! Texts whose lines are steps of time: one column a channel, and any of time, label, group, split and flag.

use std::{
    borrow::Cow,
    fs::File,
    io::{BufRead, BufReader},
};

use manabi_core::{Error, Result, data::Entry};

use super::{
    clock::{epoch_unit, named_unit},
    dialect::Head,
    long,
    number::{flag, is_missing, number, wide},
    roles::{Roles, roles},
    rows::{Reader, Rows},
    table::Table,
    time,
};
use crate::{config::SeriesConfig, recording::Catalogue};

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
    let opened = File::open(&entry.path).map_err(|e| Error::io(&entry.path, e))?;
    let table = Table::new(BufReader::with_capacity(1 << 18, opened), head.dialect.clone()).map_err(file)?;
    let names = head.names();
    if let Some(columns) = long::columns(head, config).map_err(file)? {
        let stamps = Stamps::of(head, columns.time);
        let mut lines = Lines { table, stamps, width: names.len() };
        return long::read(entry, columns, &mut lines, stamps.seconds, config, catalogue);
    }
    let roles = roles(head, config).map_err(file)?;
    let stamps = Stamps::of(head, first_time(&roles));
    let mut lines = Lines { table, stamps, width: names.len() };
    let reader = Reader { entry, config, roles: &roles, names: &names, seconds: stamps.seconds, anomalies };
    reader.run(&mut lines, catalogue)
}

fn first_time(roles: &Roles) -> Option<usize> {
    roles.time.first().copied()
}

/// How the cells of the time columns are read.
#[derive(Clone, Copy, Debug)]
struct Stamps {
    text: bool,
    unit: f64,
    seconds: bool,
}

impl Stamps {
    fn of(head: &Head, column: Option<usize>) -> Self {
        let first = column.and_then(|c| head.column(c).find(|cell| !cell.is_empty()));
        let value = first.and_then(|cell| wide(cell.as_bytes(), head.dialect.comma));
        let name = column.and_then(|c| head.names().get(c).and_then(|name| named_unit(name)));
        let unit = value.and_then(|first| name.or_else(|| epoch_unit(first)));
        Self { text: value.is_none(), unit: unit.unwrap_or(1.0), seconds: value.is_none() || unit.is_some() }
    }
}

/// The lines of a text.
struct Lines<R> {
    table: Table<R>,
    stamps: Stamps,
    width: usize,
}

impl<R: BufRead> Rows for Lines<R> {
    fn advance(&mut self) -> std::result::Result<bool, String> {
        self.table.advance()
    }

    fn place(&self) -> String {
        format!("line {}", self.table.number())
    }

    fn check(&self) -> std::result::Result<(), String> {
        let found = self.table.cells();
        // A separator at the end of a line makes one empty cell more.
        if found < self.width || (found > self.width && !self.table.cell(self.width).is_empty()) {
            return Err(format!("{}: {found} cells, but the table has {} columns", self.place(), self.width));
        }
        Ok(())
    }

    fn number(&self, column: usize) -> Option<f32> {
        number(self.table.cell(column), self.table.dialect().comma)
    }

    fn time(&self, column: usize) -> Option<f64> {
        let cell = self.table.cell(column);
        if is_missing(cell) {
            return Some(f64::NAN);
        }
        let value = if self.stamps.text { time::parse(cell) } else { wide(cell, self.table.dialect().comma) };
        value.map(|v| v * self.stamps.unit)
    }

    fn flag(&self, column: usize) -> Option<bool> {
        flag(self.table.cell(column), self.table.dialect().comma)
    }

    fn text(&self, column: usize) -> Option<Cow<'_, str>> {
        let cell = self.table.cell(column);
        (!is_missing(cell)).then(|| String::from_utf8_lossy(cell))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{super::dialect, *};
    use crate::read;

    fn read_text(text: &[u8]) -> Result<Catalogue> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f.csv");
        std::fs::write(&path, text).unwrap();
        let mut catalogue = Catalogue::new(1 << 20);
        read::read(&Entry::new("f.csv", &path), &SeriesConfig::default(), None, &mut catalogue).map(|()| catalogue)
    }

    fn values(catalogue: &Catalogue) -> Vec<f32> {
        let mut values = vec![0.0; catalogue.store.len() as usize];
        catalogue.store.read(0, &mut values).unwrap();
        values
    }

    #[test]
    fn groups_and_splits_become_recordings_and_labels_runs() {
        let text = b"t,x,label,group,split\n1,0.5,a,m1,train\n2,1.5,b,m1,train\n1,2.5,a,m2,test\n";
        let catalogue = read_text(text).unwrap();
        let found: Vec<_> = catalogue.recordings.iter().map(|r| (r.id.as_str(), r.rows, r.label.as_deref())).collect();
        assert_eq!(found, [("f.csv:m1:train", 2, None), ("f.csv:m2:test", 1, Some("a"))]);
        assert_eq!((values(&catalogue), catalogue.recordings[0].runs.len()), (vec![0.5, 1.5, 2.5], 2));
    }

    #[test]
    fn mistakes_name_file_line_and_column() {
        let message = |text: &str| read_text(text.as_bytes()).unwrap_err().to_string();
        let found = message("a;b\n1,5;2\n1;x\n");
        assert!(
            found.contains("f.csv: no column holds") || found.contains("line 3, column \"b\": \"x\" is not a number"),
            "{found}"
        );
        let rows: String = (0..100).map(|i| format!("{i},2\n")).collect();
        let found = message(&format!("a,b\n{rows}7,x\n"));
        assert!(found.contains("f.csv: line 102, column \"b\": \"x\" is not a number; mend"), "{found}");
        assert!(message(&format!("a,b\n{rows}7\n")).contains("line 102: 1 cells, but the table has 2 columns"));
        assert!(message("a,b\n").contains("there is no row") || message("a,b\n").contains("no column"));
        let broken = "x,group\n1,a\n2,b\n3,a\n";
        assert!(message(broken).contains("line 4: group \"a\" stands already in line 2"), "{}", message(broken));
        assert!(message("x,split\n1,holdout\n").contains("split \"holdout\""));
    }

    #[test]
    fn a_text_column_is_left_out_with_a_remark() {
        let catalogue = read_text(b"x,comment\n1,fine\n2,good\n").unwrap();
        assert_eq!(values(&catalogue), [1.0, 2.0]);
        assert!(catalogue.remarks.contains_key("column \"comment\" holds text and is left out"));
    }

    #[test]
    fn many_rows_and_a_low_limit_keep_memory_flat() {
        let text: String = (0..200_000).map(|i| format!("{i},{},{}\n", i % 97, i % 13)).collect();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f.csv");
        std::fs::write(&path, text).unwrap();
        let mut catalogue = Catalogue::new(64 << 10);
        let (entry, head) = (Entry::new("f", &path), dialect::head_of(&path).unwrap());
        super::read(&entry, &head, &SeriesConfig::default(), None, &mut catalogue).unwrap();
        assert!(catalogue.store.allocated() <= (64 << 10) + (64 << 10));
        assert_eq!((catalogue.recordings[0].rows, catalogue.store.len()), (200_000, 400_000));
        let mut row = [0.0; 2];
        catalogue.store.read(2 * 123_456, &mut row).unwrap();
        assert_eq!(row, [(123_456 % 97) as f32, (123_456 % 13) as f32]);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read_text(&bytes);
        }

        #[test]
        fn what_is_written_is_read_back(
            rows in proptest::collection::vec(proptest::array::uniform3(-1e6f32..1e6), 1..300), semicolon: bool,
        ) {
            let glue = if semicolon { ";" } else { "," };
            let sign = if semicolon { "," } else { "." };
            let line = |row: &[f32; 3]| row.map(|v| v.to_string().replace('.', sign)).join(glue) + "\n";
            let head = format!("a{glue}b{glue}c\n");
            let text: String = std::iter::once(head).chain(rows.iter().map(line)).collect();
            let catalogue = read_text(text.as_bytes()).unwrap();
            // A first column that happens to rise evenly is time: then it is no channel.
            prop_assume!(catalogue.recordings[0].channels.len() == 3);
            prop_assert_eq!(values(&catalogue), rows.concat());
        }
    }
}
