//! The inventory of a dataset: sizes, channels, depth, duplicates.

use manabi_core::{Result, data::Source};
use rayon::prelude::*;
use serde::Serialize;

use crate::{
    image::Image,
    similar::{Signature, group, signature},
};

/// Smallest, median and largest of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Range {
    /// Smallest.
    pub min: usize,
    /// Median (the lower one of two).
    pub median: usize,
    /// Largest.
    pub max: usize,
}

impl Range {
    fn of(mut values: Vec<usize>) -> Option<Self> {
        values.sort_unstable();
        Some(Self { min: *values.first()?, median: values[(values.len() - 1) / 2], max: *values.last()? })
    }
}

/// What a dataset of images is made of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Inventory {
    /// Number of images.
    pub images: usize,
    /// Columns of the files.
    pub width: Range,
    /// Rows of the files.
    pub height: Range,
    /// How many are in colour; the others are grey.
    pub colour: usize,
    /// How many have 16 bits a value; the others have 8.
    pub deep: usize,
    /// Groups of ids of equal content.
    pub duplicates: Vec<Vec<String>>,
    /// Groups of ids of equal or nearly equal content.
    pub near_duplicates: Vec<Vec<String>>,
}

impl Inventory {
    /// The same as `(name, value)`, for a table.
    pub fn facts(&self) -> Vec<(String, String)> {
        let range = |r: &Range| {
            if r.min == r.max { r.min.to_string() } else { format!("{} to {}, median {}", r.min, r.max, r.median) }
        };
        let groups = |groups: &[Vec<String>]| match groups {
            [] => "none".to_string(),
            [first, ..] => {
                let rows: usize = groups.iter().map(Vec::len).sum();
                format!("{rows} images in {} groups, such as {} and {}", groups.len(), first[0], first[1])
            }
        };
        vec![
            ("width, pixels".into(), range(&self.width)),
            ("height, pixels".into(), range(&self.height)),
            ("in colour".into(), format!("{} of {}", self.colour, self.images)),
            ("16 bits a value".into(), format!("{} of {}", self.deep, self.images)),
            ("equal content".into(), groups(&self.duplicates)),
            ("nearly equal content".into(), groups(&self.near_duplicates)),
        ]
    }
}

/// Looks at every image of `source`; `None` if there is none.
pub fn inspect(source: &dyn Source<Image>) -> Result<Option<Inventory>> {
    let seen: Vec<(usize, usize, bool, bool, Signature)> = (0..source.len())
        .into_par_iter()
        .map(|row| {
            let image = source.load(row)?;
            let (width, height) = image.original;
            Ok((width, height, image.channels == 3, image.pixels.bits() == 16, signature(&image)))
        })
        .collect::<Result<_>>()?;
    let (Some(width), Some(height)) =
        (Range::of(seen.iter().map(|s| s.0).collect()), Range::of(seen.iter().map(|s| s.1).collect()))
    else {
        return Ok(None);
    };
    let (colour, deep) = (seen.iter().filter(|s| s.2).count(), seen.iter().filter(|s| s.3).count());
    let signatures: Vec<Signature> = seen.into_iter().map(|s| s.4).collect();
    let found = group(&signatures);
    let ids = |groups: Vec<Vec<usize>>| {
        groups.into_iter().map(|g| g.into_iter().map(|row| source.records()[row].id.clone()).collect()).collect()
    };
    Ok(Some(Inventory {
        images: signatures.len(),
        width,
        height,
        colour,
        deep,
        duplicates: ids(found.exact),
        near_duplicates: ids(found.near),
    }))
}
