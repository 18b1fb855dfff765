//! What opening a dataset found, in one-line remarks: windows, sampling, gaps, what was left out.

use crate::{
    recording::Catalogue,
    window::{Cuts, Plan},
};

/// The remarks.
pub fn notes(catalogue: &Catalogue, plan: Plan, cuts: Cuts) -> Vec<String> {
    let mut notes: Vec<String> = catalogue
        .remarks
        .iter()
        .map(|(text, count)| if *count > 1 { format!("{text} ({count} times)") } else { text.clone() })
        .collect();
    let recordings = &catalogue.recordings;
    let long = recordings.iter().filter(|r| !r.whole);
    let (count, steps) = long.fold((0u64, 0u64), |(n, s), r| (n + 1, s + r.rows));
    if count > 0 {
        let Plan { window, stride } = plan;
        notes.push(format!(
            "{count} recordings of {steps} steps in all, cut into windows of {window} every {stride} steps"
        ));
    }
    if cuts.padded > 0 {
        notes.push(format!("{} pieces shorter than a window are padded with missing values", cuts.padded));
    }
    if cuts.left_out > 0 {
        notes.push(format!("{} pieces shorter than a quarter of a window are left out", cuts.left_out));
    }
    notes.extend(sampling(catalogue));
    notes.extend(jumps(catalogue));
    if recordings.iter().any(|r| r.life.is_some()) {
        let cap = recordings.iter().filter_map(|r| r.life).map(|l| l.cap).fold(0.0, f64::max);
        notes.push(format!("target: cycles left at a window's last row, at most {cap} (longer lives count as {cap})"));
    }
    if recordings.iter().any(|r| r.flagged.is_some()) {
        notes.push("a window is an anomaly if at least one of its rows is flagged".into());
    }
    if catalogue.store.spilled() > 0 {
        let (near, far) = (catalogue.store.allocated() >> 20, catalogue.store.spilled() >> 20);
        notes.push(format!("{far} MiB of values lie in a temporary file, {near} MiB in memory"));
    }
    notes
}

/// The intervals that occur, and a warning if they differ.
fn sampling(catalogue: &Catalogue) -> Option<String> {
    let mut intervals: Vec<(f64, bool)> = catalogue
        .recordings
        .iter()
        .filter_map(|r| r.timing.as_ref())
        .filter_map(|t| t.interval.map(|i| (i, t.seconds)))
        .collect();
    intervals.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let (first, last) = (intervals.first()?, intervals.last()?);
    let text = |(interval, seconds): &(f64, bool)| {
        let rounded = format!("{interval:.3e}").parse::<f64>().unwrap_or(*interval);
        if *seconds { format!("{rounded} s") } else { format!("{rounded} (in the unit of the time column)") }
    };
    if last.0 <= first.0 * 1.1 {
        return Some(format!("sampled every {}", text(&intervals[intervals.len() / 2])));
    }
    Some(format!(
        "recordings are sampled at different rates, every {} to every {}: windows of equal steps span different times; \
         read them apart, or bring them to one rate",
        text(first),
        text(last)
    ))
}

fn jumps(catalogue: &Catalogue) -> Vec<String> {
    let timings: Vec<_> = catalogue.recordings.iter().filter_map(|r| r.timing.as_ref()).collect();
    let mut notes = Vec::new();
    let gaps: u64 = timings.iter().map(|t| t.gaps).sum();
    if gaps > 0 {
        let longest = timings.iter().map(|t| t.longest).fold(0.0, f64::max);
        let unit = if timings.iter().all(|t| t.seconds) { " s" } else { "" };
        let filled: u64 = timings.iter().map(|t| t.filled).sum();
        let breaks: usize = catalogue.recordings.iter().map(|r| r.breaks.len()).sum();
        notes.push(format!(
            "{gaps} gaps in time, the longest of {longest}{unit}: {filled} missing rows filled in, {breaks} cuts (no \
             window crosses them)"
        ));
    }
    let irregular = timings.iter().filter(|t| t.interval.is_none()).count();
    if irregular > 0 {
        notes.push(format!("{irregular} recordings are sampled irregularly: their rows are taken as equal steps"));
    }
    let backwards: u64 = timings.iter().map(|t| t.backwards).sum();
    if backwards > 0 {
        notes.push(format!("{backwards} time stamps are not after the one before"));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{read::clock::Timing, recording::Recording};

    fn notes_of(intervals: &[f64]) -> Vec<String> {
        let mut catalogue = Catalogue::new(64);
        for interval in intervals {
            let timing =
                Timing { interval: Some(*interval), seconds: true, gaps: 1, longest: 5.0, ..Timing::default() };
            catalogue.begin(Recording { timing: Some(timing), ..Recording::default() });
        }
        notes(&catalogue, Plan { window: 8, stride: 4 }, Cuts { padded: 2, left_out: 0 })
    }

    #[test]
    fn rates_gaps_and_cuts_are_reported() {
        let notes = notes_of(&[1.0, 1.0]);
        for expected in
            ["windows of 8 every 4 steps", "2 pieces", "sampled every 1 s", "2 gaps in time, the longest of 5 s"]
        {
            assert!(notes.iter().any(|n| n.contains(expected)), "{expected}: {notes:?}");
        }
        assert!(notes_of(&[1.0, 0.1]).iter().any(|n| n.contains("different rates, every 0.1 s to every 1 s")));
    }
}
