//! A `tokenizer.json`, and a text that it splits.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some(folder) = manabi_fuzz::folder(&[("tokenizer.json", bytes)]) else { return };
    let Ok(tokenizer) = manabi_text::tokenizer::Tokenizer::read(&folder.path().join("tokenizer.json")) else { return };
    let _ = tokenizer.encode("Some words, naïve ones too.", 32);
});
