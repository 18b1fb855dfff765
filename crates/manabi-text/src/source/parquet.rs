//! Texts of a Parquet table, read in blocks without Arrow. Packed with Snappy, LZ4 or gzip or not at all.

use std::{fs::File, path::Path, sync::Arc};

use manabi_core::{Error, Result};
use parquet::{
    basic::Type as Physical,
    file::reader::{FileReader, SerializedFileReader},
    record::{Field, Row},
    schema::types::Type,
};

use super::{
    columns::{Columns, named, no_text},
    corpus::{Corpus, Remark},
    names::NamedFile,
    row,
};
use crate::config::TextConfig;

fn broken(error: impl std::fmt::Display) -> String {
    format!("cannot be read as Parquet: {error}")
}

/// Runs what works with the crate, which asserts some of what a damaged file says of itself; that ends as an error and
/// not as a panic.
fn guarded<T>(run: impl FnOnce() -> std::result::Result<T, String>) -> std::result::Result<T, String> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).unwrap_or_else(|_| Err(broken("it contradicts itself")))
}

/// Opens the file, whose parts must lie within it.
fn open(path: &Path) -> std::result::Result<SerializedFileReader<File>, String> {
    let file = File::open(path).map_err(broken)?;
    let length = i64::try_from(file.metadata().map_err(broken)?.len()).map_err(broken)?;
    let reader = SerializedFileReader::new(file).map_err(broken)?;
    for column in reader.metadata().row_groups().iter().flat_map(|group| group.columns()) {
        let start = column.dictionary_page_offset().unwrap_or(column.data_page_offset());
        let end = start.checked_add(column.compressed_size());
        if start < 0 || column.compressed_size() < 0 || end.is_none_or(|end| end > length) {
            return Err(broken("a column lies outside of the file"));
        }
    }
    Ok(reader)
}

/// The names of the flat columns; an empty one stands for a list or a record, which is no text.
fn names(reader: &SerializedFileReader<File>) -> Vec<String> {
    let fields = reader.metadata().file_metadata().schema().get_fields();
    fields.iter().map(|f| if f.is_primitive() { f.name().to_string() } else { String::new() }).collect()
}

/// True if the table has a column of texts, and none of files.
pub(super) fn is_text(path: &Path, config: &TextConfig) -> bool {
    let found = guarded(|| {
        let reader = open(path)?;
        let names = names(&reader);
        let Some(columns) = named(&names, config)? else { return Ok(false) };
        let fields = reader.metadata().file_metadata().schema().get_fields();
        let bytes = |c: &usize| {
            fields.get(*c).is_some_and(|f| f.is_primitive() && f.get_physical_type() == Physical::BYTE_ARRAY)
        };
        let files = names.iter().any(|n| n.eq_ignore_ascii_case("path"));
        Ok(!files && columns.texts.iter().chain(&columns.second).all(bytes))
    });
    found.unwrap_or(false)
}

fn cell(field: &Field) -> Option<String> {
    match field {
        Field::Null => None,
        Field::Str(text) => Some(text.clone()),
        Field::Bytes(bytes) => Some(String::from_utf8_lossy(bytes.data()).into_owned()),
        // The crate writes figures in quotes where they are none, and a whole number with its decimals.
        Field::Double(value) => Some(value.to_string()),
        Field::Float(value) => Some(value.to_string()),
        other => Some(other.to_string()),
    }
}

/// Reads the rows of `file`.
///
/// # Errors
/// If it is no Parquet, or has no column of texts.
pub(super) fn read(file: &NamedFile, config: &TextConfig, corpus: &mut Corpus) -> Result<()> {
    let fail = |reason: String| Error::file(&file.path, reason);
    let opened = guarded(|| {
        let reader = open(&file.path)?;
        let names = names(&reader);
        let columns = named(&names, config)?.ok_or_else(|| no_text(&names))?;
        // Only what is needed is unpacked.
        let schema = reader.metadata().file_metadata().schema();
        let mut used: Vec<usize> = columns.used().collect();
        used.sort_unstable();
        let fields: Vec<Arc<Type>> = used.iter().filter_map(|c| schema.get_fields().get(*c).cloned()).collect();
        let wanted = Type::group_type_builder(schema.name()).with_fields(fields).build().map_err(broken)?;
        Ok((columns, used, names.len(), reader.into_iter().project(Some(wanted)).map_err(broken)?))
    });
    let (columns, used, width, mut rows): (Columns, _, _, _) = opened.map_err(fail)?;
    for number in 1.. {
        let next: Option<Row> = guarded(|| rows.next().transpose().map_err(broken)).map_err(fail)?;
        let Some(row) = next else { break };
        let mut cells = vec![None; width];
        for (column, (_, field)) in used.iter().zip(row.get_column_iter()) {
            if let Some(place) = cells.get_mut(*column) {
                *place = cell(field);
            }
        }
        row::push(file, &columns, (number, "row"), |c| cells.get(c)?.as_deref(), corpus)?;
    }
    if columns.label.is_none() && columns.score.is_none() && file.label.is_none() {
        corpus.remark(Remark::Unlabelled, &file.id);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use parquet::{
        data_type::{ByteArray, ByteArrayType, Int64Type},
        file::writer::SerializedFileWriter,
        schema::parser::parse_message_type,
    };
    use proptest::prelude::*;

    use super::*;

    /// Two row groups of two rows: a number that is of no use, a label and a text, once missing.
    fn table() -> Vec<u8> {
        let schema = "message m { required int64 id; required int64 label; optional binary text (UTF8); }";
        let schema = Arc::new(parse_message_type(schema).unwrap());
        let mut bytes = Vec::new();
        let mut writer = SerializedFileWriter::new(&mut bytes, schema, Arc::default()).unwrap();
        for group in 0..2 {
            let mut rows = writer.next_row_group().unwrap();
            for values in [[7, 8], [group, 1]] {
                let mut column = rows.next_column().unwrap().unwrap();
                column.typed::<Int64Type>().write_batch(&values, None, None).unwrap();
                column.close().unwrap();
            }
            let mut column = rows.next_column().unwrap().unwrap();
            let texts = [ByteArray::from("a text"), ByteArray::from("words")];
            let (texts, levels) = if group == 0 { (&texts[..], [1, 1]) } else { (&texts[..1], [1, 0]) };
            column.typed::<ByteArrayType>().write_batch(texts, Some(&levels), None).unwrap();
            column.close().unwrap();
            rows.close().unwrap();
        }
        writer.close().unwrap();
        bytes
    }

    fn read_bytes(bytes: &[u8]) -> Result<Corpus> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        let _ = is_text(file.path(), &TextConfig::default());
        let mut corpus = Corpus::new(&TextConfig::default(), 1 << 20);
        read(&NamedFile::new("a.parquet", file.path()), &TextConfig::default(), &mut corpus).map(|()| corpus)
    }

    #[test]
    fn rows_of_all_groups_are_read() {
        let corpus = read_bytes(&table()).unwrap();
        let rows: Vec<_> = corpus.listing.entries.iter().map(|e| (e.id.as_str(), e.label.as_deref())).collect();
        assert_eq!(rows, [("a.parquet:1", Some("0")), ("a.parquet:2", Some("1")), ("a.parquet:3", Some("1"))]);
        let source = corpus.finish().unwrap();
        let text = manabi_core::data::Source::load(&source, 1).unwrap();
        assert_eq!(text.text().unwrap().text, "words");
    }

    #[test]
    fn a_damaged_file_is_an_error() {
        let bytes = table();
        assert!(read_bytes(&bytes[..bytes.len() - 9]).unwrap_err().to_string().contains("cannot be read as Parquet"));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(at in 0usize..600, byte in any::<u8>(), cut in 0usize..600) {
            let mut bytes = table();
            let length = bytes.len();
            bytes[at % length] = byte;
            let _ = read_bytes(&bytes);
            let _ = read_bytes(&bytes[..cut.min(length)]);
        }
    }
}
