//! Label files.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let _ = manabi_core::data::parse_labels(bytes);
});
