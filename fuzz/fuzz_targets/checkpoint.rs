//! The manifest of a checkpoint beside one empty part.
#![no_main]

use manabi_core::train::{CheckpointStore, Files};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let files: [(&str, &[u8]); 2] = [("step-1/manifest.json", bytes), ("step-1/state.json", b"")];
    let Some(folder) = manabi_fuzz::folder(&files) else { return };
    let _ = CheckpointStore::new(folder.path(), Files::default()).latest();
});
