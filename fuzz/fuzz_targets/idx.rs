//! IDX files.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    manabi_fuzz::open::<manabi_image::ImageModality>(&[("train-images-idx3-ubyte", bytes)]);
});
