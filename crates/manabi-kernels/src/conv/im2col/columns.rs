//! The matrix of patches of some positions, and the way back.

use std::ops::Range;

use super::super::geometry::Geometry;
use super::padded::{Padded, SLACK};
use crate::matmul::Matrix;
use crate::memory::Scratch;

/// Columns that make a product wide enough, and still leave the matrix near.
const WIDE: usize = 512;

/// Positions that share one matrix: all of some images, or a strip of one.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub(super) images: Range<usize>,
    pub(super) down: Range<usize>,
    /// Less than all only where there is one row.
    pub(super) across: Range<usize>,
    /// The first position in its map, and how many there are in each.
    pub(super) first: usize,
    pub(super) each: usize,
}

impl Block {
    /// Columns of the matrix.
    pub(super) fn width(&self) -> usize {
        self.images.len() * self.each
    }
}

/// How the positions of a batch are cut.
#[derive(Clone, Copy, Debug)]
pub(super) struct Blocks {
    n: usize,
    rows: usize,
    columns: usize,
    /// Images that share a matrix.
    images: usize,
    /// Rows of a strip, and columns where there is one row.
    strip: (usize, usize),
    /// Strips of an image.
    strips: usize,
}

impl Blocks {
    pub(super) fn new(g: &Geometry) -> Self {
        let (rows, columns, positions) = (g.down.positions, g.across.positions, g.positions());
        let images = match g.pointwise() && positions >= 32 {
            true => 1,
            false => (WIDE / positions).clamp(1, g.n.max(1)),
        };
        let even = |total: usize, most: usize| total.div_ceil(total.div_ceil(most.max(1)));
        let strip = match rows {
            1 => (1, even(columns, WIDE).next_multiple_of(32).min(columns)),
            _ => (even(rows, WIDE / columns), columns),
        };
        let strips = rows.div_ceil(strip.0) * columns.div_ceil(strip.1);
        Self { n: g.n, rows, columns, images, strip, strips }
    }

    /// Sets of images.
    pub(super) fn sets(&self) -> usize {
        self.n.div_ceil(self.images)
    }

    /// The images of a set.
    pub(super) fn images(&self, set: usize) -> Range<usize> {
        set * self.images..((set + 1) * self.images).min(self.n)
    }

    pub(super) fn count(&self) -> usize {
        self.sets() * self.strips
    }

    /// The blocks of a set.
    pub(super) fn of(&self, set: usize) -> Range<usize> {
        set * self.strips..(set + 1) * self.strips
    }

    pub(super) fn at(&self, i: usize) -> Block {
        let (set, strip) = (i / self.strips, i % self.strips);
        let part = |i: usize, size: usize, all: usize| (i * size).min(all)..((i + 1) * size).min(all);
        let (down, across) = match self.rows {
            1 => (0..1, part(strip, self.strip.1, self.columns)),
            _ => (part(strip, self.strip.0, self.rows), 0..self.columns),
        };
        let (first, each) = (down.start * self.columns + across.start, down.len() * across.len());
        Block { images: self.images(set), down, across, first, each }
    }
}

/// True if the patches of a block lie in the image as a matrix.
pub(super) fn in_place(g: &Geometry, block: &Block) -> bool {
    g.pointwise() && block.images.len() == 1
}

/// Elements of the buffer that [`columns`] needs, and [`add_back`] reads.
pub(super) fn space(g: &Geometry, block: &Block) -> usize {
    if in_place(g, block) { 0 } else { g.taps() * block.width() + SLACK }
}

/// The patches of a group of channels, (taps, positions): in the image itself where they are a matrix there, else
/// copied to `space`.
pub(super) fn columns<'a>(g: &Geometry, x: &'a [f32], block: &Block, group: usize, space: &'a mut [f32]) -> Matrix<'a> {
    let (channels, area) = (g.per_group().0, g.area());
    if in_place(g, block) {
        let start = block.images.start * g.image() + group * channels * area + block.first;
        return Matrix::rows(&x[start..], area);
    }
    let padded = Padded::new(g, block);
    // All channels of an image one after the other, as they lie: a channel of image after image is read from afar.
    let mut maps = Scratch::zeros(block.images.len() * channels * padded.len() + SLACK);
    for (image, maps) in block.images.clone().zip(maps.chunks_exact_mut(channels * padded.len())) {
        let image = &x[image * g.image() + group * channels * area..];
        for (map, to) in image.chunks_exact(area).zip(maps.chunks_exact_mut(padded.len())) {
            padded.fill(map, to);
        }
    }
    let mut to = 0;
    for channel in 0..channels {
        for tap in &padded.taps {
            for image in 0..block.images.len() {
                let from = (image * channels + channel) * padded.len() + tap;
                for row in 0..block.down.len() {
                    copy(&maps, from + row * padded.step, space, to, block.across.len());
                    to += block.across.len();
                }
            }
        }
    }
    Matrix::rows(space, block.width())
}

/// Copies `count` elements; short rows in whole vectors, so that up to `SLACK` elements behind them are overwritten: what
/// belongs there comes later.
#[inline(always)]
fn copy(from: &[f32], start: usize, to: &mut [f32], at: usize, count: usize) {
    if count >= 4 * SLACK {
        return to[at..at + count].copy_from_slice(&from[start..start + count]);
    }
    for i in (0..count).step_by(SLACK) {
        to[at + i..][..SLACK].copy_from_slice(&from[start + i..][..SLACK]);
    }
}

/// Adds the patches of a block up where they came from, in the images `gx` of its set.
pub(super) fn add_back(g: &Geometry, columns: &[f32], block: &Block, group: usize, gx: &mut [f32]) {
    let (channels, area) = (g.per_group().0, g.area());
    let padded = Padded::new(g, block);
    let mut maps = Scratch::zeros(block.images.len() * channels * padded.len());
    let mut rows = columns.chunks_exact(block.across.len());
    for channel in 0..channels {
        for tap in &padded.taps {
            for image in 0..block.images.len() {
                let to = (image * channels + channel) * padded.len() + tap;
                for (row, from) in rows.by_ref().take(block.down.len()).enumerate() {
                    let to = &mut maps[to + row * padded.step..][..from.len()];
                    to.iter_mut().zip(from).for_each(|(to, v)| *to += v);
                }
            }
        }
    }
    for (gx, maps) in gx.chunks_exact_mut(g.image()).zip(maps.chunks_exact(channels * padded.len())) {
        let maps = maps.chunks_exact(padded.len());
        for (gx, map) in gx[group * channels * area..].chunks_exact_mut(area).zip(maps) {
            padded.add(map, gx);
        }
    }
}
