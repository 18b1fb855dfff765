//! Tables of texts: separated values, JSON a line.
#![no_main]

use manabi_text::TextModality;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    manabi_fuzz::open::<TextModality>(&[("a.csv", &[b"text,label\n", bytes].concat())]);
    manabi_fuzz::open::<TextModality>(&[("sts.tsv", &[b"4.5\tA man plays\tSome man plays\n", bytes].concat())]);
    manabi_fuzz::open::<TextModality>(&[("a.jsonl", &[b"{\"text\": \"words\"}\n", bytes].concat())]);
});
