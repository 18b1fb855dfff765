//! Compressed recordings.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    manabi_fuzz::open::<manabi_audio::AudioModality>(&[("a.flac", bytes)]);
});
