//! The reader against files of the crate's own writer, in every packing that is built in, and against noise.

use std::sync::Arc;

use parquet::{
    basic::{Compression, GzipLevel},
    data_type::{ByteArray, ByteArrayType, DoubleType, FixedLenByteArray, FixedLenByteArrayType, Int32Type, Int64Type},
    file::{properties::WriterProperties, writer::SerializedFileWriter},
    schema::parser::parse_message_type,
};
use proptest::{prelude::*, sample::Index};

use super::*;

const SCHEMA: &str = "message rows {
  required int64 time (TIMESTAMP(MILLIS, true));
  optional double a;
  required double b;
  optional binary label (UTF8);
}";

/// A file of the rows `(a, b, label)`, a second apart, in groups of `group` rows.
fn file(rows: &[(Option<f64>, f64, Option<&str>)], group: usize, packing: Compression) -> Vec<u8> {
    let schema = Arc::new(parse_message_type(SCHEMA).unwrap());
    let properties = WriterProperties::builder().set_compression(packing).build();
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties)).unwrap();
    let mut time = 1_600_000_000_000i64;
    for rows in rows.chunks(group) {
        let mut group = writer.next_row_group().unwrap();
        let times: Vec<i64> = rows
            .iter()
            .map(|_| {
                time += 1000;
                time
            })
            .collect();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<Int64Type>().write_batch(&times, None, None).unwrap();
        column.close().unwrap();
        let present: Vec<f64> = rows.iter().filter_map(|r| r.0).collect();
        let levels: Vec<i16> = rows.iter().map(|r| i16::from(r.0.is_some())).collect();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<DoubleType>().write_batch(&present, Some(&levels), None).unwrap();
        column.close().unwrap();
        let all: Vec<f64> = rows.iter().map(|r| r.1).collect();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<DoubleType>().write_batch(&all, None, None).unwrap();
        column.close().unwrap();
        let words: Vec<ByteArray> = rows.iter().filter_map(|r| r.2).map(ByteArray::from).collect();
        let levels: Vec<i16> = rows.iter().map(|r| i16::from(r.2.is_some())).collect();
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<ByteArrayType>().write_batch(&words, Some(&levels), None).unwrap();
        column.close().unwrap();
        group.close().unwrap();
    }
    writer.into_inner().unwrap()
}

fn read_bytes(bytes: &[u8]) -> Result<Catalogue> {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("f.parquet");
    std::fs::write(&path, bytes).unwrap();
    let mut catalogue = Catalogue::new(1 << 20);
    read(&Entry::new("f.parquet", &path), &SeriesConfig::default(), &mut catalogue).map(|()| catalogue)
}

fn values(catalogue: &Catalogue) -> Vec<f32> {
    let mut values = vec![0.0; catalogue.store.len() as usize];
    catalogue.store.read(0, &mut values).unwrap();
    values
}

#[test]
fn numbers_times_labels_and_missing_values_are_read() {
    let rows = [(Some(1.0), 10.0, Some("x")), (None, 20.0, None), (Some(3.0), 30.0, Some("y"))];
    let catalogue = read_bytes(&file(&rows, 2, Compression::UNCOMPRESSED)).unwrap();
    let recording = &catalogue.recordings[0];
    assert_eq!((&*recording.channels, recording.rows), (&["a".to_string(), "b".to_string()][..], 3));
    assert_eq!(recording.timing.as_ref().unwrap().interval, Some(1.0));
    assert_eq!(recording.runs, [(0, Some(0)), (1, None), (2, Some(1))]);
    let found = values(&catalogue);
    assert!(found[2].is_nan() && found[..2] == [1.0, 10.0] && found[3..] == [20.0, 3.0, 30.0]);
}

#[test]
fn decimals_and_numbers_without_a_sign_are_what_they_mean_and_what_is_left_out_is_named() {
    let schema = "message rows {
      required int32 price (DECIMAL(9, 2));
      required int32 count (INTEGER(32, false));
      required int64 time_ms;
      required fixed_len_byte_array(4) code;
    }";
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let mut writer = SerializedFileWriter::new(Vec::new(), schema, Default::default()).unwrap();
    let mut group = writer.next_row_group().unwrap();
    for values in [[1_250, -50, 7], [-1, 3, 4]] {
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<Int32Type>().write_batch(&values, None, None).unwrap();
        column.close().unwrap();
    }
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<Int64Type>().write_batch(&[0, 5, 10], None, None).unwrap();
    column.close().unwrap();
    let codes: Vec<FixedLenByteArray> = (0..3).map(|_| ByteArray::from("abcd").into()).collect();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<FixedLenByteArrayType>().write_batch(&codes, None, None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    let catalogue = read_bytes(&writer.into_inner().unwrap()).unwrap();
    assert_eq!(values(&catalogue), [12.5, u32::MAX as f32, -0.5, 3.0, 0.07, 4.0]);
    let timing = catalogue.recordings[0].timing.clone().unwrap();
    assert_eq!((timing.seconds, timing.interval), (true, Some(0.005)));
    assert!(catalogue.remarks.keys().any(|remark| remark.contains("\"code\"")), "{:?}", catalogue.remarks);
}

#[test]
fn every_packing_without_c_is_built_in() {
    let rows: Vec<_> = (0..10_000).map(|i| (Some(f64::from(i % 7)), f64::from(i), Some("x"))).collect();
    let gzip = Compression::GZIP(GzipLevel::default());
    for packing in [Compression::SNAPPY, Compression::LZ4_RAW, gzip] {
        let catalogue = read_bytes(&file(&rows, 6_000, packing)).unwrap();
        assert_eq!((catalogue.recordings[0].rows, values(&catalogue)[19_999]), (10_000, 9_999.0), "{packing:?}");
    }
}

#[test]
fn what_is_no_parquet_says_so() {
    assert!(read_bytes(b"PAR1 no more").unwrap_err().to_string().contains("f.parquet: cannot be read as Parquet"));
    assert!(read_bytes(&file(&[], 1, Compression::UNCOMPRESSED)).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_is_written_is_read_back(
        rows in proptest::collection::vec((proptest::option::of(-1e6f64..1e6), -1e6f64..1e6), 1..50),
        group in 1usize..20,
    ) {
        let full: Vec<_> = rows.iter().map(|(a, b)| (*a, *b, Some("x"))).collect();
        let found = values(&read_bytes(&file(&full, group, Compression::SNAPPY)).unwrap());
        for (at, (a, b)) in rows.iter().enumerate() {
            prop_assert_eq!(found[2 * at + 1], *b as f32);
            prop_assert!(a.map_or(found[2 * at].is_nan(), |a| found[2 * at] == a as f32));
        }
    }

    #[test]
    fn no_change_of_a_byte_makes_it_panic(at in any::<Index>(), byte in any::<u8>(), cut in any::<Index>()) {
        let mut bytes = file(&[(Some(1.0), 10.0, Some("x")), (None, 20.0, None)], 1, Compression::SNAPPY);
        let place = at.index(bytes.len());
        bytes[place] = byte;
        let _ = read_bytes(&bytes);
        bytes.truncate(cut.index(bytes.len()));
        let _ = read_bytes(&bytes);
    }
}
