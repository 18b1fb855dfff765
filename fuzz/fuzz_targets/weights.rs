//! An encoder's safetensors file under a card that vouches for it.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let rest = r#""modality":"","settings":{},"num_features":1,"method":"","steps":1,"samples":1"#;
    let card = format!(r#"{{"manabi_format":1,"weights":"{}",{rest}}}"#, blake3::hash(bytes).to_hex());
    let files: [(&str, &[u8]); 2] = [("config.json", card.as_bytes()), ("model.safetensors", bytes)];
    let Some(folder) = manabi_fuzz::folder(&files) else { return };
    let _ = manabi_core::train::read_encoder(folder.path());
});
