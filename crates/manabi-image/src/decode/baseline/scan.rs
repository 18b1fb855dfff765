//! The scan: unit after unit of blocks, to rows of pixels.

use super::{
    bits::{Bits, Segments},
    colour::convert,
    header::Header,
    idct::LANES,
    plane::Plane,
};

/// Compiles each function for wider vectors too, and for shifts by a variable number of bits in one step.
macro_rules! wide {
    ($($item:item)*) => {$(
        #[multiversion::multiversion(targets("x86_64+avx2+bmi1+bmi2+fma", "aarch64+neon"))]
        $item
    )*};
}

wide! {
    /// Reads `count` units as lanes from `first` on.
    fn read(planes: &mut [Plane<'_>], from: &mut Bits<'_>, first: usize, count: usize) -> Option<()> {
        let mut bits = *from;
        for lane in first..first + count {
            for plane in planes.iter_mut() {
                plane.read(&mut bits, lane)?;
            }
        }
        *from = bits;
        Some(())
    }

    /// Makes cells of the units from `first` on that were read.
    fn transform(planes: &mut [Plane<'_>], first: usize) {
        let mut block = [[0.0; LANES]; 64];
        for plane in planes {
            plane.transform(first, &mut block);
        }
    }

    /// Row `y` of the strips as pixels.
    fn finish(planes: &[Plane<'_>], y: usize, line: &mut [u8]) -> Option<()> {
        match planes {
            [grey] => line.copy_from_slice(grey.row(y, line.len())?),
            [luma, blue, red] => {
                let width = line.len() / 3;
                convert(luma.row(y, width)?, blue.row(y, width)?, red.row(y, width)?, line);
            }
            _ => return None,
        }
        Some(())
    }
}

/// The pixels of the picture, whose blocks of 8 × 8 become `cells × cells`.
pub fn decode(header: &Header<'_>, segments: &Segments, cells: usize) -> Option<Vec<u8>> {
    let most = header.most_blocks();
    let (units_across, units_down) = (header.size.0.div_ceil(8 * most.0), header.size.1.div_ceil(8 * most.1));
    let (width, height) = ((header.size.0 * cells).div_ceil(8), (header.size.1 * cells).div_ceil(8));
    let mut planes: Vec<Plane<'_>> =
        header.components.iter().map(|c| Plane::new(header, c, units_across, cells)).collect::<Option<_>>()?;
    let mut pixels = vec![0; width * height * planes.len()];
    let mut lines = pixels.chunks_exact_mut(width * planes.len());
    let restart = header.restart.unwrap_or(usize::MAX);
    let (mut segment, mut left) = (0, restart);
    let mut bits = segments.bits(0)?;
    for _ in 0..units_down {
        for first in (0..units_across).step_by(LANES) {
            let (mut lane, lanes) = (0, LANES.min(units_across - first));
            while lane < lanes {
                if left == 0 {
                    bits.ended().then_some(())?;
                    (segment, left) = (segment + 1, restart);
                    bits = segments.bits(segment)?;
                    planes.iter_mut().for_each(|plane| plane.last = 0);
                }
                let count = left.min(lanes - lane);
                read(&mut planes, &mut bits, lane, count)?;
                (lane, left) = (lane + count, left - count);
            }
            transform(&mut planes, first);
        }
        for (y, line) in (0..most.1 * cells).zip(&mut lines) {
            finish(&planes, y, line)?;
        }
    }
    (bits.ended() && segment + 1 == segments.len()).then_some(pixels)
}
