//! The spans of the Numenta Anomaly Benchmark beside one table.
#![no_main]

const TABLE: &[u8] = b"timestamp,value\n2015-02-26 21:42:53,1\n2015-02-26 21:47:53,2\n2015-02-26 21:52:53,3\n";

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let files = [("labels/combined_windows.json", bytes), ("data/a.csv", TABLE)];
    manabi_fuzz::open::<manabi_series::SeriesModality>(&files);
});
