//! From the frequencies of 8 × 8 pixels to those of fewer and larger cells, each the mean of its pixels.
//!
//! In one direction, the mean of two neighbours of `cos((2x + 1)uπ / 2n)` is `cos(uπ / 2n) · cos((2X + 1)uπ / n)`: the same
//! frequency of half as many cells, weaker. From `n / 2` on it looks like frequency `n − u` with the other sign, and at
//! `n / 2` nothing is left. So every frequency of the block goes to one frequency of the cells, with a factor; that and
//! the quantiser's step are one number. This is exact, whereas leaving out the upper frequencies would blur nothing and
//! alias nothing, which is not what the mean of pixels does.

use super::idct::{LANES, Lanes};

/// `cos(kπ / 16)`.
const COSINES: [f32; 9] =
    [1.0, 0.980_785_3, 0.923_879_5, 0.831_469_6, 0.707_106_77, 0.555_570_2, 0.382_683_43, 0.195_090_32, 0.0];

/// Column and row of each frequency in the order of the file.
const ORDER: [(usize, usize); 64] = order();

const fn order() -> [(usize, usize); 64] {
    let mut order = [(0, 0); 64];
    let (mut k, mut diagonal) = (0, 0);
    while diagonal < 15 {
        let mut i = 0;
        while i <= diagonal {
            // Diagonals go up and down by turns.
            let (x, y) = if diagonal % 2 == 0 { (i, diagonal - i) } else { (diagonal - i, i) };
            if x < 8 && y < 8 {
                order[k] = (x, y);
                k += 1;
            }
            i += 1;
        }
        diagonal += 1;
    }
    order
}

/// A number of a block, as part of a frequency of the cells.
#[derive(Clone, Copy)]
struct Tap {
    /// Its place in the order of the file.
    from: u8,
    /// What it is multiplied by.
    factor: f32,
}

/// How the frequencies of the cells are made from the numbers of a block.
pub struct Taps(Vec<Vec<Tap>>);

/// The frequency of `cells` that frequency `u` of eight pixels becomes, and its factor.
fn fold(mut u: usize, cells: usize) -> (usize, f32) {
    // The inverse transform has no factors of its own.
    let mut factor = if u == 0 { COSINES[4] / 2.0 } else { 0.5 };
    let mut side = 8;
    while side > cells {
        factor *= COSINES[u * 8 / side];
        side /= 2;
        if u >= side {
            factor = if u == side { 0.0 } else { -factor };
            u = (2 * side - u) % side;
        }
    }
    (u, factor)
}

impl Taps {
    /// For a block with `steps` of the quantiser that becomes `width × height` cells.
    pub fn new(steps: &[u16; 64], width: usize, height: usize) -> Self {
        let mut taps = vec![Vec::new(); width * height];
        for ((from, step), (u, v)) in (0u8..).zip(steps).zip(ORDER) {
            let ((x, across), (y, down)) = (fold(u, width), fold(v, height));
            let factor = f32::from(*step) * across * down;
            if let Some(to) = taps.get_mut(y * width + x).filter(|_| factor != 0.0) {
                to.push(Tap { from, factor });
            }
        }
        Self(taps)
    }

    /// The frequencies of the cells, row by row, from the numbers of the block, place by place.
    #[inline(always)]
    pub fn gather(&self, numbers: &[[i16; LANES]; 256], frequencies: &mut [Lanes; 64]) {
        for (to, taps) in frequencies.iter_mut().zip(&self.0) {
            let mut sum = [0.0; LANES];
            for tap in taps {
                let numbers = numbers[usize::from(tap.from)];
                for i in 0..LANES {
                    sum[i] += f32::from(numbers[i]) * tap.factor;
                }
            }
            *to = sum;
        }
    }
}
