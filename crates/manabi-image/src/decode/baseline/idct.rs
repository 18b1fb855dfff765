//! The inverse cosine transform of 1, 2, 4 or 8 values in each direction, of eight blocks at once.

/// Blocks that are transformed together: a frequency of all of them is one vector.
pub const LANES: usize = 8;
/// One value of each block.
pub type Lanes = [f32; LANES];

/// `cos(kπ / 16)` of odd `k`, and of `k` = 2, 4, 6.
const C1: f32 = 0.980_785_3;
const C2: f32 = 0.923_879_5;
const C3: f32 = 0.831_469_6;
const C4: f32 = 0.707_106_77;
const C5: f32 = 0.555_570_2;
const C6: f32 = 0.382_683_43;
const C7: f32 = 0.195_090_32;

/// Frequencies `g` of `width × height` cells, row by row, to values in place:
/// `Σ g(u, v) · cos((2x + 1)uπ / 2·width) · cos((2y + 1)vπ / 2·height)`.
#[inline(always)]
pub fn inverse(block: &mut [Lanes; 64], width: usize, height: usize) {
    for x in 0..width {
        match height {
            8 => line::<8>(block, x, width),
            4 => line::<4>(block, x, width),
            2 => line::<2>(block, x, width),
            _ => {}
        }
    }
    for y in 0..height {
        match width {
            8 => line::<8>(block, 8 * y, 1),
            4 => line::<4>(block, 4 * y, 1),
            2 => line::<2>(block, 2 * y, 1),
            _ => {}
        }
    }
}

#[inline(always)]
fn line<const N: usize>(block: &mut [Lanes; 64], start: usize, step: usize)
where
    [Lanes; N]: Inverse,
{
    let mut values = [[0.0; LANES]; N];
    for (i, value) in values.iter_mut().enumerate() {
        *value = block[(start + i * step) % 64];
    }
    for (i, value) in values.inverse().into_iter().enumerate() {
        block[(start + i * step) % 64] = value;
    }
}

/// The transform in one direction. (A function handed to [`line`] would not be compiled into it, and not for its vectors.)
trait Inverse {
    fn inverse(self) -> Self;
}

impl Inverse for [Lanes; 2] {
    #[inline(always)]
    fn inverse(self) -> Self {
        let [a, b] = self;
        let b = times(b, C4);
        [plus(a, b), minus(a, b)]
    }
}

impl Inverse for [Lanes; 4] {
    /// The even frequencies are a transform of half the length; the odd ones change sign in the other half.
    #[inline(always)]
    fn inverse(self) -> Self {
        let [a, b, c, d] = self;
        let [even0, even1] = [a, c].inverse();
        let odd0 = plus(times(b, C2), times(d, C6));
        let odd1 = minus(times(b, C6), times(d, C2));
        [plus(even0, odd0), plus(even1, odd1), minus(even1, odd1), minus(even0, odd0)]
    }
}

impl Inverse for [Lanes; 8] {
    #[inline(always)]
    fn inverse(self) -> Self {
        let [a, b, c, d, e, f, g, h] = self;
        let [even0, even1, even2, even3] = [a, c, e, g].inverse();
        let odd0 = plus(plus(times(b, C1), times(d, C3)), plus(times(f, C5), times(h, C7)));
        let odd1 = minus(minus(times(b, C3), times(d, C7)), plus(times(f, C1), times(h, C5)));
        let odd2 = plus(minus(times(b, C5), times(d, C1)), plus(times(f, C7), times(h, C3)));
        let odd3 = plus(minus(times(b, C7), times(d, C5)), minus(times(f, C3), times(h, C1)));
        let (first, second) = (plus(even0, odd0), plus(even1, odd1));
        let (third, fourth) = (plus(even2, odd2), plus(even3, odd3));
        let (fifth, sixth) = (minus(even3, odd3), minus(even2, odd2));
        [first, second, third, fourth, fifth, sixth, minus(even1, odd1), minus(even0, odd0)]
    }
}

// Loops rather than `map`, which is not compiled into its caller and so not for its vectors.

#[inline(always)]
fn plus(mut a: Lanes, b: Lanes) -> Lanes {
    for (a, b) in a.iter_mut().zip(b) {
        *a += b;
    }
    a
}

#[inline(always)]
fn minus(mut a: Lanes, b: Lanes) -> Lanes {
    for (a, b) in a.iter_mut().zip(b) {
        *a -= b;
    }
    a
}

#[inline(always)]
fn times(mut a: Lanes, factor: f32) -> Lanes {
    for a in &mut a {
        *a *= factor;
    }
    a
}

/// Values around zero as bytes around 128: the `width × height` cells of each block, as rows of blocks beside each other,
/// each `stride` behind the one above it.
#[inline(always)]
pub fn store(block: &[Lanes; 64], width: usize, height: usize, to: &mut [u8], stride: usize) {
    // Up to four cells of a row as one word, the first in its lowest byte.
    let mut words = [[0u32; LANES]; 16];
    for (words, cells) in words.iter_mut().zip(block[..width * height].chunks(width.min(4))) {
        let mut sum = [0u32; LANES];
        for (x, cell) in cells.iter().enumerate() {
            for i in 0..LANES {
                sum[i] |= nearest(cell[i]) << (8 * x);
            }
        }
        *words = sum;
    }
    for (row, words) in to.chunks_mut(stride).zip(words.chunks(width.div_ceil(4))) {
        match (width, words) {
            (8, [first, second]) => {
                for (cells, (first, second)) in row.as_chunks_mut().0.iter_mut().zip(first.iter().zip(second)) {
                    *cells = (u64::from(*first) | u64::from(*second) << 32).to_le_bytes();
                }
            }
            (4, [words]) => row.as_chunks_mut().0.iter_mut().zip(words).for_each(|(to, w)| *to = w.to_le_bytes()),
            (2, [words]) => {
                row.as_chunks_mut().0.iter_mut().zip(words).for_each(|(to, w)| *to = (*w as u16).to_le_bytes());
            }
            (_, [words]) => row.iter_mut().zip(words).for_each(|(to, word)| *to = *word as u8),
            _ => {}
        }
    }
}

/// The nearest byte. Adding 2²³ leaves the whole number in the lowest bits; unlike `as`, that is one step in a vector.
#[inline(always)]
fn nearest(value: f32) -> u32 {
    ((value + 128.0).clamp(0.0, 255.0) + 8_388_608.0).to_bits() & 255
}
