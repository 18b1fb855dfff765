//! The source: short recordings decoded once and kept, clips of long ones read when they are asked for.

use std::{path::Path, sync::Arc};

use manabi_core::{
    Error, Result,
    data::{ALIKE, DataSpec, Entry, FileSource, Listing, Record, Skipped, Source, Split, tolerate},
};
use rayon::prelude::*;

use crate::{
    clip::Clip,
    decode::decode,
    inspect::{equal, fingerprint},
};

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
            check_bad(&skipped, &parts, spec)?;
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

    /// Gives files of equal content a common group, where they have none of their own and could be torn apart by a
    /// split that is still to be drawn. Looks at what is in memory, and at nothing unless that is every file.
    ///
    /// # Errors
    /// None that opening has not had.
    pub fn group_equal(&mut self) -> Result<()> {
        let drawn = self.records.iter().any(|r| r.split != Some(Split::Test) && r.group.is_none());
        let Some(whole) = self.whole.as_ref().filter(|w| drawn && w.cached() == w.len()) else { return Ok(()) };
        let contents: Vec<(usize, u64)> =
            (0..whole.len()).into_par_iter().map(|r| Ok(fingerprint(whole.load(r)?.wave()?))).collect::<Result<_>>()?;
        // The rows of the decoded files among all rows.
        let rows: Vec<usize> =
            (0..self.places.len()).filter(|r| matches!(self.places.get(*r), Some(Place::Whole(_)))).collect();
        let groups = equal(contents.into_iter());
        for group in &groups {
            let name = format!("{ALIKE}{}", self.records[rows[group[0]]].id);
            for row in group {
                self.records[rows[*row]].group.get_or_insert_with(|| name.clone());
            }
        }
        if !groups.is_empty() {
            let (rows, count) = (groups.iter().map(Vec::len).sum::<usize>(), groups.len());
            self.notes.push(format!("{rows} equal recordings in {count} groups: a group never stands in two splits"));
        }
        Ok(())
    }

    /// Rows whose samples are in memory.
    pub fn cached(&self) -> usize {
        self.whole.as_ref().map_or(0, FileSource::cached)
    }
}

/// An error if too many of the long files could not be read (of short ones [`FileSource`] says so).
fn check_bad(skipped: &[Skipped], parts: &[Entry], spec: &DataSpec) -> Result<()> {
    let files: std::collections::HashSet<&Path> = parts.iter().map(|e| e.path.as_path()).collect();
    let total = files.len() + skipped.len();
    tolerate(skipped, total, spec)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn write(dir: &Path, name: &str, value: i16) -> Entry {
        let spec = hound::WavSpec {
            channels: 1,
            sample_rate: 8_000,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let path = dir.join(name);
        let mut writer = hound::WavWriter::create(&path, spec).unwrap();
        (0..100).for_each(|i| writer.write_sample(value + i).unwrap());
        writer.finalize().unwrap();
        Entry::new(name, path)
    }

    #[test]
    fn equal_files_get_a_group_unless_they_have_one() {
        let dir = tempfile::tempdir().unwrap();
        let mut entries: Vec<Entry> = [("a.wav", 7), ("b.wav", 1), ("c.wav", 7), ("d.wav", 7)]
            .map(|(name, value)| write(dir.path(), name, value))
            .into();
        entries[3].group = Some("own".into());
        entries.insert(1, Entry { part: Some(10..20), ..Entry::new("a.wav@1", entries[0].path.clone()) });
        let spec = DataSpec::new(dir.path());
        let mut source = Recordings::open(Listing { entries, ..Listing::default() }, &spec, 8_000).unwrap();
        source.group_equal().unwrap();
        let groups: Vec<Option<&str>> = source.records().iter().map(|r| r.group.as_deref()).collect();
        assert_eq!(groups, [Some("like a.wav"), None, None, Some("like a.wav"), Some("own")]);
        assert!(source.notes()[0].starts_with("3 equal recordings in 1 groups"));
        assert_eq!(source.load(1).unwrap().wave().unwrap().samples.len(), 10);
    }

    #[test]
    fn long_files_that_cannot_be_read_are_counted_too() {
        let entry = Entry { part: Some(0..10), ..Entry::new("a.wav@0", "a.wav") };
        let skipped = vec![Skipped { id: "b.wav".into(), reason: "broken".into() }];
        let listing = Listing { entries: vec![entry], skipped, ..Listing::default() };
        let message = Recordings::open(listing.clone(), &DataSpec::new("data"), 8_000).err().unwrap().to_string();
        assert!(message.contains("1 of 2 files") && message.contains("b.wav (broken)"), "{message}");
        let spec = DataSpec { max_bad: 0.5, ..DataSpec::new("data") };
        assert_eq!(Recordings::open(listing, &spec, 8_000).unwrap().len(), 1);
    }
}
