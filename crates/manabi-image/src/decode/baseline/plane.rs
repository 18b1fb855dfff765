//! One component of a picture on its way from blocks of frequencies to rows of cells.

use super::{
    bits::Bits,
    block::{self, Batch},
    cells::Taps,
    header::{Component, Header},
    huffman::Codes,
    idct::{LANES, Lanes, inverse, store},
};

/// One component on its way from blocks to rows.
pub struct Plane<'a> {
    dc: &'a Codes,
    ac: &'a Codes,
    /// Blocks in a unit of the scan.
    blocks: (usize, usize),
    /// Cells of a block.
    cells: (usize, usize),
    taps: Taps,
    /// The lowest frequency of the last block, from which that of the next one is told.
    pub last: i16,
    /// [`LANES`] units: as many batches for each row of blocks as there are blocks in a row of a unit.
    batches: Vec<Batch>,
    /// Rows of cells of a row of units, each `stride` long.
    strip: Vec<u8>,
    stride: usize,
}

impl<'a> Plane<'a> {
    /// For `units` in a row; a block of a component that has most blocks in a unit becomes `cells × cells`.
    pub fn new(header: &'a Header<'_>, component: &Component, units: usize, cells: usize) -> Option<Self> {
        let (most, blocks) = (header.most_blocks(), component.blocks);
        // A component with fewer blocks shows the same area: its blocks become more cells.
        let cells = (cells * most.0 / blocks.0, cells * most.1 / blocks.1);
        if cells.0 > 8 || cells.1 > 8 {
            return None;
        }
        let stride = units.next_multiple_of(LANES) * blocks.0 * cells.0;
        Some(Self {
            dc: header.dc.get(component.dc)?.as_ref()?,
            ac: header.ac.get(component.ac)?.as_ref()?,
            blocks,
            cells,
            taps: Taps::new(&component.steps, cells.0, cells.1),
            last: 0,
            batches: vec![[[0; LANES]; 256]; blocks.0 * blocks.1],
            strip: vec![0; stride * blocks.1 * cells.1],
            stride,
        })
    }

    /// The blocks of unit `lane` of a batch.
    #[inline(always)]
    pub fn read(&mut self, bits: &mut Bits<'_>, lane: usize) -> Option<()> {
        for y in 0..self.blocks.1 {
            for x in 0..self.blocks.0 {
                let column = lane * self.blocks.0 + x;
                let batch = self.batches.get_mut(y * self.blocks.0 + column / LANES)?;
                block::read(bits, self.dc, self.ac, &mut self.last, batch, column % LANES)?;
            }
        }
        Some(())
    }

    /// The batches as cells in the strip, from unit `first` on; they are empty afterwards.
    #[inline(always)]
    pub fn transform(&mut self, first: usize, block: &mut [Lanes; 64]) {
        let (width, height) = self.cells;
        for (number, batch) in self.batches.iter_mut().enumerate() {
            self.taps.gather(batch, block);
            inverse(block, width, height);
            batch[..64].fill([0; LANES]);
            let (x, y) = (number % self.blocks.0, number / self.blocks.0);
            let left = (first * self.blocks.0 + x * LANES) * width;
            if let Some(to) = self.strip.get_mut(y * height * self.stride + left..) {
                store(block, width, height, to, self.stride);
            }
        }
    }

    /// The first `width` cells of row `y` of the strip.
    pub fn row(&self, y: usize, width: usize) -> Option<&[u8]> {
        self.strip.get(y * self.stride..)?.get(..width)
    }
}
