//! The matrix of patches of some positions, and the way back.

use std::ops::Range;

use super::super::geometry::Geometry;
use super::{phases::Phases, tap::Tap};
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

/// The patches of a group of channels, (taps, positions): in the image itself where they are a matrix there, else
/// copied to `space`.
pub(super) fn columns<'a>(g: &Geometry, x: &'a [f32], block: &Block, group: usize, space: &'a mut [f32]) -> Matrix<'a> {
    let (channels, area) = (g.per_group().0, g.area());
    if in_place(g, block) {
        let start = block.images.start * g.image() + group * channels * area + block.first;
        return Matrix::rows(&x[start..], area);
    }
    let (taps, width) = (Tap::all(g, block), block.width());
    let phases = Phases::new(g, block);
    let mut apart = Scratch::new(phases.as_ref().map_or(0, Phases::len));
    for (channel, rows) in space.chunks_exact_mut(taps.len() * width).enumerate() {
        for (i, image) in block.images.clone().enumerate() {
            let mut map = &x[image * g.image() + (group * channels + channel) * area..][..area];
            if let Some(phases) = &phases {
                phases.split(map, &mut apart);
                map = &apart;
            }
            for (tap, row) in taps.iter().zip(rows.chunks_exact_mut(width)) {
                tap.copy(g, phases.as_ref(), block, map, &mut row[i * block.each..][..block.each]);
            }
        }
    }
    Matrix::rows(space, width)
}

/// Adds the patches of a block up where they came from, in the images `gx` of its set.
pub(super) fn add_back(g: &Geometry, columns: &[f32], block: &Block, group: usize, gx: &mut [f32]) {
    let (channels, area) = (g.per_group().0, g.area());
    let (taps, width) = (Tap::all(g, block), block.width());
    let phases = Phases::new(g, block);
    let mut apart = Scratch::new(phases.as_ref().map_or(0, Phases::len));
    for (channel, rows) in columns.chunks_exact(taps.len() * width).enumerate() {
        for (i, gx) in gx.chunks_exact_mut(g.image()).enumerate() {
            let map = &mut gx[(group * channels + channel) * area..][..area];
            apart.fill(0.0);
            let to = if phases.is_some() { &mut apart[..] } else { &mut *map };
            for (tap, row) in taps.iter().zip(rows.chunks_exact(width)) {
                tap.add(g, phases.as_ref(), block, &row[i * block.each..][..block.each], to);
            }
            if let Some(phases) = &phases {
                phases.join(&apart, map);
            }
        }
    }
}
