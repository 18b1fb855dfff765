//! The rows of a dataset: windows of recordings, read from the store when they are asked for.

use std::{ops::Range, sync::Arc};

use manabi_core::{
    Error, Result,
    data::{Entry, Listing, Record, Skipped, Source},
};

use crate::{
    config::Fill,
    recording::{Catalogue, Recording},
    series::Series,
    split::{FLAGS, Section},
    store::Store,
    window::{Cuts, Plan, cut},
};

/// The windows of a catalogue.
#[derive(Debug)]
pub struct SeriesSource {
    store: Store,
    windows: Vec<Window>,
    columns: Vec<Arc<[usize]>>,
    fill: Fill,
    records: Vec<Record>,
    classes: Vec<String>,
    skipped: Vec<Skipped>,
    notes: Vec<String>,
}

/// One row: some rows of a recording.
#[derive(Clone, Copy, Debug)]
struct Window {
    recording: usize,
    /// First value in the store.
    start: u64,
    /// Steps.
    rows: usize,
    /// Values of a step in the store.
    width: usize,
}

/// The entries of all windows and what cutting left out, before labels from a file are applied.
pub fn list(catalogue: &Catalogue, sections: &[Vec<Section>], plan: Plan) -> Result<(Listing, Vec<usize>, Cuts)> {
    let mut cuts = Cuts::default();
    let (mut listing, mut owners) = (Listing::default(), Vec::new());
    for (number, (recording, sections)) in catalogue.recordings.iter().zip(sections).enumerate() {
        for section in sections {
            for rows in cut(recording, section.rows.clone(), plan, &mut cuts) {
                listing.entries.push(entry(catalogue, recording, section, rows)?);
                owners.push(number);
            }
        }
    }
    Ok((listing, owners, cuts))
}

fn entry(catalogue: &Catalogue, recording: &Recording, section: &Section, rows: Range<u64>) -> Result<Entry> {
    let id = if recording.whole { recording.id.clone() } else { format!("{}#{}", recording.id, rows.start) };
    let target = target(catalogue, recording, &rows)?;
    Ok(Entry {
        label: label(recording, &catalogue.words, &rows),
        group: section.group.clone(),
        split: section.split,
        part: Some(rows),
        target,
        ..Entry::new(id, &recording.path)
    })
}

/// A window is anomalous if any of its rows is flagged. Of labels of rows it bears the one that most of them bear, if
/// these are at least half.
fn label(recording: &Recording, words: &[String], rows: &Range<u64>) -> Option<String> {
    if let Some(flagged) = &recording.flagged {
        let next = flagged.partition_point(|f| f.end <= rows.start);
        let any = flagged.get(next).is_some_and(|f| f.start < rows.end);
        return Some(FLAGS[usize::from(any)].to_string());
    }
    if recording.runs.is_empty() {
        return recording.label.clone();
    }
    let first = recording.runs.partition_point(|(start, _)| *start <= rows.start).saturating_sub(1);
    let mut counts: Vec<(u32, u64)> = Vec::new();
    for (at, (start, word)) in recording.runs.iter().enumerate().skip(first) {
        if *start >= rows.end {
            break;
        }
        let end = recording.runs.get(at + 1).map_or(rows.end, |next| next.0.min(rows.end));
        let Some(word) = word else { continue };
        let share = end.saturating_sub((*start).max(rows.start));
        match counts.iter_mut().find(|(w, _)| w == word) {
            Some((_, count)) => *count += share,
            None => counts.push((*word, share)),
        }
    }
    let (word, count) = counts.into_iter().max_by_key(|(word, count)| (*count, std::cmp::Reverse(*word)))?;
    if 2 * count < rows.end - rows.start {
        return None;
    }
    words.get(word as usize).cloned()
}

/// The number to be regressed at the window's last row.
fn target(catalogue: &Catalogue, recording: &Recording, rows: &Range<u64>) -> Result<Option<f64>> {
    if let Some(life) = recording.life {
        return Ok(Some((life.last + (recording.rows - rows.end) as f64).min(life.cap)));
    }
    let Some(column) = recording.target_column else { return Ok(recording.target) };
    let width = recording.width() as u64;
    let mut value = [0.0];
    for row in rows.clone().rev() {
        catalogue.store.read(recording.start + row * width + column as u64, &mut value)?;
        if !value[0].is_nan() {
            return Ok(Some(f64::from(value[0])));
        }
    }
    Ok(None)
}

impl SeriesSource {
    /// The source of `listing`, whose rows belong to the recordings `owners`; `columns` are the places of the channels
    /// in each recording.
    pub fn new(
        catalogue: Catalogue,
        listing: Listing,
        owners: &[usize],
        columns: &[Arc<[usize]>],
        fill: Fill,
    ) -> Result<Self> {
        let (records, classes) = listing.records();
        let mut windows = Vec::with_capacity(owners.len());
        for (entry, owner) in listing.entries.iter().zip(owners) {
            let (Some(recording), Some(rows)) = (catalogue.recordings.get(*owner), &entry.part) else { continue };
            let width = recording.width();
            windows.push(Window {
                recording: *owner,
                start: recording.start + rows.start * width as u64,
                rows: usize::try_from(rows.end - rows.start).unwrap_or(0),
                width,
            });
        }
        if windows.len() != records.len() {
            return Err(Error::data(format!("{} rows, but {} windows", records.len(), windows.len())));
        }
        let Listing { skipped, notes, .. } = listing;
        Ok(Self { store: catalogue.store, windows, columns: columns.to_vec(), fill, records, classes, skipped, notes })
    }

    /// Bytes of values in memory.
    pub fn memory(&self) -> u64 {
        self.store.allocated()
    }
}

impl Source<Series> for SeriesSource {
    fn records(&self) -> &[Record] {
        &self.records
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn load(&self, index: usize) -> Result<Arc<Series>> {
        let missing = || Error::data(format!("there is no row {index}; there are {}", self.records.len()));
        let window = self.windows.get(index).ok_or_else(missing)?;
        let columns = self.columns.get(window.recording).ok_or_else(missing)?;
        let mut rows = vec![0.0; window.rows * window.width];
        self.store.read(window.start, &mut rows)?;
        let mut values = Vec::with_capacity(window.rows * columns.len());
        for column in columns.iter() {
            values.extend(rows.iter().skip(*column).step_by(window.width));
        }
        let mut series = Series::new(columns.len(), window.rows, values)?;
        if self.fill == Fill::Linear {
            series.interpolate();
        }
        Ok(Arc::new(series))
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
    use crate::recording::Life;

    fn recording(rows: u64) -> Recording {
        Recording { id: "f".into(), rows, channels: ["a".to_string(), "b".to_string()].into(), ..Recording::default() }
    }

    #[test]
    fn one_flagged_row_makes_a_window_anomalous() {
        let r = Recording { flagged: Some(vec![9..10, 25..26]), ..recording(30) };
        let labels = [0..9, 9..18, 0..10, 10..20].map(|rows| label(&r, &[], &rows).unwrap());
        assert_eq!(labels, ["normal", "anomaly", "anomaly", "normal"]);
    }

    #[test]
    fn a_window_bears_the_label_of_half_its_rows_or_none() {
        let words = ["x".to_string(), "y".to_string()];
        let r = Recording { runs: vec![(0, Some(0)), (10, None), (16, Some(1))], ..recording(30) };
        let of = |rows| label(&r, &words, &rows);
        assert_eq!((of(0..10), of(5..15), of(16..20)), (Some("x".into()), Some("x".into()), Some("y".into())));
        assert_eq!((of(8..18), of(14..18)), (None, Some("y".into())));
    }

    #[test]
    fn remaining_life_counts_down_and_is_capped() {
        let catalogue = Catalogue::default();
        let r = Recording { life: Some(Life { last: 2.0, cap: 10.0, end_only: false }), ..recording(30) };
        let of = |rows| target(&catalogue, &r, &rows).unwrap().unwrap();
        assert_eq!([of(0..30), of(0..27), of(0..4)], [2.0, 5.0, 10.0]);
    }

    #[test]
    fn windows_are_read_channel_by_channel() {
        let mut catalogue = Catalogue::new(16);
        catalogue.begin(Recording { target_column: Some(2), ..recording(0) });
        let rows: Vec<f32> = (0..6).flat_map(|i| [i as f32, 10.0 + i as f32, 100.0 + i as f32]).collect();
        catalogue.push(&rows).unwrap();
        let sections = [vec![Section { rows: 0..6, split: None, group: None }]];
        let (listing, owners, _) = list(&catalogue, &sections, Plan { window: 3, stride: 3 }).unwrap();
        assert_eq!((listing.entries[1].id.as_str(), listing.entries[1].target), ("f#3", Some(105.0)));
        let columns: Arc<[usize]> = [1, 0].into();
        let source = SeriesSource::new(catalogue, listing, &owners, &[columns], Fill::None).unwrap();
        assert_eq!(source.load(1).unwrap().values, [13.0, 14.0, 15.0, 3.0, 4.0, 5.0]);
        assert!(source.load(2).is_err());
    }
}
