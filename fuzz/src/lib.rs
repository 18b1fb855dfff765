//! What all targets share: bytes become a file of some name, which a modality opens as it opens any other.

use manabi_core::{data::DataSpec, modality::Modality};

/// Longer inputs are not looked at: they only cost time.
const MOST: usize = 1 << 16;

/// The files in a folder of their own; `None` where they are too long.
pub fn folder(files: &[(&str, &[u8])]) -> Option<tempfile::TempDir> {
    if files.iter().any(|(_, bytes)| bytes.len() > MOST) {
        return None;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, bytes) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(&path, bytes).expect("a file");
    }
    Some(folder)
}

/// Opens a folder of the files and loads each row. Errors are what is hoped for; a panic, a hang or too much memory is
/// a finding.
pub fn open<M: Modality>(files: &[(&str, &[u8])]) {
    let Some(folder) = folder(files) else { return };
    let Ok(source) = M::open(&DataSpec::new(folder.path()), &M::Config::default()) else { return };
    for row in 0..source.len().min(64) {
        let _ = source.load(row);
    }
}
