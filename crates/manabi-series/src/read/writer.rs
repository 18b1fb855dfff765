//! Rows with time stamps on their way into the catalogue: the clock is learnt from the first ones, gaps are filled
//! or become breaks.

use manabi_core::Result;

use super::clock::{Clock, LEARN, Resample, Step};
use crate::recording::{Catalogue, Recording};

/// What a row says beside its values.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Mark {
    /// Its time, if there are time stamps.
    pub time: Option<f64>,
    /// The number of its label's word, if there is a label column.
    pub label: Option<Option<u32>>,
    /// Whether it is flagged, if there is a flag column.
    pub flag: Option<bool>,
}

/// Writes the rows of one recording.
#[derive(Debug)]
pub struct Writer<'a> {
    catalogue: &'a mut Catalogue,
    mode: Resample,
    /// True if time stamps are in seconds.
    seconds: bool,
    width: usize,
    /// The first rows, until the clock is known.
    values: Vec<f32>,
    marks: Vec<Mark>,
    clock: Option<Clock>,
}

impl<'a> Writer<'a> {
    /// Begins `recording`.
    pub fn begin(catalogue: &'a mut Catalogue, recording: Recording, mode: Resample, seconds: bool) -> Self {
        let width = recording.width();
        catalogue.begin(recording);
        Self { catalogue, mode, seconds, width, values: Vec::new(), marks: Vec::new(), clock: None }
    }

    /// The catalogue, for its words.
    pub fn catalogue(&mut self) -> &mut Catalogue {
        self.catalogue
    }

    /// Appends a row.
    pub fn push(&mut self, values: &[f32], mark: Mark) -> Result<()> {
        if self.clock.is_some() {
            return self.emit(values, mark);
        }
        self.values.extend_from_slice(values);
        self.marks.push(mark);
        if self.marks.len() == LEARN { self.learn() } else { Ok(()) }
    }

    fn learn(&mut self) -> Result<()> {
        let times: Vec<f64> = self.marks.iter().filter_map(|m| m.time).collect();
        self.clock = Some(Clock::new(&times, self.seconds, self.mode));
        let (values, marks) = (std::mem::take(&mut self.values), std::mem::take(&mut self.marks));
        for (row, mark) in values.chunks_exact(self.width).zip(marks) {
            self.emit(row, mark)?;
        }
        Ok(())
    }

    fn emit(&mut self, values: &[f32], mark: Mark) -> Result<()> {
        let step = match (&mut self.clock, mark.time) {
            (Some(clock), Some(time)) => clock.step(time),
            _ => Step::Next,
        };
        match step {
            Step::Next => {}
            Step::Fill(rows) => {
                // As long as nothing else is said, the label before a gap goes on, and no flag does.
                let nothing = vec![f32::NAN; self.width];
                for _ in 0..rows {
                    if mark.flag.is_some() {
                        self.catalogue.flag_row(false);
                    }
                    self.catalogue.push(&nothing)?;
                }
            }
            Step::Break => {
                if let Some(recording) = self.catalogue.recordings.last_mut() {
                    recording.breaks.push(recording.rows);
                }
            }
        }
        if let Some(label) = mark.label {
            self.catalogue.label_rows(label)?;
        }
        if let Some(flag) = mark.flag {
            self.catalogue.flag_row(flag);
        }
        self.catalogue.push(values)
    }

    /// Ends the recording.
    pub fn finish(mut self) -> Result<()> {
        if self.clock.is_none() {
            self.learn()?;
        }
        let timed = self.clock.take().map(|c| c.timing).filter(|t| t.interval.is_some() || t.gaps + t.backwards > 0);
        let Catalogue { recordings, words, .. } = self.catalogue;
        if let Some(recording) = recordings.last_mut() {
            recording.timing = timed;
            // One label from first to last is the recording's.
            if let [(_, word)] = recording.runs[..] {
                recording.label = word.and_then(|w| words.get(w as usize).cloned());
                recording.runs.clear();
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(times: &[f64], labels: &[&str]) -> Catalogue {
        let mut catalogue = Catalogue::new(1 << 16);
        let recording = Recording { channels: ["a".to_string()].into(), ..Recording::default() };
        let mut writer = Writer::begin(&mut catalogue, recording, Resample::Auto, true);
        for (row, time) in times.iter().enumerate() {
            let label = labels.get(row).map(|l| Some(writer.catalogue().word(l)));
            writer.push(&[row as f32], Mark { time: Some(*time), label, flag: Some(row == 1) }).unwrap();
        }
        writer.finish().unwrap();
        catalogue
    }

    #[test]
    fn a_gap_becomes_missing_rows_or_a_break() {
        let catalogue = written(&[0.0, 1.0, 2.0, 4.0, 5.0, 99.0], &[]);
        let recording = &catalogue.recordings[0];
        let flagged = recording.flagged.as_ref().unwrap().first();
        assert_eq!((recording.rows, &recording.breaks[..], flagged), (7, &[6][..], Some(&(1..2))));
        let mut values = [0.0; 7];
        catalogue.store.read(0, &mut values).unwrap();
        assert!(values[3].is_nan() && values[4] == 3.0 && values[6] == 5.0);
    }

    #[test]
    fn one_label_for_all_rows_is_the_recordings() {
        let catalogue = written(&[0.0, 1.0, 2.0], &["x", "x", "x"]);
        assert_eq!((catalogue.recordings[0].label.as_deref(), catalogue.recordings[0].runs.len()), (Some("x"), 0));
        assert_eq!(written(&[0.0, 1.0], &["x", "y"]).recordings[0].runs, [(0, Some(0)), (1, Some(1))]);
    }

    #[test]
    fn more_rows_than_the_clock_needs_are_written_in_order() {
        let times: Vec<f64> = (0..2 * LEARN + 3).map(|i| i as f64 / 50.0).collect();
        let catalogue = written(&times, &[]);
        let mut values = vec![0.0; times.len()];
        catalogue.store.read(0, &mut values).unwrap();
        assert!(values.iter().enumerate().all(|(i, v)| *v == i as f32));
        assert!((catalogue.recordings[0].timing.as_ref().unwrap().interval.unwrap() - 0.02).abs() < 1e-9);
    }
}
