//! A label file applied to a listing, as `--labels` does.
#![no_main]

use manabi_core::data::{Entry, Listing, apply_labels};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some(folder) = manabi_fuzz::folder(&[("labels.csv", bytes)]) else { return };
    let entries = ["a", "b", "c/d"].map(|id| Entry::new(id, id)).into();
    let mut listing = Listing { entries, ..Listing::default() };
    if apply_labels(&mut listing, &folder.path().join("labels.csv")).is_ok() {
        let _ = listing.records();
    }
});
