//! A plain JPEG encoder for tests: any sampling, quantiser and restart interval.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// How a file is written.
#[derive(Clone, Debug)]
pub struct Encoder {
    /// Columns and rows of pixels.
    pub size: (usize, usize),
    /// Blocks of each component in a unit, across and down.
    pub sampling: Vec<(usize, usize)>,
    /// From 1 (coarse) to 100 (all steps are 1).
    pub quality: usize,
    /// Units between restart markers; 0 for none.
    pub restart: usize,
    /// Extended sequential, with steps of two bytes.
    pub extended: bool,
}

impl Encoder {
    /// The file of the picture whose component `c` is `value(c, x, y)`, around zero.
    pub fn file(&self, value: impl Fn(usize, usize, usize) -> f64) -> Vec<u8> {
        let mut file = vec![0xff, 0xd8];
        self.tables(&mut file);
        let most = |side: fn(&(usize, usize)) -> usize| self.sampling.iter().map(side).max().unwrap();
        let most = if self.sampling.len() == 1 { (1, 1) } else { (most(|s| s.0), most(|s| s.1)) };
        let units = (self.size.0.div_ceil(8 * most.0), self.size.1.div_ceil(8 * most.1));
        let mut bits = Bits::default();
        let mut last = vec![0; self.sampling.len()];
        for unit in 0..units.0 * units.1 {
            if self.restart > 0 && unit > 0 && unit % self.restart == 0 {
                bits.end(&mut file);
                file.extend([0xff, 0xd0 + ((unit / self.restart - 1) % 8) as u8]);
                last.fill(0);
            }
            for (c, sampling) in self.sampling.iter().enumerate() {
                let (h, v) = if self.sampling.len() == 1 { (1, 1) } else { *sampling };
                let ratio = (most.0 / h, most.1 / v);
                for (y, x) in (0..v).flat_map(|y| (0..h).map(move |x| (y, x))) {
                    let corner = ((unit % units.0 * h + x) * 8, (unit / units.0 * v + y) * 8);
                    let block = self.block(|i, j| {
                        // The mean of the pixels; the last ones are repeated.
                        let at = |k: usize, of: usize, side: usize| (k + of).min(side - 1);
                        let (left, top) = ((corner.0 + i) * ratio.0, (corner.1 + j) * ratio.1);
                        let pixels = (0..ratio.1).flat_map(|b| (0..ratio.0).map(move |a| (a, b)));
                        let sum: f64 =
                            pixels.map(|(a, b)| value(c, at(left, a, self.size.0), at(top, b, self.size.1))).sum();
                        sum / (ratio.0 * ratio.1) as f64
                    });
                    bits.block(&block, &mut last[c], &mut file);
                }
            }
        }
        bits.end(&mut file);
        file.extend([0xff, 0xd9]);
        file
    }

    fn step(&self, k: usize) -> i32 {
        let (u, v) = ORDER[k];
        ((100 - self.quality) * (3 + u + v) / 20 + 1).min(255) as i32
    }

    /// The numbers of a block, in the order of the file.
    fn block(&self, value: impl Fn(usize, usize) -> f64) -> [i32; 64] {
        let basis = |x: usize, u: usize| {
            let scale = if u == 0 { FRAC_1_SQRT_2 } else { 1.0 };
            scale / 2.0 * ((2 * x + 1) as f64 * u as f64 * PI / 16.0).cos()
        };
        let mut rows = [[0.0; 8]; 8];
        for (y, row) in rows.iter_mut().enumerate() {
            let values: Vec<f64> = (0..8).map(|x| value(x, y)).collect();
            *row = std::array::from_fn(|u| (0..8).map(|x| basis(x, u) * values[x]).sum());
        }
        std::array::from_fn(|k| {
            let (u, v) = ORDER[k];
            let sum: f64 = (0..8).map(|y| basis(y, v) * rows[y][u]).sum();
            (sum / f64::from(self.step(k))).round() as i32
        })
    }

    fn tables(&self, file: &mut Vec<u8>) {
        let mut segment = |marker: u8, body: &[u8]| {
            file.extend([0xff, marker]);
            file.extend((body.len() as u16 + 2).to_be_bytes());
            file.extend(body);
        };
        let steps = (0..64).map(|k| self.step(k));
        let steps: Vec<u8> =
            if self.extended { steps.flat_map(|s| [0, s as u8]).collect() } else { steps.map(|s| s as u8).collect() };
        segment(0xdb, &[&[u8::from(self.extended) << 4], steps.as_slice()].concat());
        segment(0xc4, &[&[0x00], DC_COUNTS.as_slice(), &dc_symbols()].concat());
        segment(0xc4, &[&[0x10], AC_COUNTS.as_slice(), &ac_symbols()].concat());
        let ([x1, x0], [y1, y0]) = ((self.size.0 as u16).to_be_bytes(), (self.size.1 as u16).to_be_bytes());
        let count = self.sampling.len() as u8;
        let mut frame = vec![8, y1, y0, x1, x0, count];
        let mut scan = vec![count];
        for (id, (h, v)) in (1u8..).zip(&self.sampling) {
            frame.extend([id, (h * 16 + v) as u8, 0]);
            scan.extend([id, 0]);
        }
        segment(if self.extended { 0xc1 } else { 0xc0 }, &frame);
        segment(0xdd, &(self.restart as u16).to_be_bytes());
        segment(0xda, &[scan.as_slice(), &[0, 63, 0]].concat());
    }
}

/// Column and row of each frequency in the order of the file.
pub const ORDER: [(usize, usize); 64] = {
    let numbers = *b"\x00\x01\x08\x10\x09\x02\x03\x0a\x11\x18\x20\x19\x12\x0b\x04\x05\x0c\x13\x1a\x21\x28\x30\x29\x22\
        \x1b\x14\x0d\x06\x07\x0e\x15\x1c\x23\x2a\x31\x38\x39\x32\x2b\x24\x1d\x16\x0f\x17\x1e\x25\x2c\x33\
        \x3a\x3b\x34\x2d\x26\x1f\x27\x2e\x35\x3c\x3d\x36\x2f\x37\x3e\x3f";
    let mut order = [(0, 0); 64];
    let mut k = 0;
    while k < 64 {
        order[k] = (numbers[k] as usize % 8, numbers[k] as usize / 8);
        k += 1;
    }
    order
};

/// Codes of each length, as in the tables that the standard proposes.
const DC_COUNTS: [u8; 16] = [0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0];
const AC_COUNTS: [u8; 16] = [0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 125];

fn dc_symbols() -> Vec<u8> {
    (0..12).collect()
}

/// Short runs and small numbers first.
fn ac_symbols() -> Vec<u8> {
    let mut symbols: Vec<u8> = (0..16).flat_map(|run| (1..11).map(move |size| run << 4 | size)).collect();
    symbols.extend([0x00, 0xf0]);
    symbols.sort_by_key(|s| (2 * (s >> 4) + (s & 15), *s));
    symbols
}

/// The code of `symbol`, and its length.
fn code(counts: &[u8; 16], symbols: &[u8], symbol: u8) -> (u32, u32) {
    let (mut code, mut index) = (0, 0);
    for (length, count) in (1..).zip(counts) {
        for _ in 0..*count {
            if symbols[index] == symbol {
                return (code, length);
            }
            (code, index) = (code + 1, index + 1);
        }
        code <<= 1;
    }
    panic!("{symbol} has no code")
}

#[derive(Default)]
struct Bits {
    waiting: u64,
    count: u32,
}

impl Bits {
    fn put(&mut self, value: u32, count: u32, file: &mut Vec<u8>) {
        self.waiting = self.waiting << count | u64::from(value);
        self.count += count;
        while self.count >= 8 {
            self.count -= 8;
            let byte = (self.waiting >> self.count) as u8;
            file.push(byte);
            if byte == 0xff {
                file.push(0);
            }
        }
    }

    /// Fills the last byte with ones.
    fn end(&mut self, file: &mut Vec<u8>) {
        let count = (8 - self.count % 8) % 8;
        self.put((1 << count) - 1, count, file);
    }

    fn number(&mut self, run: u8, number: i32, codes: (&[u8; 16], &[u8]), file: &mut Vec<u8>) {
        let size = 32 - number.unsigned_abs().leading_zeros();
        let (code, length) = code(codes.0, codes.1, run << 4 | size as u8);
        self.put(code, length, file);
        let bits = if number < 0 { number + (1 << size) - 1 } else { number };
        self.put(bits as u32, size, file);
    }

    fn block(&mut self, block: &[i32; 64], last: &mut i32, file: &mut Vec<u8>) {
        let (dc, ac) = (dc_symbols(), ac_symbols());
        self.number(0, block[0] - *last, (&DC_COUNTS, &dc), file);
        *last = block[0];
        let mut run = 0;
        for number in &block[1..] {
            if *number == 0 {
                run += 1;
                continue;
            }
            while run > 15 {
                self.number(15, 0, (&AC_COUNTS, &ac), file);
                run -= 16;
            }
            self.number(run, *number, (&AC_COUNTS, &ac), file);
            run = 0;
        }
        if run > 0 {
            self.number(0, 0, (&AC_COUNTS, &ac), file);
        }
    }
}
