//! ESC-50's table beside one recording.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    manabi_fuzz::open::<manabi_audio::AudioModality>(&[("meta/esc50.csv", bytes), ("audio/1-a.wav", b"RIFF")]);
});
