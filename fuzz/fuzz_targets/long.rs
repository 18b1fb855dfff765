//! Tables of one value a row.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let table = [b"time,sensor,value,label,group\n", bytes].concat();
    manabi_fuzz::open::<manabi_series::SeriesModality>(&[("a.csv", &table)]);
});
