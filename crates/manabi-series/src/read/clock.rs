//! What time stamps say: the sampling interval, gaps, irregular steps.
//!
//! The interval is the median of the first steps. A step of about `k ≥ 2` intervals is a gap of `k − 1` rows: with
//! `resample = "auto"` a short one is filled with missing rows, and a long one ends the piece from which windows are
//! cut.

use serde::{Deserialize, Serialize};

/// Rows whose steps give the interval.
pub const LEARN: usize = 256;
/// The most rows that are filled in one gap: fewer than the smallest window that is chosen by itself, so that no window
/// holds nothing.
const MAX_FILL: u64 = 12;

/// What is done where time jumps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Resample {
    /// Short gaps become missing rows, long ones end a piece.
    #[default]
    Auto,
    /// Rows are taken as they stand.
    None,
}

/// What the time stamps of a recording say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Timing {
    /// The median step; `None` if steps are irregular.
    pub interval: Option<f64>,
    /// True if stamps are dates or their unit is known, so that it is the second here; else it is the column's own.
    pub seconds: bool,
    /// Steps of two intervals or more.
    pub gaps: u64,
    /// The longest of them.
    pub longest: f64,
    /// Steps back in time or of no length.
    pub backwards: u64,
    /// Rows that were filled in.
    pub filled: u64,
}

/// What lies between the row before and this one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing.
    Next,
    /// So many rows are missing.
    Fill(u64),
    /// So much that what follows is another piece.
    Break,
}

/// Reads time stamps one by one.
#[derive(Clone, Debug)]
pub struct Clock {
    mode: Resample,
    last: Option<f64>,
    /// What was found so far.
    pub timing: Timing,
}

impl Clock {
    /// A clock whose interval is the median of the steps between `times`, the first rows of the recording.
    pub fn new(times: &[f64], seconds: bool, mode: Resample) -> Self {
        let mut steps: Vec<f64> = times.windows(2).map(|w| w[1] - w[0]).filter(|d| *d > 0.0).collect();
        steps.sort_unstable_by(f64::total_cmp);
        let median = steps.get(steps.len() / 2).copied();
        let regular = median.filter(|m| {
            let near = steps.iter().filter(|d| (*d / m - (*d / m).round()).abs() <= 0.2).count();
            // A fifth of an interval off is still on the grid; of steps of any length two fifths would be.
            10 * near >= 7 * steps.len()
        });
        Self { mode, last: None, timing: Timing { interval: regular, seconds, ..Timing::default() } }
    }

    /// What lies between the last row and one at `time`.
    pub fn step(&mut self, time: f64) -> Step {
        let Some(last) = self.last.filter(|_| time.is_finite()) else {
            self.last = self.last.or(Some(time).filter(|t| t.is_finite()));
            return Step::Next;
        };
        self.last = Some(time);
        let step = time - last;
        if step <= 0.0 {
            self.timing.backwards += 1;
            return if step < 0.0 && self.mode == Resample::Auto { Step::Break } else { Step::Next };
        }
        let Some(interval) = self.timing.interval else { return Step::Next };
        let missing = (step / interval).round() - 1.0;
        if missing < 1.0 {
            return Step::Next;
        }
        self.timing.gaps += 1;
        self.timing.longest = self.timing.longest.max(step);
        match self.mode {
            Resample::None => Step::Next,
            Resample::Auto if missing > MAX_FILL as f64 => Step::Break,
            Resample::Auto => {
                self.timing.filled += missing as u64;
                Step::Fill(missing as u64)
            }
        }
    }
}

/// The factor to seconds that the name of a time column tells: `time_s`, `t [ms]`, `Time (us)`, `seconds`.
pub fn named_unit(name: &str) -> Option<f64> {
    let name = name.trim().to_lowercase();
    let words: Vec<&str> = name.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).collect();
    let of_time = |word: &str| matches!(word, "time" | "t" | "ts" | "timestamp" | "elapsed" | "datetime");
    let unit = match words.as_slice() {
        [unit] if unit.len() > 2 => unit,
        [time, unit] if of_time(time) => unit,
        _ => return None,
    };
    Some(match *unit {
        "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
        "ms" | "msec" | "millis" | "millisecond" | "milliseconds" => 1e-3,
        "us" | "µs" | "μs" | "usec" | "micros" | "microsecond" | "microseconds" => 1e-6,
        "ns" | "nanos" | "nanosecond" | "nanoseconds" => 1e-9,
        "min" | "mins" | "minute" | "minutes" => 60.0,
        "h" | "hr" | "hour" | "hours" => 3_600.0,
        _ => return None,
    })
}

/// The factor to seconds of a column of whole numbers that count since 1970, by their size.
pub fn epoch_unit(first: f64) -> Option<f64> {
    // 2001 to 2286 in seconds, and the same in thousandths, millionths and billionths.
    [1.0, 1e-3, 1e-6, 1e-9].into_iter().find(|unit| (1e9..1e10).contains(&(first * unit)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(times: &[f64], mode: Resample) -> (Vec<Step>, Timing) {
        let mut clock = Clock::new(times, true, mode);
        let steps = times.iter().map(|t| clock.step(*t)).collect();
        (steps, clock.timing)
    }

    #[test]
    fn short_gaps_are_filled_and_long_ones_end_a_piece() {
        let times = [0.0, 1.0, 2.0, 3.0, 6.0, 7.0, 100.0, 101.0];
        let (found, timing) = steps(&times, Resample::Auto);
        assert_eq!(found[4..], [Step::Fill(2), Step::Next, Step::Break, Step::Next]);
        assert_eq!((timing.interval, timing.gaps, timing.longest, timing.filled), (Some(1.0), 2, 93.0, 2));
        let (found, timing) = steps(&times, Resample::None);
        assert!(found.iter().all(|s| *s == Step::Next) && timing.gaps == 2 && timing.filled == 0);
    }

    #[test]
    fn jitter_is_no_gap_and_irregular_steps_have_no_interval() {
        let (found, timing) = steps(&[0.0, 1.1, 2.0, 2.9, 4.05], Resample::Auto);
        assert!(found.iter().all(|s| *s == Step::Next) && timing.gaps == 0 && timing.interval.is_some());
        let (_, timing) = steps(&[0.0, 1.0, 2.4, 9.0, 10.6, 40.0, 41.4], Resample::Auto);
        assert_eq!((timing.interval, timing.gaps), (None, 0));
    }

    #[test]
    fn steps_back_and_equal_stamps_are_counted() {
        let (found, timing) = steps(&[0.0, 1.0, 1.0, 2.0, 0.0, 1.0], Resample::Auto);
        assert_eq!((timing.backwards, found[4]), (2, Step::Break));
    }

    #[test]
    fn a_columns_name_tells_its_unit() {
        let names = ["time_s", "Time [ms]", "t (us)", "seconds", "elapsed_min", "Time"];
        assert_eq!(names.map(named_unit), [Some(1.0), Some(1e-3), Some(1e-6), Some(1.0), Some(60.0), None]);
        assert_eq!(
            ["s", "speed_s", "pressure [h]", "", "hour"].map(named_unit),
            [None, None, None, None, Some(3_600.0)]
        );
    }

    #[test]
    fn counts_since_1970_are_told_by_their_size() {
        assert_eq!(epoch_unit(1_583_748_873.0), Some(1.0));
        assert_eq!(epoch_unit(1_583_748_873_000.0), Some(1e-3));
        assert_eq!(epoch_unit(12.0), None);
    }
}
