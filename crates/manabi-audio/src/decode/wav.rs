//! WAV files: RIFF and RF64, whole numbers of 8 to 32 bits and floats of 32 or 64, plain or `WAVE_FORMAT_EXTENSIBLE`.
//!
//! The header is walked chunk by chunk and held against the file's length, so that a header that lies is found before
//! memory is taken; a part of the samples is read by seeking. A length of 0 or 2³² − 1, which programs write that
//! cannot go back to mend it, means "up to the end of the file".

use std::{
    io::{Read, Seek, SeekFrom},
    ops::Range,
};

use super::{Reason, check_facts, samples::Format};
use crate::clip::Facts;

/// Chunks that are looked at before giving up: a real file has a dozen.
const MAX_CHUNKS: usize = 256;
/// Bytes that are read at once.
const BLOCK: usize = 1 << 16;

/// Where the samples of a WAV file lie and what they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    facts: Facts,
    format: Format,
    /// Bytes of a sample of all channels.
    frame_bytes: u64,
    /// Where the samples begin.
    start: u64,
}

impl Header {
    /// Rate, channels, bits and length.
    pub fn facts(&self) -> Facts {
        self.facts
    }
}

/// True if the file begins as a WAV file does; reading goes on from the beginning.
///
/// # Errors
/// If the file cannot be read.
pub fn is_wav(file: &mut (impl Read + Seek)) -> std::io::Result<bool> {
    let mut magic = Vec::new();
    file.by_ref().take(12).read_to_end(&mut magic)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(magic.len() == 12 && matches!(&magic[..4], b"RIFF" | b"RF64" | b"BW64") && &magic[8..] == b"WAVE")
}

/// The header of a file of `length` bytes, or why it cannot be read.
pub fn read_header(file: &mut (impl Read + Seek), length: u64) -> Reason<Header> {
    let mut at = 12;
    let (mut format, mut long_data) = (None, None);
    for _ in 0..MAX_CHUNKS {
        let Some(head) = bytes_at::<8>(file, at)? else { break };
        let size = u64::from(u32::from_le_bytes([head[4], head[5], head[6], head[7]]));
        at += 8;
        match &head[..4] {
            b"fmt " => format = Some(read_format(file, at, size)?),
            // RF64: lengths of 64 bits; those of 32 are then 2³² − 1.
            b"ds64" => long_data = bytes_at::<16>(file, at)?.and_then(|b| Some(u64::from_le_bytes(*b.last_chunk()?))),
            b"data" => {
                let Some((format, channels, rate, bits)) = format else {
                    return Err("its samples come before their format; save it again".into());
                };
                let frame_bytes = format.bytes() as u64 * u64::from(channels);
                let there = length.saturating_sub(at);
                let said = match long_data.filter(|_| size == u64::from(u32::MAX)) {
                    Some(long) => long,
                    None if size == 0 || size == u64::from(u32::MAX) => there,
                    None => size,
                };
                let frames = said / frame_bytes;
                if said > there {
                    let seconds = |bytes: u64| bytes as f64 / frame_bytes as f64 / f64::from(rate.max(1));
                    return Err(format!(
                        "the file is cut off: its header promises {:.2} s of sound, {:.2} s are there",
                        seconds(said),
                        seconds(there)
                    ));
                }
                let facts = check_facts(Facts { rate, channels, bits, frames })?;
                return Ok(Header { facts, format, frame_bytes, start: at });
            }
            _ => {}
        }
        // Chunks begin at even places.
        at = at.saturating_add(size + size % 2);
    }
    Err("the WAV file holds no samples: there is no data chunk".into())
}

/// Format, channels, rate and bits of the `fmt` chunk at `at`.
fn read_format(file: &mut (impl Read + Seek), at: u64, size: u64) -> Reason<(Format, u16, u32, u16)> {
    let cut = || "the WAV header is cut off".to_string();
    if size < 16 {
        return Err(format!("a format chunk of {size} bytes; 16 are needed"));
    }
    let b = bytes_at::<16>(file, at)?.ok_or_else(cut)?;
    let word = |i: usize| u16::from_le_bytes([b[i], b[i + 1]]);
    let (mut tag, channels, rate) = (word(0), word(2), u32::from_le_bytes([b[4], b[5], b[6], b[7]]));
    let (block, bits) = (word(12), word(14));
    if tag == 0xfffe && size >= 26 {
        // The first two bytes of the sub-format are the tag that it stands for.
        let extension = bytes_at::<26>(file, at)?.ok_or_else(cut)?;
        tag = u16::from_le_bytes([extension[24], extension[25]]);
    }
    if channels == 0 || block == 0 || !block.is_multiple_of(channels) {
        return Err(format!("{block} bytes for a sample of {channels} channels: the header is damaged"));
    }
    let bytes = block / channels;
    if bits == 0 || u32::from(bits) > u32::from(bytes) * 8 {
        return Err(format!("{bits} bits in {bytes} bytes: the header is damaged"));
    }
    let format = match (tag, bytes) {
        (1, 1) => Format::U8,
        (1, 2) => Format::I16,
        (1, 3) => Format::I24,
        (1, 4) if bits <= 24 => Format::I24In32,
        (1, 4) => Format::I32,
        (3, 4) => Format::F32,
        (3, 8) => Format::F64,
        _ => {
            let kind = match tag {
                1 => "whole numbers",
                2 | 17 => "ADPCM",
                3 => "floats",
                6 => "A-law",
                7 => "mu-law",
                _ => "an unknown coding",
            };
            return Err(format!("WAV coding {tag} ({kind}) with {bytes} bytes a sample is not read; save it as PCM"));
        }
    };
    Ok((format, channels, rate, bits))
}

/// `N` bytes at `at`, or `None` at the end of the file.
fn bytes_at<const N: usize>(file: &mut (impl Read + Seek), at: u64) -> Reason<Option<[u8; N]>> {
    let mut bytes = [0u8; N];
    file.seek(SeekFrom::Start(at)).map_err(|e| e.to_string())?;
    match file.read_exact(&mut bytes) {
        Ok(()) => Ok(Some(bytes)),
        Err(e) if e.kind() == std::io::ErrorKind::UnexpectedEof => Ok(None),
        Err(e) => Err(e.to_string()),
    }
}

/// The frames `part`, channels averaged. Reads these frames alone.
pub fn read_frames(file: &mut (impl Read + Seek), header: &Header, part: Range<u64>) -> Reason<Vec<f32>> {
    let Header { facts, format, frame_bytes, start } = *header;
    if part.end > facts.frames || part.start > part.end {
        return Err(format!("frames {part:?} of {}", facts.frames));
    }
    file.seek(SeekFrom::Start(start + part.start * frame_bytes)).map_err(|e| e.to_string())?;
    let count = (part.end - part.start) as usize;
    let mut samples = Vec::with_capacity(count);
    let frame = frame_bytes as usize;
    let mut block = vec![0u8; (BLOCK / frame).max(1) * frame];
    let mut low_bits = false;
    while samples.len() < count {
        let want = ((count - samples.len()) * frame).min(block.len());
        let block = &mut block[..want];
        file.read_exact(block).map_err(|e| format!("the file ends early: {e}"))?;
        low_bits |= format == Format::I24In32 && block.chunks_exact(4).any(|value| value[0] != 0);
        format.mono(block, usize::from(facts.channels), &mut samples);
    }
    if low_bits && samples.iter().all(|v| v.abs() * 256.0 <= 1.0) {
        // 24 bits lie in the upper bytes of 32, says the standard; where the lowest byte is used and the highest only
        // repeats the sign, they lie in the lower.
        samples.iter_mut().for_each(|v| *v *= 256.0);
    }
    Ok(samples)
}

#[cfg(test)]
mod tests;
