//! Tables of steps.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    manabi_fuzz::open::<manabi_series::SeriesModality>(&[("a.csv", bytes)]);
});
