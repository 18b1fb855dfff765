//! Tables that name files: CSV and JSON lines.
#![no_main]

use manabi_core::data::manifest;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some(folder) = manabi_fuzz::folder(&[("m.csv", bytes), ("m.jsonl", bytes), ("a.png", b"")]) else { return };
    for table in ["m.csv", "m.jsonl"] {
        let _ = manifest::list(&folder.path().join(table));
    }
});
