//! IDX files (the format of MNIST and its relatives), plain or gzipped.
//!
//! A folder holds `…images…idx3…` files with a `…labels…idx1…` file beside each; names with
//! `train` and `t10k` or `test` are the official split. Everything in the header is
//! checked against the bytes that are really there before memory is taken.

use std::{
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use flate2::read::GzDecoder;
use manabi_core::{
    Error, Result,
    data::{Entry, Listing, MemorySource, Split},
};

use crate::image::{Image, Pixels};

/// Larger contents (after unpacking) are refused.
const MAX_BYTES: u64 = 4 << 30;

/// Images and labels of one file pair.
struct Part {
    images: PathBuf,
    labels: Option<PathBuf>,
    split: Option<Split>,
}

/// True if `path` is an IDX file of images, or a folder that holds one.
pub fn is_idx(path: &Path) -> bool {
    parts(path).is_ok_and(|parts| !parts.is_empty())
}

/// Reads the file or folder `path`: listing and images in the same order.
pub fn list(path: &Path) -> Result<(Listing, Vec<Image>)> {
    let (mut listing, mut samples) = (Listing::default(), Vec::new());
    let parts = parts(path)?;
    let several = parts.len() > 1;
    for part in parts {
        let images = read_images(&part.images)?;
        let labels = part.labels.as_deref().map(read_labels).transpose()?;
        if let (Some(labels), Some(file)) = (&labels, &part.labels)
            && labels.len() != images.len()
        {
            return Err(Error::file(file, format!("{} labels for {} images", labels.len(), images.len())));
        }
        let prefix = match part.split {
            Some(Split::Train) => "train/".into(),
            Some(Split::Valid) => "valid/".into(),
            Some(Split::Test) => "test/".into(),
            None if several => format!("{}/", file_name(&part.images)),
            None => String::new(),
        };
        for row in 0..images.len() {
            let label = labels.as_ref().map(|l| l[row].to_string());
            let id = format!("{prefix}{row:05}");
            listing.entries.push(Entry { label, split: part.split, ..Entry::new(id, &part.images) });
        }
        samples.extend(images);
    }
    Ok((listing, samples))
}

/// Opens it as a source.
pub fn open(path: &Path) -> Result<MemorySource<Image>> {
    let (listing, samples) = list(path)?;
    MemorySource::new(listing, samples)
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned())
}

fn is_image_file(path: &Path) -> bool {
    let name = file_name(path).to_ascii_lowercase();
    name.contains("idx3") || (name.contains("images") && name.contains("ubyte"))
}

/// The file pairs at `path`, training first.
fn parts(path: &Path) -> Result<Vec<Part>> {
    let mut files: Vec<PathBuf> = if path.is_dir() {
        let folder = std::fs::read_dir(path).map_err(|e| Error::io(path, e))?;
        folder.filter_map(|e| Some(e.ok()?.path())).filter(|p| p.is_file() && is_image_file(p)).collect()
    } else if path.is_file() && is_image_file(path) {
        vec![path.to_path_buf()]
    } else {
        Vec::new()
    };
    files.sort();
    // Both the packed and the unpacked form may lie there.
    let all = files.clone();
    files.retain(|f| f.extension().is_none_or(|e| e != "gz") || !all.contains(&f.with_extension("")));
    let mut parts: Vec<Part> =
        files.into_iter().map(|images| Part { labels: labels_of(&images), split: split_of(&images), images }).collect();
    parts.sort_by_key(|p| match p.split {
        Some(Split::Train) => 0,
        Some(Split::Valid) => 1,
        Some(Split::Test) => 2,
        None => 3,
    });
    Ok(parts)
}

fn split_of(images: &Path) -> Option<Split> {
    let name = file_name(images).to_ascii_lowercase();
    if name.contains("train") {
        Some(Split::Train)
    } else if name.contains("t10k") || name.contains("test") {
        Some(Split::Test)
    } else if name.contains("valid") {
        Some(Split::Valid)
    } else {
        None
    }
}

/// The labels file beside `images`, packed or not.
fn labels_of(images: &Path) -> Option<PathBuf> {
    let name = file_name(images).replace("images", "labels").replace("idx3", "idx1");
    let plain = name.strip_suffix(".gz").unwrap_or(&name);
    [plain.to_string(), format!("{plain}.gz")]
        .into_iter()
        .map(|n| images.with_file_name(n))
        .find(|p| p != images && p.is_file())
}

/// A file's content, unpacked where it is gzipped.
fn content(path: &Path) -> Result<Vec<u8>> {
    let io = |e| Error::io(path, e);
    let mut file = File::open(path).map_err(io)?;
    let mut start = [0u8; 2];
    let packed = file.read_exact(&mut start).is_ok() && start == [0x1f, 0x8b];
    let file = File::open(path).map_err(io)?;
    let mut bytes = Vec::new();
    let read = if packed {
        GzDecoder::new(file).take(MAX_BYTES + 1).read_to_end(&mut bytes)
    } else {
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes)
    };
    read.map_err(|e| Error::file(path, format!("cannot be read: {e}")))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(Error::file(path, format!("more than {} GiB", MAX_BYTES >> 30)));
    }
    Ok(bytes)
}

/// Sizes of the `N` dimensions, and the values behind the header.
fn parse<const N: usize>(bytes: &[u8]) -> std::result::Result<([usize; N], &[u8]), String> {
    let header = 4 + 4 * N;
    if bytes.len() < header {
        return Err(format!("{} bytes are too few for an IDX header", bytes.len()));
    }
    if bytes[..4] != [0, 0, 8, N as u8] {
        return Err(format!(
            "the header starts with {:02x?}; unsigned bytes in {N} dimensions start with [00, 00, 08, {N:02x}]",
            &bytes[..4]
        ));
    }
    let mut dims = [0usize; N];
    for (dim, b) in dims.iter_mut().zip(bytes[4..header].chunks_exact(4)) {
        *dim = u32::from_be_bytes([b[0], b[1], b[2], b[3]]) as usize;
    }
    let values = &bytes[header..];
    match dims.iter().try_fold(1usize, |n, d| n.checked_mul(*d)) {
        Some(expected) if expected == values.len() => Ok((dims, values)),
        _ => Err(format!("the header announces {dims:?} values, but {} follow", values.len())),
    }
}

/// The images of IDX bytes.
pub fn parse_images(bytes: &[u8]) -> std::result::Result<Vec<Image>, String> {
    let ([count, height, width], values) = parse::<3>(bytes)?;
    if count == 0 || height == 0 || width == 0 {
        return Err(format!("{count} images of {width}×{height} pixels"));
    }
    values
        .chunks_exact(height * width)
        .map(|v| Image::new(width, height, 1, Pixels::U8(v.to_vec())).map_err(|e| e.to_string()))
        .collect()
}

/// The labels of IDX bytes.
pub fn parse_labels(bytes: &[u8]) -> std::result::Result<Vec<u8>, String> {
    parse::<1>(bytes).map(|(_, values)| values.to_vec())
}

fn read_images(path: &Path) -> Result<Vec<Image>> {
    parse_images(&content(path)?).map_err(|reason| Error::file(path, reason))
}

fn read_labels(path: &Path) -> Result<Vec<u8>> {
    parse_labels(&content(path)?).map_err(|reason| Error::file(path, reason))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    fn idx(dims: &[u32], values: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 0, 8, dims.len() as u8];
        dims.iter().for_each(|d| bytes.extend(d.to_be_bytes()));
        bytes.extend(values);
        bytes
    }

    #[test]
    fn a_folder_of_packed_and_plain_files_is_an_official_split() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str| dir.path().join(name);
        let packed = File::create(file("train-images-idx3-ubyte.gz")).unwrap();
        let mut gz = flate2::write::GzEncoder::new(packed, flate2::Compression::fast());
        gz.write_all(&idx(&[2, 1, 2], &[1, 2, 3, 4])).unwrap();
        gz.finish().unwrap();
        std::fs::write(file("train-labels-idx1-ubyte"), idx(&[2], &[10, 2])).unwrap();
        std::fs::write(file("t10k-images-idx3-ubyte"), idx(&[1, 1, 2], &[5, 6])).unwrap();
        assert!(is_idx(dir.path()) && is_idx(&file("t10k-images-idx3-ubyte")));
        let (listing, images) = list(dir.path()).unwrap();
        assert_eq!(listing.classes(), ["2", "10"]);
        let ids: Vec<_> = listing.entries.iter().map(|e| (e.id.as_str(), e.split, e.label.as_deref())).collect();
        let (train, test) = (Some(Split::Train), Some(Split::Test));
        assert_eq!(
            ids,
            [("train/00000", train, Some("10")), ("train/00001", train, Some("2")), ("test/00000", test, None)]
        );
        assert_eq!(images[1].pixels, Pixels::U8(vec![3, 4]));
    }

    #[test]
    fn a_header_that_does_not_fit_the_file_is_refused() {
        let reason = |bytes: &[u8]| parse_images(bytes).unwrap_err();
        assert!(reason(&idx(&[2, 2, 2], &[0; 7])).contains("[2, 2, 2] values, but 7 follow"));
        assert!(reason(&idx(&[u32::MAX, u32::MAX, u32::MAX], &[0; 7])).contains("but 7 follow"));
        assert!(reason(&idx(&[7], &[0; 20])).contains("3"));
        assert!(reason(&[0, 0]).contains("too few"));
        assert!(reason(&idx(&[0, 2, 2], &[])).contains("0 images"));
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64), dims in any::<[u32; 3]>()) {
            let _ = parse_images(&bytes);
            let _ = parse_images(&idx(&dims, &bytes));
            let _ = parse_labels(&bytes);
        }
    }
}
