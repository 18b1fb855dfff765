//! The numbers of one block from the bits of a scan.

use super::{
    bits::Bits,
    huffman::{Codes, END, LOOK, Numbers},
    idct::LANES,
};

/// Numbers of [`LANES`] blocks, place by place in the order of the file. A block has 64 places; what is behind them is
/// written at its end, so that no number needs a question whether it is one.
pub type Batch = [[i16; LANES]; 256];

/// So many looks are possible when the bits have been refilled.
const LOOKS: u32 = 56 / LOOK;

/// Reads a block as lane `lane` of `batch`, which is zero there; `last` is the lowest frequency of the block before it.
///
/// `None` where the bits are no block.
#[inline(always)]
pub fn read(bits: &mut Bits<'_>, dc: &Codes, ac: &Codes, last: &mut i16, batch: &mut Batch, lane: usize) -> Option<()> {
    let lane = lane % LANES;
    bits.refill();
    let mut lowest = dc.look(bits.ahead());
    if lowest.is_none() {
        lowest = dc.look_long(bits.ahead());
        if lowest.is_none() {
            return None;
        }
    }
    bits.skip(lowest.first_length());
    *last = last.wrapping_add(lowest.first());
    batch[0][lane] = *last;
    let mut place = 0;
    loop {
        bits.refill();
        let mut numbers = Numbers::default();
        for _ in 0..LOOKS {
            numbers = ac.look(bits.ahead());
            if numbers.is_none() {
                break;
            }
            match put(numbers, bits, place, batch, lane) {
                Ok(there) => place = there,
                Err(right) => return right.then_some(()),
            }
        }
        if numbers.is_none() {
            bits.refill();
            numbers = ac.look_long(bits.ahead());
            if numbers.is_none() {
                return None;
            }
            match put(numbers, bits, place, batch, lane) {
                Ok(there) => place = there,
                Err(right) => return right.then_some(()),
            }
        }
    }
}

/// Puts one number or two behind `place`: the place of the last of them, or, at the end of the block, whether it is right.
#[inline(always)]
fn put(numbers: Numbers, bits: &mut Bits<'_>, place: u32, batch: &mut Batch, lane: usize) -> Result<u32, bool> {
    let first = place + numbers.to_first();
    batch[first as usize % 256][lane] = numbers.first();
    let second = first + numbers.to_second();
    batch[second as usize % 256][lane] = numbers.second();
    if second < 63 {
        bits.skip(numbers.length());
        return Ok(second);
    }
    // Behind the last place, a second number belongs to the next block.
    bits.skip(if first == 63 { numbers.first_length() } else { numbers.length() });
    // Between the last place and the sign of the end lies what a run beyond the block reaches.
    let inside = |place| place <= 63 || place >= END;
    Err(first == 63 || inside(first) && inside(second))
}
