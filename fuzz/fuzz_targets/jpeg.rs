//! Pictures, by the decoder of our own where it can.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    manabi_fuzz::open::<manabi_image::ImageModality>(&[("a.jpg", bytes)]);
});
