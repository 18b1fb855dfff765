//! MATLAB 5 files.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    manabi_fuzz::open::<manabi_series::SeriesModality>(&[("a.mat", bytes)]);
});
