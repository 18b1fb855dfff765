use std::io::Cursor;

use hound::{SampleFormat, WavSpec, WavWriter};
use proptest::prelude::*;

use super::*;

fn read(bytes: &[u8]) -> Reason<(Facts, Vec<f32>)> {
    let mut file = Cursor::new(bytes);
    let header = read_header(&mut file, bytes.len() as u64)?;
    let samples = read_frames(&mut file, &header, 0..header.facts.frames)?;
    Ok((header.facts, samples))
}

fn spec(channels: u16, bits: u16, float: bool) -> WavSpec {
    let sample_format = if float { SampleFormat::Float } else { SampleFormat::Int };
    WavSpec { channels, sample_rate: 8_000, bits_per_sample: bits, sample_format }
}

/// A file that hound writes, of whole numbers.
fn written(spec: WavSpec, values: &[i32]) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let mut writer = WavWriter::new(&mut bytes, spec).unwrap();
    values.iter().for_each(|v| writer.write_sample(*v).unwrap());
    writer.finalize().unwrap();
    bytes.into_inner()
}

/// A header by hand: `tag`, channels, rate, bytes of a frame, bits, and the length that the data chunk claims.
fn by_hand(tag: u16, channels: u16, rate: u32, block: u16, bits: u16, claim: u32, data: &[u8]) -> Vec<u8> {
    let mut bytes = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0".to_vec();
    bytes.extend(tag.to_le_bytes());
    bytes.extend(channels.to_le_bytes());
    bytes.extend(rate.to_le_bytes());
    bytes.extend((rate.wrapping_mul(u32::from(block))).to_le_bytes());
    bytes.extend(block.to_le_bytes());
    bytes.extend(bits.to_le_bytes());
    bytes.extend(b"data");
    bytes.extend(claim.to_le_bytes());
    bytes.extend(data);
    bytes
}

/// Counts what is read.
struct Counted<R>(R, u64);

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        let read = self.0.read(to)?;
        self.1 += read as u64;
        Ok(read)
    }
}

impl<R: Seek> Seek for Counted<R> {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.0.seek(to)
    }
}

#[test]
fn every_depth_of_whole_numbers_that_hound_writes_is_read() {
    for (bits, scale) in [(8, 128.0), (16, 32_768.0), (24, 8_388_608.0), (32, 2_147_483_648.0f64)] {
        for channels in [1u16, 2, 3, 6] {
            let full = scale as i64;
            let values: Vec<i32> = (0..60).map(|i| ((i * 37 % 61 - 30) * full / 31) as i32).collect();
            let (facts, samples) = read(&written(spec(channels, bits, false), &values)).unwrap();
            assert_eq!(facts, Facts { rate: 8_000, channels, bits, frames: 60 / u64::from(channels) });
            let n = usize::from(channels);
            for (frame, sample) in values.chunks(n).zip(&samples) {
                let wanted = frame.iter().map(|v| f64::from(*v) / scale).sum::<f64>() / n as f64;
                assert!((f64::from(*sample) - wanted).abs() < 1e-6, "{bits} bits: {sample} instead of {wanted}");
            }
        }
    }
}

#[test]
fn floats_are_read_as_they_are() {
    let mut bytes = Cursor::new(Vec::new());
    let mut writer = WavWriter::new(&mut bytes, spec(1, 32, true)).unwrap();
    [0.5f32, -1.5, 0.0].iter().for_each(|v| writer.write_sample(*v).unwrap());
    writer.finalize().unwrap();
    assert_eq!(read(&bytes.into_inner()).unwrap().1, [0.5, -1.5, 0.0]);
    let data: Vec<u8> = [0.25f64, -0.5].iter().flat_map(|v| v.to_le_bytes()).collect();
    assert_eq!(read(&by_hand(3, 1, 8_000, 8, 64, 16, &data)).unwrap().1, [0.25, -0.5]);
}

#[test]
fn twenty_four_bits_in_four_bytes_are_read_in_either_place() {
    let upper: Vec<u8> = [0x4000_0000i32, -0x2000_0000].iter().flat_map(|v| v.to_le_bytes()).collect();
    assert_eq!(read(&by_hand(1, 1, 8_000, 4, 24, 8, &upper)).unwrap().1, [0.5, -0.25]);
    let lower: Vec<u8> = [0x0040_0001i32, -0x0020_0000].iter().flat_map(|v| v.to_le_bytes()).collect();
    let samples = read(&by_hand(1, 1, 8_000, 4, 24, 8, &lower)).unwrap().1;
    assert!((samples[0] - 0.5).abs() < 1e-6 && samples[1] == -0.25, "{samples:?}");
}

#[test]
fn a_header_that_lies_is_found_before_anything_is_read() {
    let reason = |bytes: &[u8]| read(bytes).unwrap_err();
    let cut = reason(&by_hand(1, 1, 8_000, 2, 16, 0x7fff_fff0, &[0; 16_000]));
    assert!(cut.contains("cut off") && cut.contains("1.00 s are there") && cut.contains("134217.73 s"), "{cut}");
    assert!(reason(&by_hand(1, 1, 8_000, 2, 16, 0, &[])).contains("zero seconds"));
    assert!(reason(&by_hand(1, 1, 999, 2, 16, 2, &[0; 2])).contains("999 samples a second"));
    assert!(reason(&by_hand(1, 1, 200_000, 2, 16, 2, &[0; 2])).contains("200000"));
    assert!(reason(&by_hand(1, 0, 8_000, 2, 16, 2, &[0; 2])).contains("0 channels"));
    assert!(reason(&by_hand(1, 65, 8_000, 130, 16, 130, &[0; 130])).contains("65 channels"));
    assert!(reason(&by_hand(1, 1, 8_000, 2, 24, 2, &[0; 2])).contains("24 bits in 2 bytes"));
    assert!(reason(&by_hand(6, 1, 8_000, 1, 8, 2, &[0; 2])).contains("A-law"));
    assert!(reason(b"RIFF\0\0\0\0WAVE").contains("no data chunk"));
}

#[test]
fn a_length_that_was_never_filled_in_means_to_the_end() {
    for claim in [0, u32::MAX] {
        assert_eq!(read(&by_hand(1, 1, 8_000, 2, 16, claim, &[0, 0x40, 0, 0xc0, 7])).unwrap().1, [0.5, -0.5]);
    }
}

#[test]
fn lengths_of_more_than_four_gibibytes_are_read_from_rf64() {
    let mut bytes = b"RF64\xff\xff\xff\xffWAVEds64\x1c\0\0\0".to_vec();
    bytes.extend(0u64.to_le_bytes());
    bytes.extend(4u64.to_le_bytes());
    bytes.extend([0; 12]);
    bytes.extend(&by_hand(1, 1, 8_000, 2, 16, u32::MAX, &[0, 0x40, 0, 0xc0, 9, 9, 9, 9])[12..]);
    assert_eq!(read(&bytes).unwrap().1, [0.5, -0.5]);
}

#[test]
fn a_part_is_read_by_seeking_and_nothing_else() {
    let values: Vec<i32> = (0..500_000).map(|i| i % 30_000).collect();
    let bytes = written(spec(1, 16, false), &values);
    let mut file = Counted(Cursor::new(&bytes), 0);
    let header = read_header(&mut file, bytes.len() as u64).unwrap();
    assert!(file.1 < 100, "{} bytes for the header", file.1);
    let part = read_frames(&mut file, &header, 400_000..400_100).unwrap();
    assert_eq!(part[7], f32::from((400_007 % 30_000) as i16) / 32_768.0);
    assert!(file.1 < 300, "{} bytes for 100 samples", file.1);
    assert!(read_frames(&mut file, &header, 499_999..500_001).is_err());
}

proptest! {
    #[test]
    fn no_bytes_make_the_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(&bytes);
        let mut file = b"RIFF\0\0\0\0WAVE".to_vec();
        file.extend(bytes);
        let _ = read(&file);
    }

    #[test]
    fn no_header_makes_the_parser_panic_or_give_more_than_is_there(
        tag in prop_oneof![Just(1u16), Just(3), Just(0xfffe), any::<u16>()],
        channels in 0u16..9,
        rate in any::<u32>(),
        block in 0u16..40,
        bits in 0u16..70,
        claim in any::<u32>(),
        data in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        if let Ok((facts, samples)) = read(&by_hand(tag, channels, rate, block, bits, claim, &data)) {
            prop_assert_eq!(samples.len() as u64, facts.frames);
            prop_assert!(samples.len() <= data.len());
        }
    }

    #[test]
    fn a_file_cut_anywhere_is_an_error_or_a_whole_file(cut in 0usize..1_044) {
        let bytes = written(spec(2, 16, false), &(0..500).collect::<Vec<_>>());
        let whole = read(&bytes).unwrap();
        if let Ok(found) = read(&bytes[..cut.min(bytes.len())]) {
            prop_assert_eq!(found.1, whole.1);
        }
    }

    #[test]
    fn what_hound_writes_is_read_back(
        values in proptest::collection::vec(any::<i16>(), 1..200),
        channels in 1u16..4,
    ) {
        let n = usize::from(channels);
        let values: Vec<i32> = values.iter().take(values.len() / n * n).map(|v| i32::from(*v)).collect();
        prop_assume!(!values.is_empty());
        let (facts, samples) = read(&written(spec(channels, 16, false), &values)).unwrap();
        prop_assert_eq!(facts.frames as usize, values.len() / n);
        for (frame, sample) in values.chunks(n).zip(samples) {
            let wanted = frame.iter().sum::<i32>() as f32 / 32_768.0 / n as f32;
            prop_assert!((sample - wanted).abs() < 1e-6);
        }
    }
}
