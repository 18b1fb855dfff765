//! `config.json` and what sentence-transformers keeps beside it.
#![no_main]

use manabi_text::encoder::hub;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let split = bytes.iter().position(|b| *b == 0).unwrap_or(bytes.len());
    let (config, pooling) = (&bytes[..split], &bytes[(split + 1).min(bytes.len())..]);
    let Some(folder) = manabi_fuzz::folder(&[("config.json", config), ("1_Pooling/config.json", pooling)]) else { return };
    let _ = hub::read(folder.path());
});
