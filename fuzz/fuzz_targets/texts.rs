//! Plain texts and messages: lines, paragraphs, documents.
#![no_main]

use manabi_text::TextModality;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    manabi_fuzz::open::<TextModality>(&[("a.txt", bytes), ("b.txt", b"words of a line\nand others\n")]);
    manabi_fuzz::open::<TextModality>(&[("alt.atheism/1", bytes), ("sci.med/2", b"From: a\n\nwords of a message\n")]);
});
