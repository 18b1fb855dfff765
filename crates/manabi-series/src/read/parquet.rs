//! Parquet tables: flat columns of numbers, texts and time stamps, read in blocks without Arrow.
//!
//! Packed with Snappy, LZ4 or gzip or not at all; Zstandard and Brotli are not built in. Lists, structs and what is
//! written as bytes of fixed length (UUIDs, decimals of more than 18 digits) are left out, which a remark says.

use std::{borrow::Cow, fs::File};

use manabi_core::{Error, Result, data::Entry};
use parquet::{
    basic::{ConvertedType, LogicalType, TimeUnit, Type},
    column::reader::ColumnReader,
    file::reader::{FileReader, SerializedFileReader},
    schema::types::ColumnDescPtr,
};

use super::{
    clock::{epoch_unit, named_unit},
    dialect::{Dialect, Head, Separator},
    long, number,
    roles::roles,
    rows::{Reader, Rows},
    time,
};
use crate::{config::SeriesConfig, recording::Catalogue};

mod column;

use column::{Column, column};

/// Rows that are held at once.
const BLOCK: usize = 4096;
/// Rows that tell what the columns are.
const HEAD: usize = 64;
/// What stands in a head for a time stamp, so that its column is known as one.
const STAMP: &str = "1970-01-01 00:00:00";

/// Runs what works with the parquet crate, which asserts some of what a damaged file says of itself; that ends as an
/// error and not as a panic.
fn guarded<T>(run: impl FnOnce() -> T) -> std::result::Result<T, String> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).map_err(|_| broken("it contradicts itself"))
}

/// Reads the table that `entry` names.
pub fn read(entry: &Entry, config: &SeriesConfig, catalogue: &mut Catalogue) -> Result<()> {
    // The caller forgets what was pushed before an error, so that no half-written state stays.
    guarded(|| read_rows(entry, config, catalogue)).map_err(|reason| Error::file(&entry.path, reason))?
}

fn read_rows(entry: &Entry, config: &SeriesConfig, catalogue: &mut Catalogue) -> Result<()> {
    let file = |reason: String| Error::file(&entry.path, reason);
    let opened = File::open(&entry.path).map_err(|e| Error::io(&entry.path, e))?;
    let mut table = Blocks::open(opened).map_err(file)?;
    for name in &table.left_out {
        catalogue.remark(format!("column \"{name}\" holds lists, records or bytes of fixed length and is left out"));
    }
    let head = table.head().map_err(file)?;
    let names = head.names();
    if let Some(columns) = long::columns(&head, config).map_err(file)? {
        let seconds = columns.time.is_some_and(|c| table.learn_unit(c));
        return long::read(entry, columns, &mut table, seconds, config, catalogue);
    }
    let roles = roles(&head, config).map_err(file)?;
    let seconds = roles.time.first().is_some_and(|c| table.learn_unit(*c));
    let reader = Reader { entry, config, roles: &roles, names: &names, seconds, anomalies: None };
    reader.run(&mut table, catalogue)
}

/// The head of the table at `path`, to know what it is.
pub fn head_of(path: &std::path::Path) -> std::result::Result<Head, String> {
    guarded(|| Blocks::open(File::open(path).map_err(|e| e.to_string())?)?.head())?
}

/// What the numbers of a column count.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Plain,
    /// Whole numbers without a sign, which Parquet keeps as ones with a sign.
    Unsigned,
    /// Decimals: whole numbers times so much.
    Decimal(f64),
    /// Time: one is so many seconds.
    Time(f64),
}

struct Blocks {
    file: SerializedFileReader<File>,
    /// Number, name and kind of the flat columns.
    leaves: Vec<(usize, String, Kind)>,
    /// Names of the columns that are not read.
    left_out: Vec<String>,
    /// The next row group.
    group: usize,
    readers: Vec<ColumnReader>,
    /// Rows of the group that are still to be read.
    left: usize,
    block: Vec<Column>,
    /// The row within the block, from 1; 0 before the first.
    at: usize,
    length: usize,
    /// Number of the row in the file, from 1.
    row: u64,
}

fn broken(error: impl std::fmt::Display) -> String {
    format!("cannot be read as Parquet: {error}")
}

impl Blocks {
    fn open(file: File) -> std::result::Result<Self, String> {
        let length = i64::try_from(file.metadata().map_err(broken)?.len()).map_err(broken)?;
        let file = SerializedFileReader::new(file).map_err(broken)?;
        for column in file.metadata().row_groups().iter().flat_map(|group| group.columns()) {
            let start = column.dictionary_page_offset().unwrap_or(column.data_page_offset());
            let end = start.checked_add(column.compressed_size());
            if start < 0 || column.compressed_size() < 0 || end.is_none_or(|end| end > length) {
                return Err(broken("a column lies outside of the file"));
            }
        }
        let schema = file.metadata().file_metadata().schema_descr();
        let flat = |c: &ColumnDescPtr| c.max_rep_level() == 0 && c.max_def_level() <= 1 && c.path().parts().len() == 1;
        let (mut leaves, mut left_out) = (Vec::new(), Vec::new());
        for (number, column) in (0..schema.num_columns()).map(|number| (number, schema.column(number))) {
            match kind(&column) {
                Some(kind) if flat(&column) => leaves.push((number, column.name().to_string(), kind)),
                _ => left_out.push(column.path().string()),
            }
        }
        if leaves.is_empty() {
            return Err("no flat column of numbers or texts".into());
        }
        Ok(Self {
            file,
            leaves,
            left_out,
            group: 0,
            readers: Vec::new(),
            left: 0,
            block: Vec::new(),
            at: 0,
            length: 0,
            row: 0,
        })
    }

    /// The names of the columns and the first rows as text. The first block stays to be read.
    fn head(&mut self) -> std::result::Result<Head, String> {
        self.load()?;
        let cell = |column: &Column, kind: Kind, row: usize| match column {
            Column::Numbers(values) => match values.get(row) {
                Some(v) if v.is_nan() => String::new(),
                Some(_) if matches!(kind, Kind::Time(_)) => STAMP.to_string(),
                Some(v) => v.to_string(),
                None => String::new(),
            },
            Column::Texts(texts) => texts.get(row).cloned().flatten().unwrap_or_default(),
        };
        let rows = (0..self.length.min(HEAD))
            .map(|row| self.block.iter().zip(&self.leaves).map(|(c, leaf)| cell(c, leaf.2, row)).collect())
            .collect();
        let header = Some(self.leaves.iter().map(|l| l.1.clone()).collect());
        Ok(Head { dialect: Dialect { separator: Separator::Byte(b','), header, comma: false }, rows })
    }

    /// Learns what the numbers of a time column count, if its type does not say so; true if they are seconds.
    fn learn_unit(&mut self, column: usize) -> bool {
        let first = match self.block.get(column) {
            Some(Column::Numbers(values)) => values.iter().copied().find(|v| !v.is_nan()),
            _ => return true,
        };
        match self.leaves.get_mut(column) {
            Some((_, _, Kind::Time(_))) => true,
            Some((_, name, kind @ Kind::Plain)) => match named_unit(name).or_else(|| first.and_then(epoch_unit)) {
                Some(unit) => {
                    *kind = Kind::Time(unit);
                    true
                }
                None => false,
            },
            _ => false,
        }
    }

    /// Reads the next block; false at the end.
    fn load(&mut self) -> std::result::Result<bool, String> {
        while self.left == 0 {
            if self.group >= self.file.num_row_groups() {
                self.length = 0;
                return Ok(false);
            }
            let group = self.file.get_row_group(self.group).map_err(broken)?;
            self.left = usize::try_from(group.metadata().num_rows()).map_err(broken)?;
            self.readers = self
                .leaves
                .iter()
                .map(|l| group.get_column_reader(l.0).map_err(broken))
                .collect::<std::result::Result<_, _>>()?;
            self.group += 1;
        }
        let wanted = self.left.min(BLOCK);
        let columns = self.readers.iter_mut().zip(&self.leaves);
        self.block = columns.map(|(r, leaf)| column(r, leaf.2, wanted)).collect::<std::result::Result<_, _>>()?;
        let short = self.block.iter().any(|c| match c {
            Column::Numbers(v) => v.len() != wanted,
            Column::Texts(v) => v.len() != wanted,
        });
        if short {
            return Err("a column ends before the others".into());
        }
        (self.left, self.length, self.at) = (self.left - wanted, wanted, 0);
        Ok(true)
    }

    fn value(&self, column: usize) -> Option<f64> {
        match self.block.get(column)? {
            Column::Numbers(values) => values.get(self.at - 1).copied(),
            Column::Texts(texts) => number::wide(texts.get(self.at - 1)?.as_deref().unwrap_or("").as_bytes(), false),
        }
    }
}

/// What the values of a column count; `None` for bytes of fixed length and decimals kept as bytes.
fn kind(column: &ColumnDescPtr) -> Option<Kind> {
    if column.physical_type() == Type::FIXED_LEN_BYTE_ARRAY {
        return None;
    }
    let decimal = matches!(column.logical_type_ref(), Some(LogicalType::Decimal(_)))
        || column.converted_type() == ConvertedType::DECIMAL;
    if decimal {
        let whole = matches!(column.physical_type(), Type::INT32 | Type::INT64);
        return whole.then(|| Kind::Decimal(10f64.powi(-column.type_scale())));
    }
    let unit = match (column.logical_type_ref(), column.converted_type()) {
        (Some(LogicalType::Timestamp(t) | LogicalType::Time(t)), _) => match t.unit {
            TimeUnit::MILLIS => 1e-3,
            TimeUnit::MICROS => 1e-6,
            TimeUnit::NANOS => 1e-9,
        },
        (Some(LogicalType::Date), _) | (_, ConvertedType::DATE) => 86_400.0,
        (_, ConvertedType::TIMESTAMP_MILLIS | ConvertedType::TIME_MILLIS) => 1e-3,
        (_, ConvertedType::TIMESTAMP_MICROS | ConvertedType::TIME_MICROS) => 1e-6,
        _ if column.physical_type() == Type::INT96 => 1e-3,
        (Some(LogicalType::Integer(i)), _) if !i.is_signed => return Some(Kind::Unsigned),
        (_, ConvertedType::UINT_8 | ConvertedType::UINT_16 | ConvertedType::UINT_32 | ConvertedType::UINT_64) => {
            return Some(Kind::Unsigned);
        }
        _ => return Some(Kind::Plain),
    };
    Some(Kind::Time(unit))
}

impl Rows for Blocks {
    fn advance(&mut self) -> std::result::Result<bool, String> {
        if self.at >= self.length && !self.load()? {
            return Ok(false);
        }
        (self.at, self.row) = (self.at + 1, self.row + 1);
        Ok(true)
    }

    fn place(&self) -> String {
        format!("row {}", self.row)
    }

    fn check(&self) -> std::result::Result<(), String> {
        Ok(())
    }

    fn number(&self, column: usize) -> Option<f32> {
        self.value(column).map(|v| v as f32).map(|v| if v.is_finite() { v } else { f32::NAN })
    }

    fn time(&self, column: usize) -> Option<f64> {
        match (self.block.get(column)?, self.leaves.get(column)?.2) {
            (Column::Numbers(values), Kind::Time(unit)) => values.get(self.at - 1).map(|v| v * unit),
            (Column::Numbers(values), _) => values.get(self.at - 1).copied(),
            (Column::Texts(texts), _) => match texts.get(self.at - 1)? {
                Some(text) => time::parse(text.as_bytes()),
                None => Some(f64::NAN),
            },
        }
    }

    fn flag(&self, column: usize) -> Option<bool> {
        match self.block.get(column)? {
            Column::Numbers(values) => values.get(self.at - 1).map(|v| *v != 0.0 && !v.is_nan()),
            Column::Texts(texts) => number::flag(texts.get(self.at - 1)?.as_deref().unwrap_or("").as_bytes(), false),
        }
    }

    fn text(&self, column: usize) -> Option<Cow<'_, str>> {
        match self.block.get(column)? {
            Column::Numbers(values) => values.get(self.at - 1).filter(|v| !v.is_nan()).map(|v| v.to_string().into()),
            Column::Texts(texts) => texts.get(self.at - 1)?.as_deref().filter(|t| !t.is_empty()).map(Cow::Borrowed),
        }
    }
}

#[cfg(test)]
mod tests;
