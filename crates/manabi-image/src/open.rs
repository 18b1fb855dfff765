//! A dataset of images: a folder, a manifest, IDX files, one file, or the built-in one.

use std::{io::Read, path::Path};

use manabi_core::{
    Error, Result,
    data::{ALIKE, DataSpec, FileSource, MemorySource, Source, Split, apply_labels, folder, manifest},
};

use crate::{
    decode::{EXTENSIONS, decode_file},
    idx,
    image::Image,
    similar, synthetic,
};

/// What lies at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// The generated dataset, asked for by its name.
    Synthetic,
    /// IDX files.
    Idx,
    /// A CSV or JSON-lines table with a `path` column.
    Manifest,
    /// Folders of PNG and JPEG files.
    Folder,
    /// One PNG or JPEG file.
    File,
}

/// What lies at `path`, if it is made of images.
pub fn layout(path: &Path) -> Option<Layout> {
    if path.as_os_str() == synthetic::NAME && !path.exists() {
        return Some(Layout::Synthetic);
    }
    if idx::is_idx(path) {
        return Some(Layout::Idx);
    }
    if path.is_dir() {
        return holds_images(path).then_some(Layout::Folder);
    }
    if !path.is_file() {
        return None;
    }
    if manifest::is_manifest(path) {
        let images = match manifest::read(path, "path") {
            Ok(rows) => rows.iter().any(|r| is_image(Path::new(&r.content))),
            // A table with a broken row is still a table of images, whose opening will say what is broken.
            Err(_) => mentions_images(path),
        };
        return images.then_some(Layout::Manifest);
    }
    is_image(path).then_some(Layout::File)
}

fn is_image(path: &Path) -> bool {
    let extension = path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase);
    extension.is_some_and(|e| EXTENSIONS.contains(&e.as_str()))
}

/// True if the beginning of a table names an image.
fn mentions_images(path: &Path) -> bool {
    let mut beginning = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(1 << 16).read_to_end(&mut beginning));
    let text = String::from_utf8_lossy(&beginning).to_ascii_lowercase();
    read.is_ok() && EXTENSIONS.iter().any(|extension| text.contains(&format!(".{extension}")))
}

/// True if at least half of the first files below `folder` are images.
fn holds_images(folder: &Path) -> bool {
    let files =
        walkdir::WalkDir::new(folder).max_depth(6).sort_by_file_name().into_iter().filter_map(std::result::Result::ok);
    let (mut images, mut others) = (0, 0);
    for file in files.filter(|e| e.file_type().is_file()).take(500) {
        if is_image(file.path()) { images += 1 } else { others += 1 }
    }
    images > 0 && images >= others
}

/// Opens the dataset; images whose shorter side exceeds `load_size` are reduced to it.
pub fn open(spec: &DataSpec, load_size: usize) -> Result<Box<dyn Source<Image>>> {
    let path = &spec.path;
    // An unreadable table or an empty folder gets its own error rather than "no images".
    let layout = layout(path).or_else(|| {
        if manifest::is_manifest(path) { Some(Layout::Manifest) } else { path.is_dir().then_some(Layout::Folder) }
    });
    let mut listing = match layout {
        Some(Layout::Synthetic) => return Ok(Box::new(synthetic::dataset(&synthetic::Settings::default())?)),
        Some(Layout::Idx) => {
            let (mut listing, images) = idx::list(path)?;
            if let Some(labels) = &spec.labels {
                apply_labels(&mut listing, labels)?;
            }
            return Ok(Box::new(MemorySource::new(listing, images)?));
        }
        Some(Layout::Manifest) => manifest::list(path)?,
        Some(Layout::Folder) => folder::list(path, EXTENSIONS)?,
        Some(Layout::File) => {
            let name = path.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
            let entries = vec![manabi_core::data::Entry::new(name, path)];
            manabi_core::data::Listing { entries, ..Default::default() }
        }
        None => {
            let known = "a folder of PNG or JPEG files, a CSV or JSONL table with a path column, or IDX files";
            return Err(Error::data(format!("{}: no images here; {known} can be read", path.display())));
        }
    };
    if let Some(labels) = &spec.labels {
        apply_labels(&mut listing, labels)?;
    }
    let mut source = FileSource::open(listing, spec, Image::bytes, move |entry| decode_file(&entry.path, load_size))?;
    if let Some(remark) = group_duplicates(&mut source)? {
        source.note(remark);
    }
    Ok(Box::new(source))
}

/// Gives near-duplicates a common group, where the dataset has no groups of its own and they
/// could be torn apart by a split that is still to be drawn.
fn group_duplicates(source: &mut FileSource<Image>) -> Result<Option<String>> {
    let drawn = source.records().iter().any(|r| r.split != Some(Split::Test) && r.group.is_none());
    if !drawn || source.cached() < source.len() {
        return Ok(None);
    }
    let similar::Duplicates { near: found, doubted, .. } = similar::duplicates(source)?;
    let mut groups = vec![None; source.len()];
    let mut rows = 0;
    for group in &found {
        rows += group.len();
        for row in group {
            groups[*row] = Some(format!("{ALIKE}{}", source.records()[group[0]].id));
        }
    }
    source.fill_groups(&groups);
    let grouped = format!("{rows} near-duplicates in {} groups: a group never stands in two splits", found.len());
    Ok(match doubted {
        Some(alike) => Some(format!(
            "{alike} of {} images look so alike that copies cannot be told from photos of equal things: only equal \
             content was grouped ({rows} images); if photos of one thing are among them, name it in a group column",
            source.len()
        )),
        None => (!found.is_empty()).then_some(grouped),
    })
}
