//! C-MAPSS' tables.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    manabi_fuzz::open::<manabi_series::SeriesModality>(&[("train_FD001.txt", bytes)]);
});
