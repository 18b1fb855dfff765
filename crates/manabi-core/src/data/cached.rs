//! Files decoded in parallel, kept in memory up to a budget, with bad files skipped.

use std::sync::Arc;

use rayon::prelude::*;

use super::{DataSpec, Entry, Listing, Record, Skipped, Source, tolerate};
use crate::{Error, Result};

/// Files decoded at once before the budget is looked at again: bounds what is held beyond it.
const CHUNK: usize = 256;

type Decode<S> = Box<dyn Fn(&Entry) -> Result<S> + Send + Sync>;

/// A source of one sample a file, or a part of a file.
///
/// Every file is decoded once when the source is opened, so that a bad one is known
/// before training starts. What fits into the budget stays in memory (the first rows, so
/// that it is the same ones every time); the rest is decoded again whenever it is asked for.
pub struct FileSource<S> {
    records: Vec<Record>,
    classes: Vec<String>,
    skipped: Vec<Skipped>,
    notes: Vec<String>,
    entries: Vec<Entry>,
    samples: Vec<Option<Arc<S>>>,
    decode: Decode<S>,
}

impl<S> std::fmt::Debug for FileSource<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FileSource({} rows, {} in memory)", self.entries.len(), self.cached())
    }
}

impl<S: Send + Sync> FileSource<S> {
    /// Decodes the files of `listing`. `bytes` tells how much memory a sample takes.
    ///
    /// Files that cannot be decoded are skipped; more than `spec.max_bad` of all is an
    /// error that names the first ones with their reasons.
    pub fn open(
        listing: Listing,
        spec: &DataSpec,
        bytes: impl Fn(&S) -> u64,
        decode: impl Fn(&Entry) -> Result<S> + Send + Sync + 'static,
    ) -> Result<Self> {
        let Listing { entries, mut skipped, mut notes } = listing;
        let total = entries.len() + skipped.len();
        let (mut kept, mut samples) = (Vec::with_capacity(entries.len()), Vec::with_capacity(entries.len()));
        let (mut used, mut full) = (0u64, false);
        for chunk in entries.chunks(CHUNK) {
            let decoded: Vec<Result<S>> = chunk.par_iter().map(&decode).collect();
            for (entry, result) in chunk.iter().zip(decoded) {
                match result {
                    Ok(sample) => {
                        let size = bytes(&sample);
                        full |= used.saturating_add(size) > spec.cache_bytes;
                        used += if full { 0 } else { size };
                        samples.push((!full).then(|| Arc::new(sample)));
                        kept.push(entry.clone());
                    }
                    Err(e) => skipped.push(Skipped { id: entry.id.clone(), reason: reason(e) }),
                }
            }
            // No need to read ten thousand broken files to know that there are too many.
            tolerate(&skipped, total, spec)?;
        }
        tolerate(&skipped, total, spec)?;
        if kept.is_empty() {
            return Err(Error::data(format!("{}: no file could be read", spec.path.display())));
        }
        let cached = samples.iter().flatten().count();
        if cached < kept.len() {
            notes.push(format!(
                "{cached} of {} files fit into the cache of {} MiB; the others are decoded again each time",
                kept.len(),
                spec.cache_bytes >> 20
            ));
        }
        let listing = Listing { entries: kept, ..Listing::default() };
        let (records, classes) = listing.records();
        Ok(Self { records, classes, skipped, notes, entries: listing.entries, samples, decode: Box::new(decode) })
    }
}

impl<S> FileSource<S> {
    /// How many samples are in memory.
    pub fn cached(&self) -> usize {
        self.samples.iter().flatten().count()
    }

    /// Adds a remark.
    pub fn note(&mut self, remark: String) {
        self.notes.push(remark);
    }

    /// Gives rows that have no group the one at their place in `groups`.
    pub fn fill_groups(&mut self, groups: &[Option<String>]) {
        for (record, group) in self.records.iter_mut().zip(groups) {
            if record.group.is_none() {
                record.group.clone_from(group);
            }
        }
    }
}

/// The reason without the path, which stands in [`Skipped::id`] already.
fn reason(error: Error) -> String {
    match error {
        Error::File { reason, .. } => reason,
        Error::Io { source, .. } => source.to_string(),
        other => other.to_string(),
    }
}

impl<S: Send + Sync> Source<S> for FileSource<S> {
    fn records(&self) -> &[Record] {
        &self.records
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn load(&self, index: usize) -> Result<Arc<S>> {
        match (self.samples.get(index), self.entries.get(index)) {
            (Some(Some(sample)), _) => Ok(sample.clone()),
            (_, Some(entry)) => Ok(Arc::new((self.decode)(entry)?)),
            _ => Err(Error::data(format!("there is no row {index}; there are {}", self.entries.len()))),
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

    /// Rows `0..n`, those in `bad` fail to decode; a sample is its number and takes 10 bytes.
    fn open(n: usize, bad: &'static [usize], cache: u64) -> Result<FileSource<usize>> {
        let entries =
            (0..n).map(|i| Entry { label: Some((i % 2).to_string()), ..Entry::new(format!("f{i}"), i.to_string()) });
        let listing = Listing { entries: entries.collect(), ..Listing::default() };
        let spec = DataSpec { cache_bytes: cache, ..DataSpec::new("data") };
        FileSource::open(
            listing,
            &spec,
            |_| 10,
            move |entry| {
                let path = &entry.path;
                let row: usize = path.to_str().unwrap().parse().unwrap();
                if bad.contains(&row) { Err(Error::file(path, "broken")) } else { Ok(row) }
            },
        )
    }

    #[test]
    fn bad_files_are_skipped_and_listed_with_their_reason() {
        let source = open(600, &[7, 400], 1 << 20).unwrap();
        assert_eq!(source.len(), 598);
        assert_eq!(source.skipped()[0], Skipped { id: "f7".into(), reason: "broken".into() });
        assert_eq!(source.records()[7].id, "f8");
        assert_eq!(*source.load(597).unwrap(), 599);
        assert_eq!(source.cached(), 598);
    }

    #[test]
    fn too_many_bad_files_are_an_error_that_names_the_first() {
        let message = open(20, &[3, 5], 1 << 20).unwrap_err().to_string();
        assert!(message.contains("2 of 20") && message.contains("f3 (broken), f5 (broken)"), "{message}");
        assert!(open(40, &[3, 5], 1 << 20).is_ok());
    }

    #[test]
    fn beyond_the_budget_samples_are_decoded_when_asked_for() {
        let source = open(300, &[], 95).unwrap();
        assert_eq!(source.cached(), 9);
        assert!((0..300).all(|i| *source.load(i).unwrap() == i));
        assert!(source.notes()[0].contains("9 of 300"));
        assert!(source.load(300).is_err());
    }

    #[test]
    fn groups_are_filled_only_where_there_is_none() {
        let mut source = open(2, &[], 100).unwrap();
        source.fill_groups(&[Some("a".into()), None]);
        source.fill_groups(&[Some("b".into()), Some("c".into())]);
        let groups: Vec<_> = source.records().iter().map(|r| r.group.as_deref()).collect();
        assert_eq!(groups, [Some("a"), Some("c")]);
    }
}
