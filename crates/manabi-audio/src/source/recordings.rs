//! The source: short recordings decoded once and kept, clips of long ones read when they are asked for.

use std::{path::Path, sync::Arc};

use manabi_core::{
    Error, Result,
    data::{DataSpec, Entry, FileSource, Listing, Record, Skipped, Source},
};

use crate::{clip::Clip, decode::decode};

/// Where a row's samples come from.
enum Place {
    /// Row of the decoded files.
    Whole(usize),
    /// A part of a long file.
    Part(Box<Entry>),
}

/// Recordings at one working rate.
///
/// Opening decodes every short file once, so that a bad one is known before training starts. Of long files only the
/// headers have been read (a WAV header is held against the file's length): their clips are read by seeking each time
/// they are asked for, and take no memory meanwhile.
pub struct Recordings {
    records: Vec<Record>,
    classes: Vec<String>,
    skipped: Vec<Skipped>,
    notes: Vec<String>,
    whole: Option<FileSource<Clip>>,
    places: Vec<Place>,
    rate: u32,
}

impl Recordings {
    /// Opens the rows of `listing`, whose long files have been cut, at `rate` Hz.
    ///
    /// # Errors
    /// If more than `spec.max_bad` of the files cannot be read, or none can.
    pub fn open(listing: Listing, spec: &DataSpec, rate: u32) -> Result<Self> {
        let Listing { entries, skipped, notes } = listing;
        let (parts, files): (Vec<Entry>, Vec<Entry>) = entries.iter().cloned().partition(|e| e.part.is_some());
        let (whole, skipped, notes) = if files.is_empty() && !parts.is_empty() {
            (None, skipped, notes)
        } else {
            let listing = Listing { entries: files, skipped, notes };
            let source = FileSource::open(listing, spec, Clip::bytes, move |entry| read(entry, rate))?;
            let (skipped, notes) = (source.skipped().to_vec(), source.notes().to_vec());
            (Some(source), skipped, notes)
        };
        // Rows in the order of the listing, those that could not be decoded left out.
        let mut decoded = whole.iter().flat_map(|s| s.records().iter().map(|r| r.id.as_str())).enumerate().peekable();
        let (mut kept, mut places) = (Vec::with_capacity(entries.len()), Vec::with_capacity(entries.len()));
        for entry in entries {
            if entry.part.is_some() {
                places.push(Place::Part(Box::new(entry.clone())));
                kept.push(entry);
            } else if let Some((row, _)) = decoded.next_if(|(_, id)| *id == entry.id) {
                places.push(Place::Whole(row));
                kept.push(entry);
            }
        }
        drop(decoded);
        let (records, classes) = Listing { entries: kept, ..Listing::default() }.records();
        Ok(Self { records, classes, skipped, notes, whole, places, rate })
    }

    /// Adds a remark.
    pub fn note(&mut self, remark: String) {
        self.notes.push(remark);
    }

    /// Rows whose samples are in memory.
    pub fn cached(&self) -> usize {
        self.whole.as_ref().map_or(0, FileSource::cached)
    }
}

/// The clip of `entry`.
fn read(entry: &Entry, rate: u32) -> Result<Clip> {
    let path: &Path = &entry.path;
    decode(path, entry.part.clone(), rate).map(Clip::Wave)
}

impl Source<Clip> for Recordings {
    fn records(&self) -> &[Record] {
        &self.records
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn load(&self, index: usize) -> Result<Arc<Clip>> {
        match (self.places.get(index), &self.whole) {
            (Some(Place::Whole(row)), Some(source)) => source.load(*row),
            (Some(Place::Part(entry)), _) => Ok(Arc::new(read(entry, self.rate)?)),
            _ => Err(Error::data(format!("there is no row {index}; there are {}", self.places.len()))),
        }
    }

    fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }

    fn notes(&self) -> &[String] {
        &self.notes
    }
}
