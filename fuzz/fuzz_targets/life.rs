//! The answers of C-MAPSS beside a test table of two engines.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let values = " 0".repeat(24);
    let table: String = (0..40).map(|i| format!("{} {}{values}\n", i / 20 + 1, i % 20 + 1)).collect();
    let files = [("test_FD001.txt", table.as_bytes()), ("RUL_FD001.txt", bytes)];
    manabi_fuzz::open::<manabi_series::SeriesModality>(&files);
});
