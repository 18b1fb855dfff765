//! MATLAB 5 files (`save -v6` and `-v7`): the real numeric arrays in them, in either byte order, packed or not.
//!
//! A file is a header of 128 bytes and elements: a tag (type, bytes) and data, padded to eight bytes. Small elements
//! hold up to four bytes within the tag. An array is an element of elements: flags, dimensions, name, real part.
//! Cells, structs, texts and sparse or complex arrays are stepped over. Source: MathWorks, *MAT-File Format*.

use std::io::Read;

use flate2::read::ZlibDecoder;

/// The most values of all arrays of a file together.
const MAX_VALUES: usize = 1 << 27;
/// The most bytes that the packed elements of a file may unpack to, all together.
const MAX_UNPACKED: u64 = 1 << 30;

const COMPRESSED: u32 = 15;
const MATRIX: u32 = 14;

/// One array.
#[derive(Clone, Debug, PartialEq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// Its sizes, at least two.
    pub dims: Vec<usize>,
    /// Its values, the first index running fastest.
    pub values: Vec<f32>,
}

/// The real numeric arrays of a file, in its order.
pub fn parse(bytes: &[u8]) -> Result<Vec<Variable>, String> {
    if bytes.starts_with(b"\x89HDF") || bytes.starts_with(b"MATLAB 7.3") {
        return Err("a MATLAB 7.3 (HDF5) file; save it with save(..., \"-v7\")".into());
    }
    let order = match bytes.get(126..128) {
        Some(b"IM") => Order { little: true },
        Some(b"MI") => Order { little: false },
        _ => return Err("not a MATLAB 5 file: bytes 127 and 128 are not IM or MI; save it with -v7".into()),
    };
    let mut found = Vec::new();
    let mut total = 0;
    let mut left = MAX_UNPACKED;
    let mut rest = bytes.get(128..).unwrap_or_default();
    while !rest.is_empty() {
        // Some writers leave fewer bytes than a tag at the end.
        if rest.len() < 8 {
            break;
        }
        let (element, after) = order.element(rest)?;
        rest = after;
        match element.kind {
            MATRIX => found.extend(order.array(element.data, &mut total)?),
            COMPRESSED => {
                let unpacked = unpack(element.data, &mut left)?;
                let (inner, _) = order.element(&unpacked)?;
                if inner.kind == MATRIX {
                    found.extend(order.array(inner.data, &mut total)?);
                }
            }
            _ => {}
        }
    }
    Ok(found)
}

/// Unpacks an array out of what the whole file may still hold.
fn unpack(packed: &[u8], left: &mut u64) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = ZlibDecoder::new(packed).take(*left + 1).read_to_end(&mut bytes);
    read.map_err(|e| format!("a packed array cannot be unpacked: {e}"))?;
    let unpacked = bytes.len() as u64;
    *left = left.checked_sub(unpacked).ok_or_else(|| {
        format!("its packed arrays hold more than the {} GiB that are unpacked of a file", MAX_UNPACKED >> 30)
    })?;
    Ok(bytes)
}

/// Bytes of a number of this type.
fn width_of(kind: u32) -> Option<usize> {
    match kind {
        1 | 2 => Some(1),
        3 | 4 => Some(2),
        5..=7 => Some(4),
        9 | 12 | 13 => Some(8),
        _ => None,
    }
}

#[derive(Clone, Copy)]
struct Order {
    little: bool,
}

struct Element<'a> {
    kind: u32,
    data: &'a [u8],
}

impl Order {
    fn u32(self, bytes: &[u8]) -> Result<u32, String> {
        let four: [u8; 4] = bytes.get(..4).and_then(|b| b.try_into().ok()).ok_or("it ends within a number")?;
        Ok(if self.little { u32::from_le_bytes(four) } else { u32::from_be_bytes(four) })
    }

    /// The first element of `bytes`, and what follows it.
    fn element(self, bytes: &[u8]) -> Result<(Element<'_>, &[u8]), String> {
        let first = self.u32(bytes)?;
        let short = |needed: usize| format!("an element of {needed} bytes, but {} are left", bytes.len());
        let (kind, small) = (first & 0xffff, (first >> 16) as usize);
        if small > 0 {
            if small > 4 {
                return Err(format!("a small element of {small} bytes"));
            }
            let data = bytes.get(4..4 + small).ok_or_else(|| short(small))?;
            return Ok((Element { kind, data }, bytes.get(8..).unwrap_or_default()));
        }
        let length = self.u32(bytes.get(4..).unwrap_or_default())? as usize;
        let end = 8usize.checked_add(length).filter(|e| *e <= bytes.len()).ok_or_else(|| short(length))?;
        let padded = if kind == COMPRESSED { end } else { end.next_multiple_of(8) };
        Ok((Element { kind, data: &bytes[8..end] }, bytes.get(padded..).unwrap_or_default()))
    }

    /// The array in a matrix element, if it is numeric and real.
    fn array(self, bytes: &[u8], total: &mut usize) -> Result<Option<Variable>, String> {
        if bytes.is_empty() {
            return Ok(None);
        }
        let (flags, rest) = self.element(bytes)?;
        let flags = self.u32(flags.data)?;
        // Classes 6 (double) to 15 (unsigned 64 bits); the flag 0x800 is complex.
        if !(6..=15).contains(&(flags & 0xff)) || flags & 0x800 != 0 {
            return Ok(None);
        }
        let (dims, rest) = self.element(rest)?;
        let dims: Vec<usize> =
            dims.data.chunks_exact(4).map(|b| self.u32(b).map(|v| v as usize)).collect::<Result<_, _>>()?;
        let (name, rest) = self.element(rest)?;
        let name = String::from_utf8_lossy(name.data).into_owned();
        let count = dims.iter().try_fold(1usize, |n, d| n.checked_mul(*d)).unwrap_or(usize::MAX);
        if dims.len() < 2 || dims.len() > 16 || count > MAX_VALUES.saturating_sub(*total) {
            return Err(format!("the array \"{name}\" of sizes {dims:?}: at most {MAX_VALUES} values are read"));
        }
        if count == 0 {
            return Ok(None);
        }
        *total += count;
        let (data, _) = self.element(rest)?;
        // Before anything is made of the bytes: packed zeros can be a thousand times longer than the file.
        let size = width_of(data.kind).ok_or_else(|| format!("numbers of the unknown type {}", data.kind))?;
        if data.data.len() / size != count {
            let held = data.data.len() / size;
            return Err(format!("the array \"{name}\" of sizes {dims:?} holds {held} values"));
        }
        let values = self.numbers(data.kind, data.data)?;
        Ok(Some(Variable { name, dims, values }))
    }

    fn numbers(self, kind: u32, data: &[u8]) -> Result<Vec<f32>, String> {
        macro_rules! read {
            ($number:ty) => {{
                let size = std::mem::size_of::<$number>();
                let convert = |bytes: &[u8]| {
                    let mut exact = [0u8; std::mem::size_of::<$number>()];
                    exact.copy_from_slice(bytes);
                    let value =
                        if self.little { <$number>::from_le_bytes(exact) } else { <$number>::from_be_bytes(exact) };
                    let value = value as f32;
                    if value.is_finite() { value } else { f32::NAN }
                };
                data.chunks_exact(size).map(convert).collect()
            }};
        }
        Ok(match kind {
            1 => read!(i8),
            2 => read!(u8),
            3 => read!(i16),
            4 => read!(u16),
            5 => read!(i32),
            6 => read!(u32),
            7 => read!(f32),
            9 => read!(f64),
            12 => read!(i64),
            13 => read!(u64),
            _ => return Err(format!("numbers of the unknown type {kind}")),
        })
    }
}

#[cfg(test)]
mod tests;
