//! The verdict: does self-supervision pay on this data, how many labels does it save, and what next.
//!
//! A pure function of rows, comparisons and monitor. It speaks of a win only where the paired intervals against all
//! three baselines lie above 0, and where that survives the correction for the budgets and readouts that were tried.

use super::schema::{Findings, Health, Pays, Report};
use super::text::wrap;

mod contrast;
mod risk;
mod saving;
mod wording;

use contrast::Contrast;
pub use risk::{MIN_GROUPS, sentence as risk_sentence};

/// A gain whose interval ends below this (one point) is no gain that anybody would pay for.
pub const MIN_GAIN: f64 = 0.01;
/// On fewer independent test rows than this nothing is said not to pay.
pub const MIN_PAIRS: usize = 20;
/// The level of the tests, for intervals of 95 %.
pub const LEVEL: f64 = 0.05;

/// Judges a report by its rows, comparisons, monitor, counts and costs. `verdict` and `findings` are not read.
pub fn judge(report: &Report) -> Findings {
    let risks = risk::of(report);
    let contrasts = contrast::all(&report.rows, &report.comparisons);
    let mut findings = Findings { risks, tried: contrasts.len(), ..Findings::default() };
    let Some(focus) = decide(report, &contrasts, &mut findings) else {
        wording::without_labels(report, &mut findings);
        return findings;
    };
    findings.representation = Some(focus.row.representation);
    findings.method = Some(focus.row.method.clone());
    findings.labels = Some(focus.row.labels);
    findings.fraction = Some(focus.row.fraction);
    findings.score = Some(focus.row.mean);
    findings.against = focus.against.clone();
    findings.corrected_p = focus.corrected_p;
    findings.saving = saving::of(focus.row, &report.rows);
    wording::with_labels(report, &contrasts, focus, &mut findings);
    findings
}

impl Findings {
    /// The three lines for a terminal of this width.
    pub fn terminal(&self, width: usize) -> String {
        self.lines.iter().map(|line| wrap(line, width, 2)).collect::<Vec<_>>().join("\n")
    }
}

/// Sets `pays` and returns what the verdict speaks of: the smallest budget with a win, else the smallest budget.
fn decide<'c, 'r>(report: &Report, contrasts: &'c [Contrast<'r>], findings: &mut Findings) -> Option<&'c Contrast<'r>> {
    let sound = !matches!(report.monitor.health, Health::Collapsed | Health::Diverged);
    let winner = contrasts
        .iter()
        .filter(|contrast| contrast.wins())
        .min_by(|a, b| a.row.labels.cmp(&b.row.labels).then(b.worst_low().total_cmp(&a.worst_low())));
    if let Some(winner) = winner {
        // A collapsed encoder cannot be the reason of a better score, whatever the rows say.
        findings.pays = if sound { Pays::Yes } else { Pays::Unclear };
        return Some(winner);
    }
    let focus =
        contrasts.iter().min_by(|a, b| a.row.labels.cmp(&b.row.labels).then(b.row.mean.total_cmp(&a.row.mean)))?;
    findings.pays = if contrasts.iter().all(Contrast::gains_nothing) { Pays::No } else { Pays::Unclear };
    Some(focus)
}
