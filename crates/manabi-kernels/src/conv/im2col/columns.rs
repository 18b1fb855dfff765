//! The matrix of patches of some positions, and the way back.

use std::ops::Range;

use super::super::geometry::Geometry;
use crate::matmul::Matrix;

/// Columns that make a product wide enough, and still leave the matrix near.
const WIDE: usize = 512;

/// Positions that share one matrix: all of some images, or a strip of one.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub(super) images: Range<usize>,
    down: Range<usize>,
    /// Less than all only where there is one row.
    across: Range<usize>,
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
    for (row, out) in space.chunks_exact_mut(block.width()).enumerate() {
        let tap = Tap::new(g, block, row);
        for (image, out) in block.images.clone().zip(out.chunks_exact_mut(block.each)) {
            let map = &x[image * g.image() + (group * channels + tap.channel) * area..][..area];
            for (oy, out) in block.down.clone().zip(out.chunks_exact_mut(block.across.len())) {
                let Some((start, to)) = tap.line(g, oy) else {
                    out.fill(0.0);
                    continue;
                };
                out[..to.start].fill(0.0);
                out[to.end..].fill(0.0);
                let out = &mut out[to];
                if g.across.stride == 1 {
                    out.copy_from_slice(&map[start..start + out.len()]);
                } else {
                    for (out, v) in out.iter_mut().zip(map[start..].iter().step_by(g.across.stride)) {
                        *out = *v;
                    }
                }
            }
        }
    }
    Matrix::rows(space, block.width())
}

/// Adds the patches of a block up where they came from, in the images `gx` of its set.
pub(super) fn add_back(g: &Geometry, columns: &[f32], block: &Block, group: usize, gx: &mut [f32]) {
    let (channels, area) = (g.per_group().0, g.area());
    for (row, from) in columns.chunks_exact(block.width()).enumerate() {
        let tap = Tap::new(g, block, row);
        for (gx, from) in gx.chunks_exact_mut(g.image()).zip(from.chunks_exact(block.each)) {
            let map = &mut gx[(group * channels + tap.channel) * area..][..area];
            for (oy, from) in block.down.clone().zip(from.chunks_exact(block.across.len())) {
                let Some((start, inside)) = tap.line(g, oy) else { continue };
                let from = &from[inside];
                if g.across.stride == 1 {
                    for (to, v) in map[start..].iter_mut().zip(from) {
                        *to += v;
                    }
                } else {
                    for (to, v) in map[start..].iter_mut().step_by(g.across.stride).zip(from) {
                        *to += v;
                    }
                }
            }
        }
    }
}

/// Where one row of the matrix comes from.
struct Tap {
    channel: usize,
    /// Rows of positions whose tap is inside, and the input's row of the first.
    down: (Range<usize>, usize),
    /// Positions of a row of the block whose tap is inside, from its start on, and the input's element of the first.
    across: (Range<usize>, usize),
}

impl Tap {
    fn new(g: &Geometry, block: &Block, row: usize) -> Self {
        let (kh, kw) = (g.down.kernel, g.across.kernel);
        let (inside, element) = g.across.inside(row % kw);
        let start = inside.start.max(block.across.start);
        let end = inside.end.min(block.across.end).max(start);
        let across = (
            (start - block.across.start).min(block.across.len())..(end - block.across.start).min(block.across.len()),
            element + (start - inside.start) * g.across.stride,
        );
        Self { channel: row / (kh * kw), down: g.down.inside(row / kw % kh), across }
    }

    /// The element of the map under the first position inside of row `oy`, and the positions inside.
    fn line(&self, g: &Geometry, oy: usize) -> Option<(usize, Range<usize>)> {
        let (rows, first) = &self.down;
        let (positions, element) = &self.across;
        (rows.contains(&oy) && !positions.is_empty()).then(|| {
            let row = first + (oy - rows.start) * g.down.stride;
            (row * g.across.size + element, positions.clone())
        })
    }
}
