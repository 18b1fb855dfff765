//! Parquet files of texts.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| manabi_fuzz::open::<manabi_text::TextModality>(&[("a.parquet", bytes)]));
