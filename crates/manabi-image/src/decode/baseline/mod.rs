//! Baseline and extended sequential JPEG files of eight bits, decoded at a half, a quarter or an eighth of their size.
//!
//! The way of a picture: [`header`] reads sizes and tables; [`bits`] takes the escapes out of the scan; [`block`] reads
//! numbers with the codes of [`huffman`], eight blocks of a component beside each other; [`cells`] makes them the
//! frequencies of fewer and larger cells, [`idct`] makes those bytes, and [`colour`] pixels. A pixel of the fraction is the
//! mean of the pixels that it stands for, but for rounding (and for clipping, which comes after the mean). No picture of
//! full size comes into being, and what is left of the time is mostly reading codes.
//!
//! What is not of this kind, or damaged, is `None`: a slower decoder then decides.

mod bits;
mod block;
mod cells;
mod colour;
#[cfg(test)]
mod encode;
mod header;
mod huffman;
mod idct;
mod plane;
mod scan;
#[cfg(test)]
mod tests;

/// Interleaved pixels, grey or red, green and blue.
pub struct Decoded {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// One or three.
    pub channels: usize,
    /// Row by row.
    pub pixels: Vec<u8>,
}

/// The picture in `bytes` with its sides divided by `fraction` (2, 4 or 8) and rounded up.
///
/// Where a side does not divide, the last pixels also show what the encoder filled its last block with.
pub fn decode(bytes: &[u8], fraction: usize) -> Option<Decoded> {
    let cells = match fraction {
        2 => 4,
        4 => 2,
        8 => 1,
        _ => return None,
    };
    let header = header::Header::read(bytes)?;
    let segments = bits::Segments::new(header.scan)?;
    let (width, height) = (header.size.0.div_ceil(fraction), header.size.1.div_ceil(fraction));
    let channels = header.components.len();
    // A block takes at least two bits: a short file is no large picture, so no memory is taken for one.
    let blocks = header.size.0.div_ceil(8) * header.size.1.div_ceil(8);
    if blocks / 4 > segments.bytes() {
        return None;
    }
    let pixels = scan::decode(&header, &segments, cells)?;
    Some(Decoded { width, height, channels, pixels })
}
