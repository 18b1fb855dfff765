//! What readers bring: recordings, whose values lie in one [`Store`].

use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
    path::PathBuf,
    sync::Arc,
};

use manabi_core::{
    Error, Result,
    data::{Entry, Skipped, Split},
};

use crate::{
    read::{clock::Timing, wide::split_of},
    store::Store,
};

/// Changes of the row label within one recording before its column is refused as no label.
const MAX_RUNS: usize = 4_000_000;

/// Remaining life: what a machine that ran to failure had left.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Life {
    /// Steps left at the last row; an earlier row has one more each.
    pub last: f64,
    /// No row has more than this.
    pub cap: f64,
    /// True if only the end of the recording is to be judged (a test engine).
    pub end_only: bool,
}

/// One recording: rows of one value a channel, in the order of time.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    /// Path relative to the dataset; `path:group` where a file holds several.
    pub id: String,
    /// The file.
    pub path: PathBuf,
    /// Names of the channels, in the order of a row.
    pub channels: Arc<[String]>,
    /// Its first value in the store.
    pub start: u64,
    /// Number of rows.
    pub rows: u64,
    /// True if it is one sample by its format (a line of a UCR file), which is never cut.
    pub whole: bool,
    /// Where it stands in its file, for formats of many series a file.
    pub part: Option<Range<u64>>,
    /// Its class.
    pub label: Option<String>,
    /// What it shares with others (machine, subject).
    pub group: Option<String>,
    /// The official split.
    pub split: Option<Split>,
    /// Labels of rows: first row of a run, and its word's number in [`Catalogue::words`].
    pub runs: Vec<(u64, Option<u32>)>,
    /// Rows that are flagged as anomalous; `None` where nothing is known.
    pub flagged: Option<Vec<Range<u64>>>,
    /// Rows before which time jumps: no window crosses them.
    pub breaks: Vec<u64>,
    /// Remaining life.
    pub life: Option<Life>,
    /// A number to be regressed, one for the whole recording.
    pub target: Option<f64>,
    /// The column of a row that is no channel but the number to be regressed.
    pub target_column: Option<usize>,
    /// What the time stamps say.
    pub timing: Option<Timing>,
}

impl Recording {
    /// A recording of the file that `entry` names; its side too where the name ends in `TRAIN` or `TEST`.
    pub fn of(entry: &Entry, channels: Arc<[String]>) -> Self {
        Self {
            id: entry.id.clone(),
            path: entry.path.clone(),
            channels,
            label: entry.label.clone(),
            group: entry.group.clone(),
            split: entry.split.or_else(|| split_of(entry.path.file_stem()?.to_str()?)),
            target: entry.target,
            ..Self::default()
        }
    }

    /// Values of a row in the store: channels, and the number to be regressed where there is a column of it.
    pub fn width(&self) -> usize {
        self.channels.len() + usize::from(self.target_column.is_some())
    }
}

/// All recordings of a dataset.
#[derive(Debug, Default)]
pub struct Catalogue {
    /// Their values.
    pub store: Store,
    /// The recordings, in the order of their ids within a file.
    pub recordings: Vec<Recording>,
    /// The words that label rows.
    pub words: Vec<String>,
    numbers: HashMap<String, u32>,
    /// Files that could not be used.
    pub skipped: Vec<Skipped>,
    /// Remarks, with the number of times that each was made.
    pub remarks: BTreeMap<String, u64>,
}

/// A state to go back to.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    recordings: usize,
    values: u64,
}

impl Catalogue {
    /// An empty one, with up to `memory` bytes of values in memory.
    pub fn new(memory: u64) -> Self {
        Self { store: Store::new(memory), ..Self::default() }
    }

    /// The present state.
    pub fn mark(&self) -> Mark {
        Mark { recordings: self.recordings.len(), values: self.store.len() }
    }

    /// Forgets what came after `mark`.
    pub fn back_to(&mut self, mark: Mark) -> Result<()> {
        self.recordings.truncate(mark.recordings);
        self.store.truncate(mark.values)
    }

    /// Begins a recording, to whose end rows are now pushed.
    pub fn begin(&mut self, recording: Recording) {
        self.recordings.push(Recording { start: self.store.len(), rows: 0, ..recording });
    }

    /// Appends rows to the last recording.
    pub fn push(&mut self, rows: &[f32]) -> Result<()> {
        if let Some(recording) = self.recordings.last_mut() {
            recording.rows += (rows.len() / recording.width().max(1)) as u64;
            self.store.push(rows)?;
        }
        Ok(())
    }

    /// Number of the word `text`, which is new or known.
    pub fn word(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = self.words.len() as u32;
        self.words.push(text.to_string());
        self.numbers.insert(text.to_string(), number);
        number
    }

    /// Says that the next row of the last recording, and those after it, bear this label.
    pub fn label_rows(&mut self, word: Option<u32>) -> Result<()> {
        let Some(recording) = self.recordings.last_mut() else { return Ok(()) };
        if recording.runs.last().map(|r| r.1) != Some(word) {
            if recording.runs.len() >= MAX_RUNS {
                return Err(Error::file(&recording.path, "the label changes more than four million times"));
            }
            recording.runs.push((recording.rows, word));
        }
        Ok(())
    }

    /// Says whether the next row of the last recording is flagged.
    pub fn flag_row(&mut self, flagged: bool) {
        let Some(recording) = self.recordings.last_mut() else { return };
        let at = recording.rows;
        let ranges = recording.flagged.get_or_insert_default();
        match ranges.last_mut() {
            _ if !flagged => {}
            Some(last) if last.end == at => last.end += 1,
            _ => ranges.push(at..at + 1),
        }
    }

    /// Makes a remark; equal ones are counted.
    pub fn remark(&mut self, text: impl Into<String>) {
        *self.remarks.entry(text.into()).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_file_leaves_nothing_behind() {
        let mut catalogue = Catalogue::new(8);
        let names: Arc<[String]> = ["a".to_string()].into();
        catalogue.begin(Recording { channels: names.clone(), ..Recording::default() });
        catalogue.push(&[1.0, 2.0]).unwrap();
        let mark = catalogue.mark();
        catalogue.begin(Recording { channels: names, ..Recording::default() });
        catalogue.push(&[3.0; 100]).unwrap();
        catalogue.back_to(mark).unwrap();
        assert_eq!((catalogue.recordings.len(), catalogue.store.len(), catalogue.recordings[0].rows), (1, 2, 2));
    }

    #[test]
    fn labels_and_flags_of_rows_are_kept_as_runs() {
        let mut catalogue = Catalogue::new(100);
        catalogue.begin(Recording { channels: ["a".to_string()].into(), ..Recording::default() });
        let (walk, run) = (catalogue.word("walk"), catalogue.word("run"));
        for (word, flag) in [(walk, false), (walk, true), (run, true), (run, false), (walk, true)] {
            catalogue.label_rows(Some(word)).unwrap();
            catalogue.flag_row(flag);
            catalogue.push(&[0.0]).unwrap();
        }
        let recording = &catalogue.recordings[0];
        assert_eq!(recording.runs, [(0, Some(walk)), (2, Some(run)), (4, Some(walk))]);
        assert_eq!(recording.flagged, Some(vec![1..3, 4..5]));
    }
}
