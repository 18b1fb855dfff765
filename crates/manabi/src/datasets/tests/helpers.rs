//! Small datasets, archives and manifests for the tests.

use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use crate::datasets::checksums::hex;
use crate::datasets::manifest::Manifest;

/// sha256 of bytes.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Bytes that do not repeat soon.
pub fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|i| (i * 31 + i / 251) as u8).collect()
}

/// One entry of a tar archive, with a name as raw as an attacker's.
pub struct Raw<'a> {
    pub name: &'a [u8],
    pub kind: tar::EntryType,
    pub link: &'a str,
    pub data: &'a [u8],
}

/// A plain file.
pub fn file<'a>(name: &'a str, data: &'a [u8]) -> Raw<'a> {
    Raw { name: name.as_bytes(), kind: tar::EntryType::Regular, link: "", data }
}

/// A link of either kind.
pub fn link<'a>(name: &'a str, kind: tar::EntryType, to: &'a str) -> Raw<'a> {
    Raw { name: name.as_bytes(), kind, link: to, data: b"" }
}

/// A tar archive of these entries, none of them looked at.
pub fn tar(entries: &[Raw]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for entry in entries {
        let mut header = tar::Header::new_ustar();
        let name = &mut header.as_old_mut().name;
        let count = entry.name.len().min(name.len());
        name[..count].copy_from_slice(&entry.name[..count]);
        header.set_entry_type(entry.kind);
        if !entry.link.is_empty() {
            header.set_link_name(entry.link).unwrap();
        }
        header.set_size(entry.data.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        builder.append(&header, entry.data).unwrap();
    }
    builder.into_inner().unwrap()
}

/// Gzips.
pub fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

/// The data files of [`tree_manifest`], by path.
pub const TREE: [(&str, &[u8]); 3] = [("cat/1.jpg", b"miaow"), ("cat/2.jpg", b"purr"), ("dog/1.jpg", b"woof")];

/// An archive of [`TREE`] in one top folder, with a page and surplus files beside the data.
pub fn tree_archive() -> Vec<u8> {
    gzip(&tar(&[
        Raw { name: b"pax_global_header", kind: tar::EntryType::XGlobalHeader, link: "", data: b"18 comment=abcdef\n" },
        file("animals-abc/README.md", b"read me"),
        link("animals-abc/docs", tar::EntryType::Symlink, "/etc"),
        file("animals-abc/dog/1.jpg", b"woof"),
        file("animals-abc/cat/3.jpg", b"hiss"),
        file("animals-abc/cat/2.jpg", b"purr"),
        file("animals-abc/cat/1.jpg", b"miaow"),
    ]))
}

/// A manifest of [`TREE`], whose archive is at `url` or in the mirror.
pub fn tree_manifest(url: &str) -> Manifest {
    let list: String = TREE.iter().map(|(path, data)| format!("{}  {path}\n", sha256(data))).collect();
    let total: usize = TREE.iter().map(|(_, data)| data.len()).sum();
    let text = format!(
        r#"{HEAD}
        loader = "folder"
        [[file]]
        path = "animals.tar.gz"
        url = "{url}"
        archive = "tar.gz"
        [tree]
        folders = ["cat", "dog"]
        files = {}
        bytes = {total}
        sha256 = "{}"
        [[tree.first]]
        folder = "cat"
        files = 2
        "#,
        TREE.len(),
        sha256(list.as_bytes()),
    );
    Manifest::parse("animals.toml", &text).unwrap()
}

/// A manifest of single files at these addresses.
pub fn files_manifest(files: &[(&str, &str, &[u8])]) -> Manifest {
    let mut text = format!("{HEAD}\nloader = \"idx\"\n");
    for (path, url, data) in files {
        text.push_str(&format!(
            "[[file]]\npath = \"{path}\"\nurl = \"{url}\"\nsha256 = \"{}\"\nsize = {}\n",
            sha256(data),
            data.len()
        ));
    }
    Manifest::parse("animals.toml", &text).unwrap()
}

/// The first lines of every manifest in the tests.
pub const HEAD: &str = r#"
        name = "animals"
        title = "Animals"
        modality = "image"
        licence = "CC0"
        clear_to_ship = true
        citation = "Nobody"
        samples = 3
        classes = 2"#;

/// Names in a folder, sorted.
pub fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}
