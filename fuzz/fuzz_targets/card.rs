//! The card of an encoder.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some(folder) = manabi_fuzz::folder(&[("config.json", bytes), ("model.safetensors", b"")]) else { return };
    let _ = manabi_core::train::read_encoder(folder.path());
});
