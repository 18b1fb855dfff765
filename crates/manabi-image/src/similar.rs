//! Near-duplicates: photos of one thing that differ by noise, compression or a slight shift.
//!
//! Rows of one group must not stand in two splits, so groups are only made where the
//! likeness is beyond doubt: equal content, or thumbnails that correlate almost perfectly.

use manabi_core::{Result, data::Source};
use rayon::prelude::*;

use crate::{
    augment::resample::{Region, resample},
    image::{Image, Pixels, with_channels},
};

/// Side of the thumbnail that is compared.
const SIDE: usize = 16;
/// Correlation of two thumbnails from which images count as near-duplicates.
const ALIKE: f32 = 0.99;
/// More rows are not compared pair by pair; only equal content is found among them.
pub const MAX_PAIRS_ROWS: usize = 10_000;
/// Images smaller than this have too little detail to tell likeness from identity.
pub const MIN_SIDE: usize = 48;

/// What images are compared by.
#[derive(Clone, Debug, PartialEq)]
pub struct Signature {
    /// 64-bit hash of size and content.
    pub content: u64,
    /// Standardised grey thumbnail, of unit length; empty for flat or small images.
    thumbnail: Vec<f32>,
}

/// The signature of `image`.
pub fn signature(image: &Image) -> Signature {
    Signature { content: content_hash(image), thumbnail: thumbnail(image) }
}

/// FNV-1a over size and values.
fn content_hash(image: &Image) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    let mut eat = |value: u64| hash = (hash ^ value).wrapping_mul(0x0000_0100_0000_01b3).rotate_left(5);
    [image.width, image.height, image.channels].into_iter().for_each(|v| eat(v as u64));
    match &image.pixels {
        Pixels::U8(v) => v.iter().for_each(|x| eat(u64::from(*x))),
        Pixels::U16(v) => v.iter().for_each(|x| eat(u64::from(*x))),
        Pixels::F32(v) => v.iter().for_each(|x| eat(u64::from(x.to_bits()))),
    }
    hash
}

fn thumbnail(image: &Image) -> Vec<f32> {
    if image.original.0.min(image.original.1) < MIN_SIDE {
        return Vec::new();
    }
    let mut values = with_channels(resample(image, Region::whole(image), SIDE, SIDE), image.channels, 1);
    let mean = values.iter().sum::<f32>() / values.len() as f32;
    values.iter_mut().for_each(|v| *v -= mean);
    let length = values.iter().map(|v| v * v).sum::<f32>().sqrt();
    // Less contrast than one grey level: nothing to recognise.
    if length < SIDE as f32 / 255.0 {
        return Vec::new();
    }
    values.iter_mut().for_each(|v| *v /= length);
    values
}

/// Exact and near duplicates of a dataset.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Duplicates {
    /// Groups (two rows or more) of equal content.
    pub exact: Vec<Vec<usize>>,
    /// Groups of equal or nearly equal content.
    pub near: Vec<Vec<usize>>,
}

/// Finds them in `source`.
pub fn duplicates(source: &dyn Source<Image>) -> Result<Duplicates> {
    let signatures: Vec<Signature> = (0..source.len())
        .into_par_iter()
        .map(|row| Ok(signature(source.load(row)?.as_ref())))
        .collect::<Result<_>>()?;
    Ok(group(&signatures))
}

/// Groups rows by their signatures. Likeness is not passed on: a row joins the first earlier
/// row that it is alike to, so that a series of slowly changing photos does not become one group.
pub fn group(signatures: &[Signature]) -> Duplicates {
    let mut first_of = std::collections::HashMap::new();
    let exact: Vec<usize> =
        signatures.iter().enumerate().map(|(row, s)| *first_of.entry(s.content).or_insert(row)).collect();
    let near = if signatures.len() > MAX_PAIRS_ROWS {
        exact.clone()
    } else {
        let alike: Vec<Option<usize>> = (0..signatures.len())
            .into_par_iter()
            .map(|row| (0..row).find(|earlier| correlation(&signatures[*earlier], &signatures[row]) >= ALIKE))
            .collect();
        let mut leader = exact.clone();
        for row in 0..leader.len() {
            if leader[row] != row {
                leader[row] = leader[leader[row]];
            } else if let Some(earlier) = alike[row] {
                leader[row] = leader[earlier];
            }
        }
        leader
    };
    Duplicates { exact: collect(&exact), near: collect(&near) }
}

fn correlation(a: &Signature, b: &Signature) -> f32 {
    a.thumbnail.iter().zip(&b.thumbnail).map(|(x, y)| x * y).sum()
}

/// The groups of two rows or more, by first row.
fn collect(leader: &[usize]) -> Vec<Vec<usize>> {
    let mut groups = std::collections::BTreeMap::<usize, Vec<usize>>::new();
    for (row, first) in leader.iter().enumerate() {
        groups.entry(*first).or_default().push(row);
    }
    groups.into_values().filter(|rows| rows.len() > 1).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A smooth picture of its own for each `kind`, shifted in brightness and with a little noise.
    fn photo(kind: usize, noise: usize, brightness: u8) -> Image {
        let value = |i: usize| {
            let (x, y) = ((i % 64) as f32, (i / 64) as f32);
            let wave = (x * (0.05 + 0.04 * kind as f32)).sin() + (y * (0.3 - 0.05 * kind as f32)).cos();
            (100.0 + 40.0 * wave) as u8 + brightness + (i * noise % 3) as u8
        };
        Image::new(64, 64, 1, Pixels::U8((0..4096).map(value).collect())).unwrap()
    }

    fn groups(images: &[Image]) -> Duplicates {
        group(&images.iter().map(signature).collect::<Vec<_>>())
    }

    #[test]
    fn copies_are_exact_and_noisy_or_brighter_copies_near_duplicates() {
        let found = groups(&[photo(0, 0, 0), photo(1, 0, 0), photo(0, 0, 0), photo(1, 7, 9), photo(2, 0, 0)]);
        assert_eq!(found.exact, [vec![0, 2]]);
        assert_eq!(found.near, [vec![0, 2], vec![1, 3]]);
    }

    #[test]
    fn flat_and_tiny_images_are_only_compared_by_content() {
        let flat = |v| Image::new(64, 64, 1, Pixels::U8(vec![v; 4096])).unwrap();
        let tiny = |v: u8| Image::new(8, 8, 1, Pixels::U8((0u8..64).map(|i| i + v).collect())).unwrap();
        let found = groups(&[flat(1), flat(2), flat(1), tiny(0), tiny(1)]);
        assert_eq!((found.exact, found.near), (vec![vec![0, 2]], vec![vec![0, 2]]));
    }
}
