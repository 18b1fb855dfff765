//! The values of one Parquet column, a block at a time.

use parquet::{
    column::reader::{ColumnReader, ColumnReaderImpl},
    data_type::DataType,
};

use super::{Kind, broken};

/// Values of a block of one column; `None` and `NaN` are missing.
pub(super) enum Column {
    Numbers(Vec<f64>),
    Texts(Vec<Option<String>>),
}

/// The next `rows` values of a column of `kind`.
pub(super) fn column(reader: &mut ColumnReader, kind: Kind, rows: usize) -> std::result::Result<Column, String> {
    let scale = if let Kind::Decimal(scale) = kind { scale } else { 1.0 };
    let unsigned = kind == Kind::Unsigned;
    macro_rules! numbers {
        ($reader:expr, $convert:expr) => {{
            let values = typed($reader, rows)?;
            Column::Numbers(values.into_iter().map(|v| v.map_or(f64::NAN, $convert)).collect())
        }};
    }
    Ok(match reader {
        ColumnReader::BoolColumnReader(r) => numbers!(r, |v| f64::from(u8::from(v))),
        ColumnReader::Int32ColumnReader(r) if unsigned => numbers!(r, |v| f64::from(v.cast_unsigned())),
        ColumnReader::Int32ColumnReader(r) => numbers!(r, |v| f64::from(v) * scale),
        ColumnReader::Int64ColumnReader(r) if unsigned => numbers!(r, |v| v.cast_unsigned() as f64),
        ColumnReader::Int64ColumnReader(r) => numbers!(r, |v| v as f64 * scale),
        ColumnReader::Int96ColumnReader(r) => numbers!(r, |v| v.to_millis() as f64),
        ColumnReader::FloatColumnReader(r) => numbers!(r, f64::from),
        ColumnReader::DoubleColumnReader(r) => numbers!(r, |v| v),
        ColumnReader::ByteArrayColumnReader(r) => {
            let texts = typed(r, rows)?;
            Column::Texts(
                texts.into_iter().map(|t| t.map(|t| String::from_utf8_lossy(t.data()).into_owned())).collect(),
            )
        }
        ColumnReader::FixedLenByteArrayColumnReader(_) => return Err("a column of bytes of fixed length".into()),
    })
}

fn typed<T: DataType>(reader: &mut ColumnReaderImpl<T>, rows: usize) -> std::result::Result<Vec<Option<T::T>>, String> {
    let (mut levels, mut values) = (Vec::new(), Vec::new());
    let mut records = 0;
    while records < rows {
        let (read, ..) = reader.read_records(rows - records, Some(&mut levels), None, &mut values).map_err(broken)?;
        if read == 0 {
            break;
        }
        records += read;
    }
    if levels.is_empty() {
        // A required column has no levels.
        return Ok(values.into_iter().map(Some).collect());
    }
    let mut values = values.into_iter();
    Ok(levels.into_iter().map(|level| if level > 0 { values.next() } else { None }).collect())
}
