//! The entropy-coded bytes of a scan, and reading them bit by bit.

/// The scan without its escapes: one run of bytes after another, parted where restart markers stood.
///
/// Taking the escapes out first costs a hundredth of the decoding, and lets [`Bits`] fetch eight bytes at once without
/// looking at them.
pub struct Segments {
    bytes: Vec<u8>,
    /// Where each segment ends in `bytes`.
    ends: Vec<usize>,
}

impl Segments {
    /// The segments at the start of `scan`, up to the end marker of the picture.
    ///
    /// `None` where restart markers are out of order, or another marker or the end of the file comes first.
    pub fn new(scan: &[u8]) -> Option<Self> {
        let mut bytes = Vec::with_capacity(scan.len());
        let mut ends = Vec::new();
        let mut rest = scan;
        loop {
            let plain = plain_bytes(rest);
            bytes.extend_from_slice(rest.get(..plain)?);
            let escape = rest.get(plain..)?;
            // A marker may be preceded by any number of 0xff.
            let fill = escape.iter().position(|b| *b != 0xff)?;
            match escape.get(fill)? {
                0 if fill == 1 => bytes.push(0xff),
                marker @ 0xd0..=0xd7 if usize::from(marker - 0xd0) == ends.len() % 8 => ends.push(bytes.len()),
                0xd9 => {
                    ends.push(bytes.len());
                    return Some(Self { bytes, ends });
                }
                _ => return None,
            }
            rest = escape.get(fill + 1..)?;
        }
    }

    /// Number of segments.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Number of bytes in all of them.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// A reader of segment `number`. It may read on behind the end; [`Bits::ended`] tells.
    pub fn bits(&self, number: usize) -> Option<Bits<'_>> {
        let start = if number == 0 { 0 } else { *self.ends.get(number - 1)? };
        let end = *self.ends.get(number)?;
        Some(Bits { bytes: self.bytes.get(start..)?, length: end - start, at: 0, buffer: 0, count: 0 })
    }
}

/// How many bytes come before the first 0xff, or all.
fn plain_bytes(bytes: &[u8]) -> usize {
    const STEP: usize = 32;
    // Whole steps at once (this vectorises), and then the one that holds it.
    let holds = |step: &[u8]| step.iter().fold(false, |found, b| found | (*b == 0xff));
    let steps = bytes.chunks_exact(STEP).take_while(|step| !holds(step)).count() * STEP;
    bytes.iter().skip(steps).position(|b| *b == 0xff).map_or(bytes.len(), |more| steps + more)
}

/// Bits of one segment, the highest of a byte first; zeros follow its last one.
#[derive(Clone, Copy)]
pub struct Bits<'a> {
    bytes: &'a [u8],
    length: usize,
    at: usize,
    /// The next bits, at the top.
    buffer: u64,
    /// How many of them are there; those below are right too, but are fetched again.
    count: u32,
}

impl Bits<'_> {
    /// Makes at least 56 bits ready.
    #[inline(always)]
    pub fn refill(&mut self) {
        let word = match self.bytes.get(self.at..) {
            Some(rest) => match rest.first_chunk::<8>() {
                Some(word) => u64::from_be_bytes(*word),
                None => last_bytes(rest),
            },
            None => 0,
        };
        self.buffer |= word >> (self.count & 63);
        self.at += ((63 - self.count) >> 3) as usize;
        self.count |= 56;
    }

    /// The bits ahead, the next one at the top.
    #[inline(always)]
    pub fn ahead(&self) -> u64 {
        self.buffer
    }

    /// Goes on by `count` bits, of which no more than there are ready may be taken.
    #[inline(always)]
    pub fn skip(&mut self, count: u32) {
        self.buffer <<= count & 63;
        self.count = self.count.wrapping_sub(count);
    }

    /// Whether the last bits that were read lie in the last byte of the segment: none is missing, and none is left over.
    pub fn ended(&self) -> bool {
        let read = (8 * self.at).saturating_sub(self.count as usize);
        read.div_ceil(8) == self.length
    }
}

#[cold]
fn last_bytes(rest: &[u8]) -> u64 {
    let mut word = [0; 8];
    for (to, byte) in word.iter_mut().zip(rest) {
        *to = *byte;
    }
    u64::from_be_bytes(word)
}
