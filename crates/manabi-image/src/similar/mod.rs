//! Near-duplicates: photos of one thing that differ by noise, compression, light or a slight shift.
//!
//! Rows of one group must not stand in two splits. Photos are alike if their thumbnails correlate
//! almost perfectly when one is moved a little against the other, or clearly, and their details without light
//! and contrast do so too. Likeness is passed on: what is like one of a group belongs to it. On the
//! magnetic tiles, whose numbering tells which photos show one tile under several lamps, a thumbnail in place tears apart
//! half of these pairs, both rules together a fifth; docs/BENCHMARKS.md has the figures.
//!
//! Where nearly everything is alike (aligned photos of equal parts), likeness says nothing about copies, and
//! only equal content is grouped.

use manabi_core::{Result, data::Source};
use rayon::prelude::*;

use crate::{
    augment::resample::{Region, resample},
    image::{Image, Pixels, with_channels},
};

mod template;

use template::{Template, detail};

/// Side of the thumbnail, and how far it is moved: another crop of the same thing.
const THUMBNAIL: (usize, usize) = (16, 1);
/// Side of the picture of details, and how far it is moved.
const DETAIL: (usize, usize) = (48, 3);
/// Likeness of two thumbnails that is enough alone.
const ALIKE: f32 = 0.985;
/// Likeness of two thumbnails that is enough where the details agree.
const MAYBE_ALIKE: f32 = 0.9;
/// Likeness of two pictures of details from which they agree.
const AGREE: f32 = 0.7;
/// Thumbnails that correlate less than this in place are not moved.
const WORTH_A_SHIFT: f32 = 0.8;
/// One grey level.
const LEVEL: f32 = 1.0 / 255.0;
/// A group with a larger share of the rows (and more than [`LARGE`] of them) shows that likeness says nothing here.
const LARGEST_SHARE: f64 = 0.1;
/// Groups up to this size are always believed.
const LARGE: usize = 20;
/// A row is joined to this many earlier ones at most: enough to hold any group together.
const MOST_TWINS: usize = 64;
/// More rows are not compared pair by pair; only equal content is found among them.
pub const MAX_PAIRS_ROWS: usize = 10_000;
/// Among more rows than this details are not compared: they cost fifty times a thumbnail in place.
const MAX_DETAIL_ROWS: usize = 4_000;
/// Images smaller than this have too little detail to tell likeness from identity.
pub const MIN_SIDE: usize = 48;

/// What images are compared by.
#[derive(Clone, Debug, PartialEq)]
pub struct Signature {
    /// 64-bit hash of size and content.
    pub content: u64,
    /// Nothing for flat or small images.
    thumbnail: Option<Template>,
    /// Nothing where there is no detail.
    detail: Option<Template>,
}

/// The signature of `image`.
pub fn signature(image: &Image) -> Signature {
    let content = content_hash(image);
    if image.original.0.min(image.original.1) < MIN_SIDE {
        return Signature { content, thumbnail: None, detail: None };
    }
    let small = |side: usize| with_channels(resample(image, Region::whole(image), side, side), image.channels, 1);
    let thumbnail = Template::new(THUMBNAIL.0, THUMBNAIL.1, small(THUMBNAIL.0), LEVEL);
    let details = detail(DETAIL.0, &small(DETAIL.0), 2.0 * LEVEL);
    Signature { content, thumbnail, detail: Template::new(DETAIL.0, DETAIL.1, details, 0.1) }
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

/// Exact and near duplicates of a dataset.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Duplicates {
    /// Groups (two rows or more) of equal content.
    pub exact: Vec<Vec<usize>>,
    /// Groups of equal or nearly equal content.
    pub near: Vec<Vec<usize>>,
    /// Size of the largest group of rows that look alike, where it is too large to be believed.
    pub doubted: Option<usize>,
}

/// Finds them in `source`.
pub fn duplicates(source: &dyn Source<Image>) -> Result<Duplicates> {
    let signatures: Vec<Signature> = (0..source.len())
        .into_par_iter()
        .map(|row| Ok(signature(source.load(row)?.as_ref())))
        .collect::<Result<_>>()?;
    Ok(group(&signatures))
}

/// Groups rows by their signatures.
pub fn group(signatures: &[Signature]) -> Duplicates {
    let mut first_of = std::collections::HashMap::new();
    let exact: Vec<usize> =
        signatures.iter().enumerate().map(|(row, s)| *first_of.entry(s.content).or_insert(row)).collect();
    let exact_groups = collect(&exact);
    if signatures.len() > MAX_PAIRS_ROWS {
        return Duplicates { near: exact_groups.clone(), exact: exact_groups, doubted: None };
    }
    let detailed = signatures.len() <= MAX_DETAIL_ROWS;
    let pairs: Vec<Vec<usize>> = (0..signatures.len())
        .into_par_iter()
        .map(|row| {
            let earlier = (0..row).filter(|other| exact[row] == row && exact[*other] == *other);
            earlier.filter(|other| alike(&signatures[*other], &signatures[row], detailed)).take(MOST_TWINS).collect()
        })
        .collect();
    let mut leader = exact;
    for (row, others) in pairs.iter().enumerate() {
        for other in others {
            let (a, b) = (first(&leader, row), first(&leader, *other));
            leader[a.max(b)] = a.min(b);
        }
    }
    let leader: Vec<usize> = (0..leader.len()).map(|row| first(&leader, row)).collect();
    let near = collect(&leader);
    let largest = near.iter().map(Vec::len).max().unwrap_or(0);
    let doubted = (largest > LARGE.max((LARGEST_SHARE * signatures.len() as f64) as usize)).then_some(largest);
    Duplicates { near: if doubted.is_some() { exact_groups.clone() } else { near }, exact: exact_groups, doubted }
}

/// The first row of the group of `row`.
fn first(leader: &[usize], mut row: usize) -> usize {
    while leader[row] != row {
        row = leader[row];
    }
    row
}

fn alike(a: &Signature, b: &Signature, detailed: bool) -> bool {
    let (Some(x), Some(y)) = (&a.thumbnail, &b.thumbnail) else { return false };
    if x.in_place(y) < WORTH_A_SHIFT {
        return false;
    }
    let likeness = x.likeness(y);
    likeness >= ALIKE
        || detailed
            && likeness >= MAYBE_ALIKE
            && matches!((&a.detail, &b.detail), (Some(x), Some(y)) if x.likeness(y) >= AGREE)
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
    fn another_crop_of_the_same_thing_is_a_near_duplicate() {
        let scene = |left: usize, top: usize| {
            let value = |i: usize| {
                let (x, y) = ((i % 80 + left) as f32, (i / 80 + top) as f32);
                (120.0 + 50.0 * (x * 0.11).sin() + 50.0 * (y * 0.07 + x * 0.02).cos()) as u8
            };
            Image::new(80, 80, 1, Pixels::U8((0..6400).map(value).collect())).unwrap()
        };
        assert_eq!(groups(&[scene(0, 0), scene(4, 3), scene(40, 40)]).near, [vec![0, 1]]);
    }

    #[test]
    fn likeness_is_passed_on_but_not_where_everything_is_alike() {
        // Each is like the next one; the first and the last are not alike.
        let steps = |count: usize| (0..count).map(|i| blend(i as f32 / 8.0)).collect::<Vec<_>>();
        let few: Vec<Image> = steps(9);
        assert_eq!(groups(&few).near, [(0..9).collect::<Vec<_>>()]);
        assert!(groups(&[few[0].clone(), few[8].clone()]).near.is_empty());
        let same_parts: Vec<Image> = (0..40).map(|i| photo(0, 3 + i, 0)).collect();
        let found = groups(&same_parts);
        assert!(found.near.iter().all(|g| g.len() < 40) && found.doubted == Some(40));
    }

    /// From one scene to another.
    fn blend(share: f32) -> Image {
        let (from, to) = (photo(0, 0, 0), photo(3, 0, 0));
        let mixed = from.to_f32().iter().zip(to.to_f32()).map(|(a, b)| (1.0 - share) * a + share * b).collect();
        Image::from_f32(64, 64, 1, mixed).unwrap()
    }

    #[test]
    fn flat_and_tiny_images_are_only_compared_by_content() {
        let flat = |v| Image::new(64, 64, 1, Pixels::U8(vec![v; 4096])).unwrap();
        let tiny = |v: u8| Image::new(8, 8, 1, Pixels::U8((0u8..64).map(|i| i + v).collect())).unwrap();
        let found = groups(&[flat(1), flat(2), flat(1), tiny(0), tiny(1)]);
        assert_eq!((found.exact, found.near), (vec![vec![0, 2]], vec![vec![0, 2]]));
    }
}
