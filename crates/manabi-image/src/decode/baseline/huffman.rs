//! Huffman codes and the numbers behind them: what the next bits stand for, by one look into a table.

/// So many bits are looked up at once.
pub const LOOK: u32 = 10;
/// What is added to the place at the end of a block: more than every run of zeros reaches.
pub const END: u32 = 128;
/// What a symbol that means nothing here adds: more than a block holds, less than its end adds.
const NOTHING: u32 = 64;

/// One number or two that the next bits hold with their codes, as one word; zero where they hold none.
///
/// From the lowest byte: how many bits all take, how many the first takes, by how many places the first lies behind the
/// number before it, by how many the second lies behind the first (0 where there is none), and in two bytes each the
/// first and the second number.
#[derive(Clone, Copy, Default)]
pub struct Numbers(u64);

impl Numbers {
    /// The number behind `code`, which stands at the top of `ahead`.
    fn one(ahead: u64, code: Code) -> Self {
        let (run, size) = (code.symbol >> 4, code.symbol & 15);
        let number = (ahead >> 1 >> (63 - size)) as i32;
        // The lower half stands for negative numbers.
        let number = if ahead >> 63 == 0 { number - ((1 << size) - 1) } else { number };
        let advance = match (run, size) {
            (0, 0) => END,
            (1..15, 0) => NOTHING,
            _ => u32::from(run) + 1,
        };
        let length = code.length + size;
        Self::pack([length, length, advance as u8, 0], [number as i16; 2])
    }

    /// This number, and `second` behind it.
    fn and(self, second: Self) -> Self {
        let length = (self.length() + second.length()) as u8;
        let bytes = [length, self.first_length() as u8, self.to_first() as u8, second.to_first() as u8];
        Self::pack(bytes, [self.first(), second.first()])
    }

    fn pack([a, b, c, d]: [u8; 4], numbers: [i16; 2]) -> Self {
        let [[e, f], [g, h]] = numbers.map(i16::to_le_bytes);
        Self(u64::from_le_bytes([a, b, c, d, e, f, g, h]))
    }

    /// Whether there is none.
    #[inline(always)]
    pub fn is_none(self) -> bool {
        self.0 == 0
    }

    /// How many bits all take.
    #[inline(always)]
    pub fn length(self) -> u32 {
        self.0 as u32 & 255
    }

    /// How many bits the first number takes.
    #[inline(always)]
    pub fn first_length(self) -> u32 {
        self.0 as u32 >> 8 & 255
    }

    /// By how many places the first lies behind the number before it; [`END`] at the end of a block.
    #[inline(always)]
    pub fn to_first(self) -> u32 {
        self.0 as u32 >> 16 & 255
    }

    /// By how many places the second lies behind the first; 0 where there is none.
    #[inline(always)]
    pub fn to_second(self) -> u32 {
        self.0 as u32 >> 24
    }

    /// The first number.
    #[inline(always)]
    pub fn first(self) -> i16 {
        (self.0 >> 32) as i16
    }

    /// The second number; the first again where there is none.
    #[inline(always)]
    pub fn second(self) -> i16 {
        (self.0 >> 48) as i16
    }
}

/// A code: how many bits it takes, and its symbol. Length zero stands for none.
#[derive(Clone, Copy, Default)]
struct Code {
    length: u8,
    symbol: u8,
}

/// The codes of one table of a file.
pub struct Codes {
    /// For the next [`LOOK`] bits, if they hold a whole code and the number behind it.
    numbers: [Numbers; 1 << LOOK],
    /// For the next [`LOOK`] bits, if they hold a whole code.
    codes: [Code; 1 << LOOK],
    /// For each longer length: the first 16 bits behind its codes, and what is added to a code to find its symbol.
    long: [(u32, u32); (16 - LOOK) as usize],
    symbols: Vec<u8>,
}

impl Codes {
    /// From how many codes there are of each length from 1 to 16, and their symbols in order.
    ///
    /// `None` where there are more codes of a length than are free, or not as many symbols as codes.
    pub fn new(counts: &[u8; 16], symbols: &[u8]) -> Option<Self> {
        let mut codes = [Code::default(); 1 << LOOK];
        let mut long = [(0, 0); (16 - LOOK) as usize];
        let (mut code, mut first) = (0u32, 0usize);
        for (length, count) in (1u8..).zip(counts) {
            let (bits, count) = (u32::from(length), u32::from(*count));
            let here = symbols.get(first..first + count as usize)?;
            // The code of ones only is not used.
            if code + count >= 1 << bits {
                return None;
            }
            if let Some(long) = bits.checked_sub(LOOK + 1).and_then(|i| long.get_mut(i as usize)) {
                *long = ((code + count) << (16 - bits), (first as u32).wrapping_sub(code));
            } else {
                let width = 1 << (LOOK - bits);
                for (places, symbol) in codes.get_mut(code as usize * width..)?.chunks_exact_mut(width).zip(here) {
                    places.fill(Code { length, symbol: *symbol });
                }
            }
            code = (code + count) << 1;
            first += here.len();
        }
        let mut numbers = [Numbers::default(); 1 << LOOK];
        for (ahead, numbers) in (0..).zip(&mut numbers) {
            *numbers = numbers_in(&codes, ahead).unwrap_or_default();
        }
        (first == symbols.len()).then(|| Self { numbers, codes, long, symbols: symbols.to_vec() })
    }

    /// Whether every symbol is at most `most`.
    pub fn symbols_up_to(&self, most: u8) -> bool {
        self.symbols.iter().all(|s| *s <= most)
    }

    /// The numbers that are whole in the next [`LOOK`] bits, which are at the top of `ahead`.
    #[inline(always)]
    pub fn look(&self, ahead: u64) -> Numbers {
        self.numbers[(ahead >> (64 - LOOK)) as usize]
    }

    /// The next number, of any length; 31 bits of `ahead` must be there.
    #[cold]
    #[inline(never)]
    pub fn look_long(&self, ahead: u64) -> Numbers {
        let code = self.codes[(ahead >> (64 - LOOK)) as usize];
        let code = if code.length > 0 { Some(code) } else { self.long_code((ahead >> 48) as u32) };
        code.map_or(Numbers(0), |code| Numbers::one(ahead << code.length, code))
    }

    fn long_code(&self, ahead: u32) -> Option<Code> {
        let mut lengths = (LOOK + 1..).zip(self.long);
        let (length, (_, to_symbol)) = lengths.find(|(_, (end, _))| ahead < *end)?;
        let symbol = *self.symbols.get((ahead >> (16 - length)).wrapping_add(to_symbol) as usize)?;
        Some(Code { length: length as u8, symbol })
    }
}

/// The numbers that are whole in the [`LOOK`] bits `ahead`.
fn numbers_in(codes: &[Code; 1 << LOOK], ahead: usize) -> Option<Numbers> {
    let one = |ahead: usize| {
        let code = codes.get(ahead % (1 << LOOK)).filter(|code| code.length > 0)?;
        Some(Numbers::one((ahead as u64) << (64 - LOOK) << code.length, *code))
    };
    let first = one(ahead).filter(|first| first.length() <= LOOK)?;
    let second = one(ahead << first.length()).filter(|second| first.length() + second.length() <= LOOK);
    // Nothing belongs to the block behind its end.
    Some(second.filter(|_| first.to_first() < NOTHING).map_or(first, |second| first.and(second)))
}
