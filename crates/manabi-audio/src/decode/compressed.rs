//! FLAC, MP3, Ogg Vorbis, AAC and AIFF through symphonia, whose panics on broken files are caught.
//!
//! A part is found by seeking a little ahead of it and decoding up to its end, so that a long file is never decoded
//! whole. Packets that cannot be decoded are left out; more than one in a hundred is an error.

use std::{
    fs::File,
    ops::Range,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use symphonia::core::{
    audio::GenericAudioBufferRef,
    codecs::audio::{AudioCodecParameters, AudioDecoderOptions},
    errors::Error as Failure,
    formats::{FormatReader, SeekMode, SeekTo, TrackType, probe::Hint},
    io::MediaSourceStream,
    packet::Packet,
    units::Timestamp,
};

use super::{Reason, check_facts, checked, clock::Clock, samples::mean_of_channels};
use crate::clip::Facts;

/// Frames decoded ahead of a part: codecs that look back (MP3's bit reservoir, overlapping windows) are then right.
const AHEAD: u64 = 8_192;
/// How far a file may be shorter than its header says, in frames: encoders pad.
const SLACK: usize = 4_800;

/// What the file says of itself; where it does not tell its length, its packets are counted.
pub fn probe(path: &Path) -> Reason<Facts> {
    guarded(|| Opened::new(path, None).map(|opened| opened.facts))
}

/// The frames `part` (all if it is `None`), channels averaged.
pub fn read(path: &Path, part: Option<Range<u64>>) -> Reason<(Vec<f32>, Facts)> {
    guarded(|| {
        let mut opened = Opened::new(path, part.as_ref().map(|part| part.end))?;
        let facts = opened.facts;
        let part = checked(part, &facts)?;
        Ok((opened.read(part)?, facts))
    })
}

fn guarded<T>(work: impl FnOnce() -> Reason<T>) -> Reason<T> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err("the decoder broke down on this file; it is damaged".into()))
}

struct Opened {
    reader: Box<dyn FormatReader>,
    track: u32,
    codec: AudioCodecParameters,
    clock: Clock,
    facts: Facts,
}

fn reader(path: &Path) -> Reason<Box<dyn FormatReader>> {
    let file = File::open(path).map_err(|e| e.to_string())?;
    let stream = MediaSourceStream::new(Box::new(file), Default::default());
    let mut hint = Hint::new();
    if let Some(extension) = path.extension().and_then(|e| e.to_str()) {
        hint.with_extension(extension);
    }
    symphonia::default::get_probe()
        .probe(&hint, stream, Default::default(), Default::default())
        .map_err(|e| format!("no recording of a known kind (WAV, FLAC, MP3, Ogg Vorbis, AAC, AIFF): {e}"))
}

impl Opened {
    /// `known` frames are there, if the file does not tell: whoever asks for a part has had them counted, and a long
    /// file must not be walked once for every clip.
    fn new(path: &Path, known: Option<u64>) -> Reason<Self> {
        let mut reader = reader(path)?;
        let found = reader.default_track(TrackType::Audio).ok_or("it holds no sound track")?;
        let codec = found.codec_params.as_ref().and_then(|c| c.audio()).cloned().ok_or("its coding is unknown")?;
        let rate = codec.sample_rate.ok_or("it does not tell its sampling rate")?;
        let (track, clock) = (found.id, Clock::new(found, rate));
        let frames = match found.num_frames.or(known) {
            Some(frames) => frames,
            None => {
                let counted = count(reader.as_mut(), track, &clock)?;
                // Begin again: not every format can be sought back to its first packet.
                reader = self::reader(path)?;
                counted
            }
        };
        let channels = codec.channels.as_ref().map_or(1, |c| u16::try_from(c.count()).unwrap_or(u16::MAX));
        let bits = codec.bits_per_sample.and_then(|b| u16::try_from(b).ok()).unwrap_or(0);
        let facts = check_facts(Facts { rate, channels, bits, frames })?;
        Ok(Self { reader, track, codec, clock, facts })
    }

    fn read(&mut self, part: Range<u64>) -> Reason<Vec<f32>> {
        let mut decoder = symphonia::default::get_codecs()
            .make_audio_decoder(&self.codec, &AudioDecoderOptions::default())
            .map_err(|e| e.to_string())?;
        let ahead = part.start.saturating_sub(AHEAD);
        if ahead > 0 {
            let ts = Timestamp::new(self.clock.ticks(ahead));
            let to = SeekTo::Timestamp { ts, track_id: self.track };
            self.reader.seek(SeekMode::Accurate, to).map_err(|e| format!("cannot be sought: {e}"))?;
            decoder.reset();
        }
        let wanted = (part.end - part.start) as usize;
        // A header may promise more than there is: room beyond a minute is taken as it fills.
        let mut samples = Vec::with_capacity(wanted.min(1 << 22));
        let (mut place, mut packets, mut bad) = (None, 0usize, 0usize);
        let mut interleaved = Vec::new();
        while samples.len() < wanted {
            let Some(packet) = next(self.reader.as_mut())? else { break };
            if packet.track_id != self.track {
                continue;
            }
            packets += 1;
            let begins = self.clock.place(packet.pts.get()).max(0) as u64;
            let at = *place.get_or_insert(begins);
            let channels = match decoder.decode(&packet) {
                Ok(buffer) => copy(&buffer, &mut interleaved),
                // Ahead of the part a packet may refer to one that was not read.
                Err(Failure::DecodeError(_)) => {
                    bad += usize::from(begins >= part.start);
                    place = None;
                    continue;
                }
                Err(e) => return Err(e.to_string()),
            };
            let frames = interleaved.len() / channels.max(1);
            let skip = usize::try_from(part.start.saturating_sub(at)).unwrap_or(usize::MAX).min(frames);
            let take = (frames - skip).min(wanted - samples.len());
            mean_of_channels(&interleaved[skip * channels..(skip + take) * channels], channels, &mut samples);
            place = Some(at + frames as u64);
        }
        if bad * 100 > packets {
            return Err(format!("{bad} of {packets} packets are damaged"));
        }
        if samples.is_empty() || samples.len() + SLACK < wanted {
            return Err(format!("the file is cut off: {} of {wanted} samples could be read", samples.len()));
        }
        Ok(samples)
    }
}

/// Interleaved floats of a decoded packet, and its channels.
fn copy(buffer: &GenericAudioBufferRef<'_>, to: &mut Vec<f32>) -> usize {
    buffer.copy_to_vec_interleaved(to);
    buffer.num_planes()
}

/// The next packet; `None` at the end, also where the file ends early.
fn next(reader: &mut dyn FormatReader) -> Reason<Option<Packet>> {
    match reader.next_packet() {
        Ok(packet) => Ok(packet),
        Err(Failure::IoError(e)) if e.kind() == std::io::ErrorKind::UnexpectedEof => Ok(None),
        // A second stream after the first one.
        Err(Failure::ResetRequired) => Ok(None),
        Err(e) => Err(e.to_string()),
    }
}

/// Frames of the track, by walking its packets.
fn count(reader: &mut dyn FormatReader, track: u32, clock: &Clock) -> Reason<u64> {
    let mut ticks = 0i64;
    while let Some(packet) = next(reader)? {
        if packet.track_id == track {
            ticks = ticks.saturating_add(i64::try_from(packet.dur.get()).unwrap_or(i64::MAX));
        }
    }
    Ok(clock.frames(ticks).max(0) as u64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn write(dir: &tempfile::TempDir, name: &str, bytes: &[u8]) -> std::path::PathBuf {
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// An AIFF file: big-endian 16 bits, one channel, 8 000 Hz (as an 80-bit float).
    fn aiff(values: &[i16]) -> Vec<u8> {
        let data: Vec<u8> = values.iter().flat_map(|v| v.to_be_bytes()).collect();
        let mut file = b"FORM".to_vec();
        file.extend((4 + 26 + 16 + data.len() as u32).to_be_bytes());
        file.extend(b"AIFFCOMM\0\0\0\x12\0\x01");
        file.extend((values.len() as u32).to_be_bytes());
        file.extend([0, 16, 0x40, 0x0b, 0xfa, 0, 0, 0, 0, 0, 0, 0]);
        file.extend(b"SSND");
        file.extend((8 + data.len() as u32).to_be_bytes());
        file.extend([0; 8]);
        file.extend(data);
        file
    }

    #[test]
    fn aiff_is_read_whole_and_in_part() {
        let dir = tempfile::tempdir().unwrap();
        let values: Vec<i16> = (0..20_000).map(|i| (i * 37 % 20_011) as i16).collect();
        let path = write(&dir, "x.aiff", &aiff(&values));
        let facts = probe(&path).unwrap();
        assert_eq!(facts, Facts { rate: 8_000, channels: 1, bits: 16, frames: 20_000 });
        let whole = read(&path, None).unwrap().0;
        let wanted: Vec<f32> = values.iter().map(|v| f32::from(*v) / 32_768.0).collect();
        assert_eq!(whole, wanted);
        assert_eq!(read(&path, Some(12_345..15_000)).unwrap().0, wanted[12_345..15_000]);
        assert!(read(&path, Some(19_000..20_001)).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn no_bytes_make_it_panic(
            bytes in proptest::collection::vec(any::<u8>(), 1..2_000),
            magic in prop_oneof![
                Just(&b"fLaC\0\0\0\x22"[..]), Just(&b"OggS\0\x02"[..]), Just(&b"ID3\x04\0\0"[..]),
                Just(&b"\xff\xfb\x90\x64"[..]), Just(&b"FORM\0\0\x10\0AIFF"[..]), Just(&b"\0\0\0\x18ftypM4A "[..]),
                Just(&b""[..]),
            ],
            extension in prop_oneof![Just("flac"), Just("ogg"), Just("mp3"), Just("m4a"), Just("aac"), Just("aiff")],
        ) {
            let dir = tempfile::tempdir().unwrap();
            let path = write(&dir, &format!("x.{extension}"), &[magic, &bytes].concat());
            let _ = probe(&path);
            let _ = read(&path, None);
        }
    }
}
