//! The labels of an IDX file of two pictures.
#![no_main]

const IMAGES: &[u8] = b"\0\0\x08\x03\0\0\0\x02\0\0\0\x01\0\0\0\x01\x07\x08";

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let files = [("train-images-idx3-ubyte", IMAGES), ("train-labels-idx1-ubyte", bytes)];
    manabi_fuzz::open::<manabi_image::ImageModality>(&files);
});
