//! How long recordings are cut into the rows of a dataset.

use std::ops::Range;

use crate::{
    config::{SeriesConfig, SplitRule},
    read::cmapss,
    recording::Recording,
};

/// Steps of a window where sampling is fast: vibration at 12 000 a second turns two or three times within them.
const FAST: usize = 1024;
/// Steps of any other window.
const SLOW: usize = 128;
/// Recordings up to this length are rows as they are, where each has one label.
const SHORT: u64 = 512;
/// So many recordings at least, or they are cut all the same.
const MANY: usize = 8;
/// At least so many windows of the median recording, where recordings are kept whole.
const FEW: u64 = 2;
/// The same where each is split by position: 70 % of it, a gap of one window, and what is left of the last 30 %.
const PARTS: u64 = 8;
/// Fewer windows than this overlap where recordings are kept whole: the same values seen at four phases are more to
/// learn from, and no split tears them apart.
const SCARCE: u64 = 1000;
/// So many windows begin within one.
const PHASES: usize = 4;
/// A piece shorter than a window is padded if it has at least this share of it, and left out otherwise.
const LEAST_SHARE: u64 = 4;

/// The windows' size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Steps of a window.
    pub window: usize,
    /// Steps from one to the next.
    pub stride: usize,
}

/// What cutting left out or changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cuts {
    /// Pieces shorter than a window that are padded.
    pub padded: u64,
    /// Pieces too short even for that.
    pub left_out: u64,
}

/// Recordings that are short, many and of one label each become rows as they are.
pub fn keep_short(recordings: &mut [Recording], config: &SeriesConfig) {
    let one_label = |r: &Recording| r.whole || (r.runs.is_empty() && r.flagged.is_none() && r.life.is_none());
    let short = |r: &Recording| r.whole || (r.rows <= SHORT && r.breaks.is_empty() && r.target_column.is_none());
    let labelled = recordings.iter().any(|r| r.label.is_some() || r.target.is_some());
    // What was fitted to such recordings has the longest training row for its window: longer ones are shrunk.
    let fitted = config.window.is_some() && config.window == config.length;
    if (config.window.is_none() || fitted)
        && labelled
        && recordings.len() >= MANY
        && recordings.iter().all(|r| one_label(r) && short(r))
    {
        recordings.iter_mut().for_each(|r| r.whole = true);
    }
}

/// The plan for `recordings`: what the settings say, else what fits the data: at least two windows of the median
/// recording, eight where it is split by position.
pub fn plan(recordings: &[Recording], config: &SeriesConfig, rule: SplitRule) -> Plan {
    let least = if rule == SplitRule::Position { PARTS } else { FEW };
    let mut rows: Vec<u64> = recordings.iter().filter(|r| !r.whole).map(|r| r.rows).collect();
    rows.sort_unstable();
    let median = rows.get(rows.len() / 2).copied().unwrap_or(0);
    let engines = recordings.iter().any(|r| r.life.is_some());
    let window = config.window.unwrap_or_else(|| {
        if engines {
            return cmapss::WINDOW;
        }
        let wanted = if is_fast(recordings, median) { FAST } else { SLOW };
        let most = usize::try_from(median / least).unwrap_or(usize::MAX).max(1);
        wanted.min(1 << most.ilog2()).max(16)
    });
    let scarce = rows.iter().sum::<u64>() < SCARCE * window as u64;
    let stride = config.stride.unwrap_or(match rule {
        _ if engines && window == cmapss::WINDOW => 1,
        SplitRule::Recording if scarce => (window / PHASES).max(1),
        _ => window,
    });
    Plan { window, stride }
}

/// True if the recordings are sampled a hundred times a second or more, or are that long without time stamps.
fn is_fast(recordings: &[Recording], median: u64) -> bool {
    let mut intervals: Vec<f64> =
        recordings.iter().filter_map(|r| r.timing.as_ref().filter(|t| t.seconds)?.interval).collect();
    intervals.sort_unstable_by(f64::total_cmp);
    match intervals.get(intervals.len() / 2) {
        Some(interval) => *interval <= 0.01,
        None => median >= 20_000 && recordings.iter().all(|r| r.timing.is_none()),
    }
}

/// The windows of the rows `section` of a recording: none crosses a break. With remaining life they are counted from
/// the end, so that the last one ends with the recording.
pub fn cut(recording: &Recording, section: Range<u64>, plan: Plan, cuts: &mut Cuts) -> Vec<Range<u64>> {
    if recording.whole {
        return vec![section];
    }
    let (window, stride) = (plan.window as u64, plan.stride.max(1) as u64);
    let inner = recording.breaks.iter().copied().filter(|b| section.start < *b && *b < section.end);
    let mut edges: Vec<u64> = std::iter::once(section.start).chain(inner).collect();
    edges.push(section.end);
    let mut windows = Vec::new();
    for piece in edges.windows(2) {
        let (start, end) = (piece[0], piece[1]);
        let length = end.saturating_sub(start);
        if length >= window {
            let offset = if recording.life.is_some() { (length - window) % stride } else { 0 };
            let mut from = start + offset;
            while from + window <= end {
                windows.push(from..from + window);
                from += stride;
            }
        } else if length > 0 && length * LEAST_SHARE >= window {
            cuts.padded += 1;
            windows.push(start..end);
        } else {
            cuts.left_out += u64::from(length > 0);
        }
    }
    if recording.life.is_some_and(|l| l.end_only) {
        windows.drain(..windows.len().saturating_sub(1));
    }
    windows
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{read::clock::Timing, recording::Life};

    fn recording(rows: u64) -> Recording {
        Recording { rows, channels: ["a".to_string()].into(), ..Recording::default() }
    }

    fn planned(recordings: &[Recording]) -> Plan {
        plan(recordings, &SeriesConfig::default(), SplitRule::Recording)
    }

    #[test]
    fn the_window_follows_rate_and_length() {
        let timed = |interval: f64, rows: u64| Recording {
            timing: Some(Timing { interval: Some(interval), seconds: true, ..Timing::default() }),
            ..recording(rows)
        };
        assert_eq!(planned(&[timed(1.0 / 12_000.0, 120_000)]), Plan { window: 1024, stride: 256 });
        assert_eq!(planned(&[timed(1.0 / 12_000.0, 1_100_000)]), Plan { window: 1024, stride: 1024 });
        assert_eq!(planned(&[recording(120_000)]).window, 1024);
        assert_eq!(planned(&[timed(1.0, 120_000)]).window, 128);
        assert_eq!(planned(&[timed(1.0, 200)]).window, 64);
        assert_eq!(
            plan(&[timed(1.0, 200)], &SeriesConfig::default(), SplitRule::Position),
            Plan { window: 16, stride: 16 }
        );
        assert_eq!(planned(&[recording(9)]).window, 16);
        let life = Some(Life { last: 0.0, cap: 125.0, end_only: false });
        assert_eq!(planned(&[Recording { life, ..recording(200) }]), Plan { window: 30, stride: 1 });
        let config = SeriesConfig { window: Some(50), stride: Some(10), ..SeriesConfig::default() };
        assert_eq!(plan(&[recording(9)], &config, SplitRule::Recording), Plan { window: 50, stride: 10 });
    }

    #[test]
    fn many_short_labelled_recordings_are_rows_as_they_are() {
        let mut recordings: Vec<Recording> =
            (0..10).map(|i| Recording { label: Some("x".into()), ..recording(90 + i) }).collect();
        keep_short(&mut recordings, &SeriesConfig::default());
        assert!(recordings.iter().all(|r| r.whole));
        let windows = cut(&recordings[3], 0..93, Plan { window: 16, stride: 16 }, &mut Cuts::default());
        assert_eq!((windows.len(), windows[0].end), (1, 93));
    }

    #[test]
    fn a_short_piece_is_padded_or_left_out_and_counted() {
        let mut cuts = Cuts::default();
        let plan = Plan { window: 8, stride: 8 };
        let of = |rows, cuts: &mut Cuts| cut(&recording(rows), 0..rows, plan, cuts).len();
        assert_eq!([of(7, &mut cuts), of(2, &mut cuts), of(1, &mut cuts), of(20, &mut cuts)], [1, 1, 0, 2]);
        assert_eq!(cuts, Cuts { padded: 2, left_out: 1 });
    }

    #[test]
    fn with_remaining_life_the_last_window_ends_with_the_recording() {
        let life = |end_only| Some(Life { last: 0.0, cap: 125.0, end_only });
        let plan = Plan { window: 4, stride: 3 };
        let of =
            |end_only| cut(&Recording { life: life(end_only), ..recording(12) }, 0..12, plan, &mut Cuts::default());
        assert_eq!(of(false), [2..6, 5..9, 8..12]);
        assert_eq!(of(true), of(false)[2..]);
    }

    proptest! {
        #[test]
        fn windows_stay_in_their_piece(
            rows in 0u64..200, breaks in proptest::collection::btree_set(1u64..200, 0..4),
            window in 4usize..40, stride in 1usize..50,
        ) {
            let recording = Recording { breaks: breaks.into_iter().collect(), ..recording(rows) };
            for found in cut(&recording, 0..rows, Plan { window, stride }, &mut Cuts::default()) {
                prop_assert!(found.end <= rows && found.end - found.start <= window as u64);
                prop_assert!(recording.breaks.iter().all(|b| !(found.start < *b && *b < found.end)));
            }
        }
    }
}
