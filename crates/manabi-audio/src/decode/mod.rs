//! Recordings to waveforms, with limits that hold before memory is taken.
//!
//! WAV files are read by [`wav`], everything else (FLAC, MP3, Ogg Vorbis, AAC in MP4 or alone, AIFF) by [`compressed`].
//! A part of a file is read by seeking: the rest of it is not looked at. Channels are averaged, and what has another
//! rate than the working one is resampled.

use std::{fs::File, io::BufReader, ops::Range, path::Path};

use manabi_core::{Error, Result};

use crate::clip::{Facts, Wave};

pub mod compressed;
pub mod resample;
mod samples;
pub mod wav;

/// Extensions of the files that are read.
pub const EXTENSIONS: &[&str] = &["wav", "flac", "mp3", "ogg", "oga", "m4a", "mp4", "aac", "aif", "aiff", "wave"];
/// Rates that are read, in Hz.
pub const RATES: Range<u32> = 1_000..192_001;
/// Files of more channels are refused.
pub const MAX_CHANNELS: u16 = 64;
/// Longer parts are refused: an hour at the highest rate.
pub const MAX_FRAMES: u64 = 192_000 * 3_600;
/// A larger value is not sound.
pub const MAX_VALUE: f32 = 1e6;

/// Why there is nothing to hear; the path is added by the caller.
pub(crate) type Reason<T> = std::result::Result<T, String>;

/// What the header of the file `path` says, checked against the file's length.
///
/// # Errors
/// If it is not a recording that can be read; nothing but the header is looked at, save where a compressed file does
/// not tell its length.
pub fn probe(path: &Path) -> Result<Facts> {
    let (mut file, length) = open(path)?;
    let facts = if wav::is_wav(&mut file).map_err(|e| Error::io(path, e))? {
        wav::read_header(&mut file, length).map(|header| header.facts())
    } else {
        compressed::probe(path)
    };
    facts.map_err(|reason| Error::file(path, reason))
}

/// The frames `part` of the file `path` (all of them if it is `None`), one channel at `rate` Hz.
///
/// # Errors
/// If the file cannot be read, ends early, or holds values that are not sound.
pub fn decode(path: &Path, part: Option<Range<u64>>, rate: u32) -> Result<Wave> {
    let (mut file, length) = open(path)?;
    let read = if wav::is_wav(&mut file).map_err(|e| Error::io(path, e))? {
        wav::read_header(&mut file, length).and_then(|header| {
            let facts = header.facts();
            let part = checked(part, &facts)?;
            Ok((wav::read_frames(&mut file, &header, part)?, facts))
        })
    } else {
        compressed::read(path, part)
    };
    let (samples, facts) = read.map_err(|reason| Error::file(path, reason))?;
    if let Some(at) = samples.iter().position(|v| !(v.abs() <= MAX_VALUE)) {
        let reason = format!("sample {at} is {}: not sound; save it again with values between -1 and 1", samples[at]);
        return Err(Error::file(path, reason));
    }
    let samples = resample::resample(samples, facts.rate, rate).map_err(|reason| Error::file(path, reason))?;
    Ok(Wave { samples, rate, facts })
}

fn open(path: &Path) -> Result<(BufReader<File>, u64)> {
    let file = File::open(path).map_err(|e| Error::io(path, e))?;
    let length = file.metadata().map_err(|e| Error::io(path, e))?.len();
    if length == 0 {
        return Err(Error::file(path, "the file is empty"));
    }
    Ok((BufReader::with_capacity(1 << 14, file), length))
}

/// The part that is to be read, within the file and the limit.
fn checked(part: Option<Range<u64>>, facts: &Facts) -> Reason<Range<u64>> {
    let part = part.unwrap_or(0..facts.frames);
    if part.start >= part.end || part.end > facts.frames {
        return Err(format!("frames {} to {} were asked for, but it has {}", part.start, part.end, facts.frames));
    }
    if part.end - part.start > MAX_FRAMES {
        return Err(format!("{} samples at once; at most {MAX_FRAMES} are read", part.end - part.start));
    }
    Ok(part)
}

/// An error if rate, channels or length cannot be.
fn check_facts(facts: Facts) -> Reason<Facts> {
    let Facts { rate, channels, frames, .. } = facts;
    if !RATES.contains(&rate) {
        return Err(format!("{rate} samples a second; {} to {} are read", RATES.start, RATES.end - 1));
    }
    if channels == 0 || channels > MAX_CHANNELS {
        return Err(format!("{channels} channels; 1 to {MAX_CHANNELS} are read"));
    }
    if frames == 0 {
        return Err("it holds no samples: zero seconds".into());
    }
    Ok(facts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_no_recording_is_refused_with_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.wav");
        std::fs::write(&path, b"").unwrap();
        assert!(probe(&path).unwrap_err().to_string().contains("empty"));
        std::fs::write(&path, b"not a recording at all, whatever its name says").unwrap();
        let message = decode(&path, None, 16_000).unwrap_err().to_string();
        assert!(message.contains("x.wav"), "{message}");
        assert!(probe(&dir.path().join("gone.wav")).is_err());
    }

    #[test]
    fn values_that_are_not_sound_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("nan.wav");
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: 8_000,
            bits_per_sample: 32,
            sample_format: hound::SampleFormat::Float,
        };
        for bad in [f32::NAN, f32::INFINITY, 1e30] {
            let mut writer = hound::WavWriter::create(&path, spec).unwrap();
            [0.0, bad, 0.5].iter().for_each(|v| writer.write_sample(*v).unwrap());
            writer.finalize().unwrap();
            let message = decode(&path, None, 8_000).unwrap_err().to_string();
            assert!(message.contains("sample 1 is"), "{message}");
        }
    }
}
