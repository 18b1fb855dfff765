//! TensorBoard event files, written by hand.
//!
//! A record is `length (u64, LE) · masked CRC32C of the length · payload · masked CRC32C of
//! the payload`; the payload is a protobuf `Event { wall_time = 1, step = 2,
//! file_version = 3, summary = 5, session_log = 7 }` with `Summary { value = 1 { tag = 1,
//! simple_value = 2 } }` (tensorflow/core/util/event.proto). A resumed run starts a new file
//! with a session start at its step, at which TensorBoard drops the later points.

use std::{
    fs::{self, File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
};

use super::files::explain;
use crate::Result;

/// An open event file.
#[derive(Debug)]
pub struct EventWriter {
    path: PathBuf,
    file: File,
}

impl EventWriter {
    /// A new event file in `folder` for a run that has done `step` steps; `unix` is the time of day.
    pub fn create(folder: &Path, step: u64, unix: f64) -> Result<Self> {
        fs::create_dir_all(folder).map_err(|e| explain(folder, e))?;
        let path = folder.join(format!("events.out.tfevents.{:010}.manabi.{step}.{}", unix as u64, std::process::id()));
        let file = OpenOptions::new().append(true).create(true).open(&path).map_err(|e| explain(&path, e))?;
        let mut writer = Self { path, file };
        let mut version = Vec::new();
        double(&mut version, 1, unix);
        bytes(&mut version, 3, b"brain.Event:2");
        writer.record(&version)?;
        let mut start = Vec::new();
        double(&mut start, 1, unix);
        varint_field(&mut start, 2, step);
        let mut session = Vec::new();
        varint_field(&mut session, 1, 1); // START
        bytes(&mut start, 7, &session);
        writer.record(&start)?;
        Ok(writer)
    }

    /// Writes the figures of `step`.
    pub fn write(&mut self, step: u64, unix: f64, figures: &[(String, f64)]) -> Result<()> {
        let mut event = Vec::new();
        double(&mut event, 1, unix);
        varint_field(&mut event, 2, step);
        let mut summary = Vec::new();
        for (name, value) in figures {
            let mut entry = Vec::new();
            bytes(&mut entry, 1, name.as_bytes());
            entry.push(2 << 3 | 5);
            entry.extend((*value as f32).to_le_bytes());
            bytes(&mut summary, 1, &entry);
        }
        bytes(&mut event, 5, &summary);
        self.record(&event)
    }

    fn record(&mut self, payload: &[u8]) -> Result<()> {
        let length = (payload.len() as u64).to_le_bytes();
        let mut record = Vec::with_capacity(payload.len() + 16);
        record.extend(length);
        record.extend(masked_crc(&length).to_le_bytes());
        record.extend(payload);
        record.extend(masked_crc(payload).to_le_bytes());
        self.file.write_all(&record).map_err(|e| explain(&self.path, e))
    }
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn varint_field(out: &mut Vec<u8>, field: u64, value: u64) {
    varint(out, field << 3);
    varint(out, value);
}

fn double(out: &mut Vec<u8>, field: u64, value: f64) {
    varint(out, field << 3 | 1);
    out.extend(value.to_le_bytes());
}

fn bytes(out: &mut Vec<u8>, field: u64, value: &[u8]) {
    varint(out, field << 3 | 2);
    varint(out, value.len() as u64);
    out.extend(value);
}

/// CRC-32C (Castagnoli, reflected polynomial 0x82F63B78), rotated and shifted as TFRecord wants it.
fn masked_crc(data: &[u8]) -> u32 {
    let mut crc = !0u32;
    for &byte in data {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0x82F6_3B78 & (crc & 1).wrapping_neg());
        }
    }
    (!crc).rotate_right(15).wrapping_add(0xA282_EAD8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_crc32c() {
        // The check value of CRC-32C for "123456789" is 0xE3069283.
        assert_eq!(masked_crc(b"123456789"), 0xE306_9283u32.rotate_right(15).wrapping_add(0xA282_EAD8));
    }

    #[test]
    fn records_read_back_with_good_checksums_and_figures() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = EventWriter::create(dir.path(), 0, 1.5).unwrap();
        writer.write(300, 2.5, &[("loss".into(), 0.25)]).unwrap();
        let data = fs::read(&writer.path).unwrap();
        let mut records = Vec::new();
        let mut rest = &data[..];
        while !rest.is_empty() {
            let length = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
            assert_eq!(u32::from_le_bytes(rest[8..12].try_into().unwrap()), masked_crc(&rest[..8]));
            let payload = &rest[12..12 + length];
            assert_eq!(u32::from_le_bytes(rest[12 + length..16 + length].try_into().unwrap()), masked_crc(payload));
            records.push(payload.to_vec());
            rest = &rest[16 + length..];
        }
        assert_eq!(records.len(), 3);
        assert!(records[0].windows(13).any(|w| w == b"brain.Event:2"));
        let mut expected = vec![9];
        expected.extend(2.5f64.to_le_bytes());
        expected.extend([16, 0xAC, 0x02]); // step 300
        expected.extend([42, 13, 10, 11, 10, 4]); // summary { value { tag (4 bytes)
        expected.extend(b"loss");
        expected.push(21);
        expected.extend(0.25f32.to_le_bytes());
        assert_eq!(records[2], expected);
    }
}
