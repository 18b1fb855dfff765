//! Samples that were generated or unpacked: all in memory.

use std::sync::Arc;

use super::{Listing, Record, Skipped, Source};
use crate::{Error, Result};

/// A source whose samples are all in memory.
#[derive(Debug)]
pub struct MemorySource<S> {
    records: Vec<Record>,
    classes: Vec<String>,
    skipped: Vec<Skipped>,
    notes: Vec<String>,
    samples: Vec<Arc<S>>,
}

impl<S> MemorySource<S> {
    /// One sample for each entry of `listing`, in its order.
    pub fn new(listing: Listing, samples: Vec<S>) -> Result<Self> {
        if listing.entries.len() != samples.len() {
            let (rows, found) = (listing.entries.len(), samples.len());
            return Err(Error::data(format!("{rows} rows, but {found} samples")));
        }
        let (records, classes) = listing.records();
        let samples = samples.into_iter().map(Arc::new).collect();
        Ok(Self { records, classes, skipped: listing.skipped, notes: listing.notes, samples })
    }
}

impl<S: Send + Sync> Source<S> for MemorySource<S> {
    fn records(&self) -> &[Record] {
        &self.records
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn load(&self, index: usize) -> Result<Arc<S>> {
        let rows = self.samples.len();
        self.samples
            .get(index)
            .cloned()
            .ok_or_else(|| Error::data(format!("there is no row {index}; there are {rows}")))
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
    use super::{super::Entry, *};

    #[test]
    fn rows_and_samples_must_agree_in_number() {
        let listing = Listing { entries: vec![Entry::new("0", ""), Entry::new("1", "")], ..Listing::default() };
        assert!(MemorySource::new(listing.clone(), vec![1]).is_err());
        let source = MemorySource::new(listing, vec![10, 20]).unwrap();
        assert_eq!(*source.load(1).unwrap(), 20);
        assert!(source.load(2).is_err());
    }
}
