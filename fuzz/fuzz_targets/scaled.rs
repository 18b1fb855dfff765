//! The baseline JPEG decoder of our own, at each of its scales.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    // The header's sides, halved, quartered and so on: small pictures reach each scale too.
    for load_size in [1, 2, 4, 8] {
        let _ = (bytes.len() <= 1 << 16).then(|| manabi_image::decode::decode_bytes(bytes, load_size));
    }
});
