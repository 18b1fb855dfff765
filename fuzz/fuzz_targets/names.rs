//! Recordings whose names may say label, speaker and index: one name a line.
#![no_main]

use manabi_audio::AudioModality;

/// A WAV file of one sample.
const WAV: &[u8] =
    b"RIFF\x26\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data\x02\0\0\0\0\0";

libfuzzer_sys::fuzz_target!(|text: &str| {
    let plain = |name: &&str| !name.is_empty() && name.len() < 200 && !name.contains(['/', '\0']);
    let names: Vec<String> = text.lines().filter(plain).take(24).map(|name| format!("{name}.wav")).collect();
    let files: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), WAV)).collect();
    manabi_fuzz::open::<AudioModality>(&files);
});
