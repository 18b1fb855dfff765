//! UCR's tables of series.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    manabi_fuzz::open::<manabi_series::SeriesModality>(&[("A_TRAIN.tsv", bytes)]);
});
