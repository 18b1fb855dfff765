//! Parquet with the columns `id`, `label`, `split` and `vector` (a list of floats), one row a sample.
//!
//! Written through the column writers, without Arrow: pandas, DuckDB, Polars and the vector
//! databases' importers read it.

use std::sync::Arc;

use anyhow::{Context, Result};
use parquet::{
    basic::{Compression, Encoding},
    column::writer::ColumnWriter,
    data_type::ByteArray,
    file::{properties::WriterProperties, writer::SerializedFileWriter},
    schema::parser::parse_message_type,
};

const SCHEMA: &str = "message embeddings {
  required binary id (UTF8);
  optional binary label (UTF8);
  optional binary split (UTF8);
  required group vector (LIST) { repeated group list { required float element; } }
}";

/// Rows of one group: 64 Ki rows of 512 values are 128 MiB.
const GROUP: usize = 1 << 16;

/// One row beside its vector.
#[derive(Clone, Debug)]
pub struct Row {
    /// The sample's id.
    pub id: String,
    /// Its class, where known.
    pub label: Option<String>,
    /// Its official split, where there is one.
    pub split: Option<String>,
}

/// The bytes of the file; `data` holds the vectors of `dim` values one after another.
pub fn bytes(rows: &[Row], dim: usize, data: &[f32]) -> Result<Vec<u8>> {
    let schema = Arc::new(parse_message_type(SCHEMA).context("the schema of embeddings")?);
    // Floats of an embedding neither repeat nor compress: plain and uncompressed is smallest and fastest.
    let properties = WriterProperties::builder()
        .set_compression(Compression::UNCOMPRESSED)
        .set_dictionary_enabled(false)
        .set_encoding(Encoding::PLAIN)
        .build();
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties))?;
    for (rows, data) in rows.chunks(GROUP).zip(data.chunks((GROUP * dim).max(1))) {
        let mut group = writer.next_row_group()?;
        let mut column = 0;
        while let Some(mut writer) = group.next_column()? {
            match (column, writer.untyped()) {
                (0, ColumnWriter::ByteArrayColumnWriter(w)) => {
                    let ids: Vec<ByteArray> = rows.iter().map(|r| r.id.as_str().into()).collect();
                    w.write_batch(&ids, None, None)?;
                }
                (1 | 2, ColumnWriter::ByteArrayColumnWriter(w)) => {
                    let words: Vec<Option<&String>> =
                        rows.iter().map(|r| if column == 1 { r.label.as_ref() } else { r.split.as_ref() }).collect();
                    let present: Vec<i16> = words.iter().map(|w| i16::from(w.is_some())).collect();
                    let values: Vec<ByteArray> = words.iter().flatten().map(|w| w.as_str().into()).collect();
                    w.write_batch(&values, Some(&present), None)?;
                }
                (_, ColumnWriter::FloatColumnWriter(w)) => {
                    let present = vec![1i16; data.len()];
                    let repeated: Vec<i16> = (0..data.len()).map(|i| i16::from(i % dim.max(1) != 0)).collect();
                    w.write_batch(data, Some(&present), Some(&repeated))?;
                }
                _ => anyhow::bail!("column {column} of the embeddings has another type than its schema"),
            }
            writer.close()?;
            column += 1;
        }
        group.close()?;
    }
    Ok(writer.into_inner()?)
}

#[cfg(test)]
mod tests {
    use parquet::{
        file::reader::{FileReader, SerializedFileReader},
        record::{ListAccessor, RowAccessor},
    };

    use super::*;

    #[test]
    fn what_was_written_is_read_back() {
        let rows = [
            Row { id: "a.png".into(), label: Some("cat".into()), split: None },
            Row { id: "b.png".into(), label: None, split: Some("test".into()) },
        ];
        let file = bytes(&rows, 3, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("e.parquet");
        std::fs::write(&path, file).unwrap();
        let reader = SerializedFileReader::new(std::fs::File::open(&path).unwrap()).unwrap();
        let back: Vec<_> = reader.get_row_iter(None).unwrap().map(Result::unwrap).collect();
        assert_eq!(back.len(), 2);
        assert_eq!(back[0].get_string(0).unwrap(), "a.png");
        assert_eq!(back[0].get_string(1).unwrap(), "cat");
        assert!(back[1].get_string(1).is_err());
        let vector = back[1].get_list(3).unwrap();
        assert_eq!(vector.len(), 3);
        assert_eq!(vector.get_float(2).unwrap(), 6.0);
    }

    #[test]
    fn no_rows_are_a_valid_file() {
        assert!(bytes(&[], 4, &[]).unwrap().starts_with(b"PAR1"));
    }
}
