//! From bytes to characters: UTF-8, UTF-16 with its mark, and Windows' Latin-1 for lines that are no UTF-8.

use std::io::Read;

/// Characters of the bytes 0x80 to 0x9f in Windows-1252, where Latin-1 has marks of control.
const WINDOWS: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘', '’',
    '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];
/// Units of UTF-16 that are decoded at once.
const UNITS: usize = 1 << 13;

/// The characters of Latin-1, of which Windows-1252 is the kind that is written.
pub(super) fn latin(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|byte| match byte {
            0x80..=0x9f => WINDOWS[usize::from(*byte - 0x80)],
            other => char::from(*other),
        })
        .collect()
}

/// True if the bytes could be the beginning of a text: UTF-16 by its mark, else no zeros and few marks of control.
pub(super) fn is_text(bytes: &[u8]) -> bool {
    if wide(bytes).is_some() {
        return true;
    }
    let odd = bytes.iter().filter(|b| **b < 0x20 && !matches!(b, b'\t' | b'\n' | b'\r' | 0x08 | 0x0c | 0x1b)).count();
    !bytes.contains(&0) && odd * 50 <= bytes.len()
}

/// The order of bytes of a file in UTF-16 by its first two; `None` of other files.
pub(super) fn wide(bytes: &[u8]) -> Option<Order> {
    match bytes.first_chunk::<2>() {
        Some([0xff, 0xfe]) => Some(Order::Little),
        Some([0xfe, 0xff]) => Some(Order::Big),
        _ => None,
    }
}

/// Which byte of a unit comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// The lower one.
    Little,
    /// The higher one.
    Big,
}

/// UTF-16 read as UTF-8, in pieces.
pub(super) struct Utf16<R> {
    inner: R,
    order: Order,
    /// The first half of a unit or of a pair of units, which the next piece completes.
    byte: Option<u8>,
    high: Option<u16>,
    ready: Vec<u8>,
    at: usize,
    ended: bool,
}

impl<R: Read> Utf16<R> {
    /// What `inner` says from here on.
    pub fn new(inner: R, order: Order) -> Self {
        Self { inner, order, byte: None, high: None, ready: Vec::new(), at: 0, ended: false }
    }

    /// Decodes the next piece; what is half a character at the end of the file becomes a mark of replacement.
    fn refill(&mut self) -> std::io::Result<()> {
        self.ready.clear();
        self.at = 0;
        let mut bytes = Vec::with_capacity(2 * UNITS + 1);
        bytes.extend(self.byte.take());
        let read = self.inner.by_ref().take(2 * UNITS as u64).read_to_end(&mut bytes)?;
        self.ended = read == 0;
        let (pairs, rest) = bytes.as_chunks::<2>();
        self.byte = rest.first().copied().filter(|_| !self.ended);
        let order = self.order;
        let mut units: Vec<u16> = self.high.take().into_iter().collect();
        units.extend(pairs.iter().map(|pair| match order {
            Order::Little => u16::from_le_bytes(*pair),
            Order::Big => u16::from_be_bytes(*pair),
        }));
        if let (Some(last @ 0xd800..=0xdbff), false) = (units.last().copied(), self.ended) {
            self.high = Some(last);
            units.pop();
        }
        let text: String = char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
        self.ready.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

impl<R: Read> Read for Utf16<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        while self.at >= self.ready.len() && !self.ended {
            self.refill()?;
        }
        let rest = self.ready.get(self.at..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        self.at += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn windows_has_marks_where_latin_has_none() {
        assert_eq!(latin(b"caf\xe9 \x85\x97"), "café …—");
        assert!(is_text(b"caf\xe9\n") && is_text(b"\xff\xfea\0") && !is_text(b"PK\x03\x04\0\0") && is_text(b""));
    }

    /// Gives a byte at a time.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let Some((first, rest)) = self.0.split_first().filter(|_| !buffer.is_empty()) else { return Ok(0) };
            (buffer[0], self.0) = (*first, rest);
            Ok(1)
        }
    }

    proptest! {
        #[test]
        fn what_is_written_in_utf16_is_read_back(text in any::<String>()) {
            let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
            let mut read = String::new();
            Utf16::new(Slow(&little), Order::Little).read_to_string(&mut read).unwrap();
            Utf16::new(Slow(&big), Order::Big).read_to_string(&mut read).unwrap();
            prop_assert_eq!(read, format!("{text}{text}"));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut read = String::new();
            Utf16::new(bytes.as_slice(), Order::Big).read_to_string(&mut read).unwrap();
            let _ = (latin(&bytes), is_text(&bytes));
        }
    }

    #[test]
    fn a_pair_of_units_may_stand_between_two_pieces() {
        let text = format!("{}😀", "a".repeat(UNITS - 1));
        let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut read = String::new();
        Utf16::new(bytes.as_slice(), Order::Little).read_to_string(&mut read).unwrap();
        assert_eq!(read, text);
    }
}
